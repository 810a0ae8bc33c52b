package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// saveLast bounds the last try to save an outcome when the worker must end.
const saveLast = 500 * time.Millisecond

// save keeps what one delivery leaves for the next in the hash of its task, and
// tries until it is kept: what is known of a task lives and vanishes with it. Where
// the task has vanished there is nothing to keep; its run is delivered anew, by what the
// history knows. It fails only when the context ended.
func (b *Broker) save(ctx context.Context, task taskRef, o *savedOutcome) error {
	o.Format = formatJSON
	data, err := json.Marshal(o)
	if err != nil {
		b.log.Error("an outcome cannot be encoded", "run_id", task.runID, "error", err)
		return handedBack(time.Second)
	}
	set := func(ctx context.Context) error {
		return b.scripts.save.Run(ctx, b.client, []string{b.asynqTask(task.queue, task.runID)}, data).Err()
	}
	for failures := 0; ; failures++ {
		if set(ctx) == nil {
			return nil
		}
		if !pause(ctx, backoff(failures)) {
			break
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
	defer cancel()
	if err := set(last); err != nil {
		b.log.Warn("an outcome was not saved: the attempt may be made again", "run_id", task.runID, "error", err)
		return handedBack(0)
	}
	return nil
}

// recall finds what an earlier delivery saved, nil when nothing. The error brings the task back: Redis did not
// answer, or another worker is still calling; or drops it, because it has vanished, and with it what was saved.
func (b *Broker) recall(ctx context.Context, task taskRef) (*savedOutcome, error) {
	var saved, older *redis.StringCmd
	var there *redis.BoolCmd
	var held *redis.IntCmd
	key := b.asynqTask(task.queue, task.runID)
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		saved, there = p.HGet(ctx, key, fieldOutcome), p.HExists(ctx, key, "msg")
		older, held = p.Get(ctx, b.key(keyOutcome)+task.runID), p.Exists(ctx, b.key(keyHeld)+task.runID)
		return nil
	})
	text := []byte(cmp.Or(saved.Val(), older.Val()))
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		return nil, handedBack(time.Second)
	case held.Val() > 0:
		return nil, elsewhere()
	case !there.Val():
		return nil, handedBack(0)
	case len(text) == 0:
		return nil, nil
	}
	var o savedOutcome
	err = json.Unmarshal(text, &o)
	switch {
	case err == nil && o.Format == formatJSON:
		return &o, nil
	case formatOf(text, json.Unmarshal) > formatJSON:
		return nil, newerTask()
	}
	b.log.Warn("a saved outcome cannot be read", "run_id", task.runID)
	return nil, nil
}

// forget drops what was saved, as far as that goes: it is kept no longer than its task.
func (b *Broker) forget(ctx context.Context, task taskRef) {
	_, _ = b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HDel(ctx, b.asynqTask(task.queue, task.runID), fieldOutcome)
		p.Del(ctx, b.key(keyOutcome)+task.runID)
		return nil
	})
}

// hold keeps other workers off a run whose lease was lost while it is being
// called, until the context ends.
func (b *Broker) hold(ctx context.Context, runID string) {
	b.log.Warn("the lease of a delivery was lost; it goes on", "run_id", runID)
	for wait := time.Duration(0); pause(ctx, wait); {
		wait = heldEvery
		if err := b.client.Set(ctx, b.key(keyHeld)+runID, b.name, heldTTL).Err(); err != nil {
			wait = time.Second
		}
	}
}

// letGo ends a hold, as far as that goes: it expires anyhow.
func (b *Broker) letGo(runID string) {
	ctx, cancel := context.WithTimeout(context.Background(), saveLast)
	defer cancel()
	_ = b.client.Del(ctx, b.key(keyHeld)+runID).Err()
}
