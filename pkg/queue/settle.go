package queue

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"time"
)

// What has been reported lies among the results until it is recorded, so that their
// end tells what is under way. When Redis loses its data that is gone, but a recorder
// may have a batch in its hands: one that takes long is noted beside the results, and
// noted again after such a loss. So a loss is noticed, and waited over.

const (
	// shownWithin is how long after a loss of data every batch that is being recorded is noted again.
	shownWithin = time.Second
	// showEvery is how often it is noted, shownFor for how long.
	showEvery = 200 * time.Millisecond
	shownFor  = 3 * time.Second
)

const (
	// underwayScript tells since when Redis keeps its data, which is noted where it
	// is not, the time, both in milliseconds, and the batches that are being recorded.
	underwayScript = `
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(n) return string.format("%.0f", n) end
local since = redis.call("GET", KEYS[1])
if not since then
	since = text(now)
	redis.call("SET", KEYS[1], since)
end
local found = redis.call("ZRANGEBYSCORE", KEYS[2], text(now), text(now + tonumber(ARGV[1])))
table.insert(found, 1, text(now))
table.insert(found, 1, since)
return found`
	// showScript notes that a batch is being recorded, and forgets those whose recorders died.
	showScript = `
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(n) return string.format("%.0f", n) end
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", text(now))
redis.call("ZADD", KEYS[1], text(now + tonumber(ARGV[1])), ARGV[2])
return redis.status_reply("OK")`
)

// underway is what Redis tells of batches that are being recorded.
type underway struct {
	// since tells one life of the data from the next.
	since   string
	age     time.Duration
	batches []string
}

func (b *Broker) underway(ctx context.Context) (underway, error) {
	found, err := b.underwayScript.Run(ctx, b.client, []string{b.key(keySince), b.key(keyRecording)}, shownFor.Milliseconds()).StringSlice()
	if err != nil {
		return underway{}, unavailable(err)
	}
	since, _ := strconv.ParseInt(found[0], 10, 64) // as our script wrote it
	now, _ := strconv.ParseInt(found[1], 10, 64)
	return underway{since: found[0], age: time.Duration(now-since) * time.Millisecond, batches: found[2:]}, nil
}

// Settle waits until every event that has been reported until now has been
// recorded, but for those that Redis lost. It lasts as long as the recorders take: bound it by the context.
func (b *Broker) Settle(ctx context.Context) error {
	for {
		before, err := b.underway(ctx)
		if err != nil {
			return err
		}
		if before.age >= 0 && before.age < shownWithin { // the clock may have been set back: that is no loss
			if !pause(ctx, shownWithin-before.age) {
				return unavailable(ctx.Err())
			}
			continue
		}
		if err := b.settleResults(ctx); err != nil {
			return err
		}
		after, err := b.settleBatches(ctx, before.batches)
		if err != nil || after.since == before.since {
			return err
		}
	}
}

// settleResults waits until the results that are there now have gone.
func (b *Broker) settleResults(ctx context.Context) error {
	last, err := b.client.XRevRangeN(ctx, b.key(keyResults), "+", "-", 1).Result()
	if err != nil {
		return unavailable(err)
	}
	if len(last) == 0 {
		return nil // what has been recorded is deleted
	}
	if err := b.client.Set(ctx, b.key(keySettling), b.name, yieldMost).Err(); err != nil {
		return unavailable(err)
	}
	return poll(ctx, func() (bool, error) {
		left, err := b.client.XRangeN(ctx, b.key(keyResults), "-", last[0].ID, 1).Result()
		return len(left) == 0, unavailable(err)
	})
}

// settleBatches waits until none of the batches is being recorded any more.
func (b *Broker) settleBatches(ctx context.Context, batches []string) (now underway, err error) {
	err = poll(ctx, func() (done bool, err error) {
		now, err = b.underway(ctx)
		return !slices.ContainsFunc(now.batches, func(batch string) bool { return slices.Contains(batches, batch) }), err
	})
	return now, err
}

// poll asks again and again until it is done.
func poll(ctx context.Context, ask func() (done bool, err error)) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		done, err := ask()
		if done || err != nil {
			return err
		}
		if !pause(ctx, wait) {
			return unavailable(ctx.Err())
		}
	}
}

// show notes that a batch is being recorded for as long as that takes, if it takes long.
func (b *Broker) show(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		batch, shown := rand.Text(), false
		for pause(ctx, showEvery) {
			shown = true
			_ = b.showScript.Run(ctx, b.client, []string{b.key(keyRecording)}, shownFor.Milliseconds(), batch).Err() // the next one is soon
		}
		if shown {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
			defer cancel()
			_ = b.client.ZRem(last, b.key(keyRecording), batch).Err() // it expires
		}
	}()
	return func() { stop(); <-ended }
}
