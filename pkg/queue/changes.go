package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// changesKept is how many entries of news a reader begins with: those that were
// there before it came.
const changesKept = 200

// Changes reads the news of all processes until the context ends, and then
// returns nil: first what lately was announced, then all that comes. Each batch
// has an id of its own, of which later ones are greater in the order they come.
// Lost is called when news may have been lost, which is so whenever Redis lost
// its data. An outage of Redis is waited out.
func (b *Broker) Changes(ctx context.Context, handle func(id string, changes []job.News), lost func()) error {
	waiting, end := b.waiter(ctx)
	defer end()
	last := ""
	for failures := 0; ctx.Err() == nil; failures++ {
		if last == "" {
			last = b.lateChanges(ctx, handle)
		}
		next, err := b.nextChanges(ctx, waiting, last, handle)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			b.outage.failed(err)
			pause(ctx, backoff(failures))
		case next == "": // the stream is younger than what was read of it
			lost()
			last, failures = "0-0", 0
		default:
			last, failures = next, 0
		}
	}
	return nil
}

// lateChanges hands over what lately was announced and says where that ends;
// empty when Redis does not answer.
func (b *Broker) lateChanges(ctx context.Context, handle func(string, []job.News)) string {
	entries, err := b.client.XRevRangeN(ctx, b.key(keyChanges), "+", "-", changesKept).Result()
	if err != nil {
		return ""
	}
	last := "0-0"
	for _, entry := range slices.Backward(entries) {
		b.handChanges(entry, handle)
		last = entry.ID
	}
	return last
}

// nextChanges waits for one batch of news after an id, and answers where it ends;
// empty when the stream ends before that id: it was lost, and begun anew.
func (b *Broker) nextChanges(
	ctx context.Context, waiting redis.UniversalClient, after string, handle func(string, []job.News),
) (string, error) {
	if after == "" {
		return "", errors.New("redis does not answer")
	}
	begun := time.Now()
	streams, err := waiting.XRead(ctx, &redis.XReadArgs{Streams: []string{b.key(keyChanges), after}, Count: changesKept, Block: waitForNews}).Result()
	if errors.Is(err, redis.Nil) || wasIdle(begun, err) {
		return b.checkChanges(ctx, after)
	}
	if err != nil {
		return "", err
	}
	b.outage.answered()
	for _, stream := range streams {
		for _, entry := range stream.Messages {
			b.handChanges(entry, handle)
			after = entry.ID
		}
	}
	return after, nil
}

// checkChanges looks whether the stream still reaches up to an id.
func (b *Broker) checkChanges(ctx context.Context, after string) (string, error) {
	newest, err := b.client.XRevRangeN(ctx, b.key(keyChanges), "+", "-", 1).Result()
	if err != nil {
		return "", err
	}
	b.outage.answered()
	if after != "0-0" && (len(newest) == 0 || earlier(newest[0].ID, after)) {
		return "", nil
	}
	return after, nil
}

// earlier compares the ids of two entries.
func earlier(a, b string) bool {
	var ams, aseq, bms, bseq int64
	_, _ = fmt.Sscanf(a, "%d-%d", &ams, &aseq) // Redis made them
	_, _ = fmt.Sscanf(b, "%d-%d", &bms, &bseq)
	return ams < bms || ams == bms && aseq < bseq
}

// handChanges hands over one entry; what this version cannot read is passed over.
func (b *Broker) handChanges(entry redis.XMessage, handle func(string, []job.News)) {
	if version, _ := entry.Values[fieldFormat].(string); version != fmt.Sprint(formatJSON) {
		return
	}
	text, _ := entry.Values[fieldChanges].(string)
	var changes []job.News
	if json.Unmarshal([]byte(text), &changes) != nil || len(changes) == 0 {
		return
	}
	handle(entry.ID, changes)
}
