package queue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

const (
	resultBatch = 2000
	// gatherFor is how long events gather after a batch that was not full. A batch
	// costs a transaction whatever it holds, and the start and the end of a short
	// call that are in one are written once.
	gatherFor = 50 * time.Millisecond
	// yieldMost is how long the account waits at most while tasks wait for a worker.
	yieldMost = time.Second
	// claimIdle is how long entries lie with another consumer before it counts as dead.
	claimIdle  = 4 * time.Second
	claimEvery = 2 * time.Second
	// takeBackEvery is how often what was put aside is looked at.
	takeBackEvery = 5 * time.Second
	// forgetIdle is how long a consumer without entries is remembered.
	forgetIdle = time.Hour
	// unknownAtOnce is how many entries that were put aside are looked at together.
	unknownAtOnce = 100
	// lastBatch bounds the work on a batch that was at hand when the context ended.
	lastBatch = 5 * time.Second
)

// Results reads the events of all workers until the context ends, and then
// returns nil. Each batch goes to handle until that returns nil; only then is it
// taken out of Redis, so an event may come again, and is never lost. Several
// consumers, each of its own name, share the events, and take over those of one
// that has died. An outage of Redis is waited out. What this version cannot read
// is put aside into a stream of its own, for a consumer that can. Handle's context lives for some seconds
// after ctx has ended, so that a batch that was read is also recorded.
func (b *Broker) Results(ctx context.Context, consumer string, handle func(context.Context, []job.Event) error) error {
	grace, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(lastBatch, cancel)
		context.AfterFunc(grace, func() { timer.Stop() })
	})()
	waiting, end := b.waiter(ctx)
	defer end()
	r := &resultReader{b: b, waiting: waiting, consumer: consumer, handle: handle, grace: grace}
	for failures := 0; ctx.Err() == nil; failures++ {
		before := r.batches
		err := r.read(ctx)
		if r.batches > before {
			failures = 0
		}
		switch {
		case ctx.Err() != nil:
		case isNoGroup(err): // Redis lost its data; the next round makes the group anew
		default:
			b.outage.failed(err)
			pause(ctx, backoff(failures))
		}
	}
	return nil
}

// unrecordedFor is how old what was reported may be when it is recorded.
const unrecordedFor = 15 * time.Second

// CheckResults is an error when what workers report has not been recorded for a while, whichever recorder should have.
func (b *Broker) CheckResults(ctx context.Context) error {
	oldest, err := b.client.XRangeN(ctx, b.key(keyResults), "-", "+", 1).Result()
	if err != nil || len(oldest) == 0 {
		return unavailable(err)
	}
	now, err := b.client.Time(ctx).Result()
	if err != nil {
		return unavailable(err)
	}
	ms, _, _ := strings.Cut(oldest[0].ID, "-")
	at, _ := strconv.ParseInt(ms, 10, 64) // Redis made it
	if age := now.Sub(time.UnixMilli(at)); age >= unrecordedFor {
		return job.Stalled("results have been waiting to be recorded for %s", job.Duration(age.Truncate(time.Second)))
	}
	return nil
}

// resultReader is one consumer of the results.
type resultReader struct {
	b        *Broker
	waiting  redis.UniversalClient // for reads that wait
	consumer string
	handle   func(context.Context, []job.Event) error
	grace    context.Context // of the work on a batch
	batches  int             // answers that Redis has given
	claimed  time.Time       // when the entries of the dead were last looked for
	tookBack time.Time       // when those that were put aside were
	aside    string          // the last entry put aside that was looked at
}

// read goes on until something fails, at the latest when ctx ends.
func (r *resultReader) read(ctx context.Context) error {
	if err := r.join(ctx); err != nil {
		return err
	}
	if err := r.own(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if time.Since(r.claimed) >= claimEvery {
			if err := r.claim(ctx); err != nil {
				return err
			}
			r.claimed = time.Now()
		}
		if time.Since(r.tookBack) >= takeBackEvery {
			if err := r.takeBack(ctx); err != nil {
				return err
			}
			r.tookBack = time.Now()
		}
		n, err := r.next(ctx, ">", waitForResults)
		if err != nil {
			return err
		}
		if 0 < n && n < resultBatch {
			pause(ctx, gatherFor)
			if err := r.yield(ctx); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// yield waits while tasks wait for a worker and nobody for the account: calls
// are made in time first, and the later their events are read the more of them
// belong to one run, which is then written once.
func (r *resultReader) yield(ctx context.Context) error {
	for end := time.Now().Add(yieldMost); time.Now().Before(end); {
		busy, err := r.b.callsFirst(ctx)
		if err != nil || !busy || !pause(ctx, gatherFor) {
			return err
		}
	}
	return nil
}

// callsFirst reports whether tasks wait for a worker, and nobody for what has been reported.
func (b *Broker) callsFirst(ctx context.Context) (bool, error) {
	var settling *redis.IntCmd
	var pending []*redis.IntCmd
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		settling = p.Exists(ctx, b.key(keySettling))
		for _, queue := range queues() {
			pending = append(pending, p.LLen(ctx, b.asynqKey(queue, "pending")))
		}
		return nil
	})
	if err != nil || settling.Val() > 0 {
		return false, err
	}
	return slices.ContainsFunc(pending, func(n *redis.IntCmd) bool { return n.Val() > 0 }), nil
}

// join makes the group where it is not there, and forgets the consumers that
// have long gone: each process had a name of its own.
func (r *resultReader) join(ctx context.Context) error {
	err := r.b.client.XGroupCreateMkStream(ctx, r.b.key(keyResults), groupRecord, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	if _, err := r.b.underway(ctx); err != nil { // so that nobody has to wait for it later
		return err
	}
	consumers, err := r.b.client.XInfoConsumers(ctx, r.b.key(keyResults), groupRecord).Result()
	if err != nil {
		return err
	}
	for _, c := range consumers {
		if c.Name != r.consumer && c.Pending == 0 && c.Idle > forgetIdle {
			if err := r.b.client.XGroupDelConsumer(ctx, r.b.key(keyResults), groupRecord, c.Name).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// own works on what was handed to this consumer before, and never acknowledged.
func (r *resultReader) own(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := r.next(ctx, "0", -1)
		if n == 0 || err != nil {
			return err
		}
	}
	return ctx.Err()
}

// claim takes over what a dead consumer has left.
func (r *resultReader) claim(ctx context.Context) error {
	cursor := "0-0"
	for ctx.Err() == nil {
		entries, next, err := r.b.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: r.b.key(keyResults), Group: groupRecord, Consumer: r.consumer,
			MinIdle: claimIdle, Start: cursor, Count: resultBatch,
		}).Result()
		if err != nil {
			return err
		}
		if err := r.work(ctx, entries); err != nil {
			return err
		}
		if next == "0-0" || next == "" {
			return nil
		}
		cursor = next
	}
	return ctx.Err()
}

// takeBack returns to the results what a consumer of an older version put aside
// and this one can read. It looks at each entry once: what it cannot read now, it never will.
func (r *resultReader) takeBack(ctx context.Context) error {
	for ctx.Err() == nil {
		from := "-"
		if r.aside != "" {
			from = "(" + r.aside
		}
		entries, err := r.b.client.XRangeN(ctx, r.b.key(keyUnknown), from, "+", unknownAtOnce).Result()
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, entry := range entries {
			delete(entry.Values, fieldOrigin)
			if _, err := decodeEvent(entry.Values); err == nil {
				_, err := r.b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
					p.XAdd(ctx, &redis.XAddArgs{Stream: r.b.key(keyResults), Values: entry.Values})
					p.XDel(ctx, r.b.key(keyUnknown), entry.ID)
					return nil
				})
				if err != nil {
					return err
				}
			}
			r.aside = entry.ID
		}
	}
	return ctx.Err()
}

// next reads one batch and works on it; block < 0 does not wait for one.
func (r *resultReader) next(ctx context.Context, from string, block time.Duration) (int, error) {
	client := r.b.client
	if block >= 0 {
		client = r.waiting
	}
	begun := time.Now()
	streams, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: groupRecord, Consumer: r.consumer, Streams: []string{r.b.key(keyResults), from},
		Count: resultBatch, Block: block,
	}).Result()
	switch {
	case block >= 0 && wasIdle(begun, err):
		return 0, nil // what Redis may have sent is claimed back
	case err != nil && !errors.Is(err, redis.Nil):
		return 0, err
	}
	r.batches++
	r.b.outage.answered()
	if len(streams) == 0 {
		return 0, nil
	}
	return len(streams[0].Messages), r.work(ctx, streams[0].Messages)
}

// work hands a batch over, and takes it out of Redis when that has gone well.
func (r *resultReader) work(ctx context.Context, entries []redis.XMessage) error {
	if len(entries) == 0 {
		return nil
	}
	events := make([]job.Event, 0, len(entries))
	var unknown []redis.XMessage
	for _, entry := range entries {
		if len(entry.Values) == 0 {
			continue // deleted while it was pending: somebody else has recorded it
		}
		event, err := decodeEvent(entry.Values)
		if err != nil {
			unknown = append(unknown, entry)
			continue
		}
		events = append(events, event)
	}
	shown := r.b.show(r.grace)
	defer shown()
	if err := r.hand(ctx, events); err != nil {
		return err
	}
	return r.finish(entries, unknown)
}

// hand calls handle until it succeeds.
func (r *resultReader) hand(ctx context.Context, events []job.Event) error {
	if len(events) == 0 {
		return nil
	}
	for failures := 0; ; failures++ {
		err := r.handle(r.grace, events)
		if err == nil {
			if failures > 0 {
				r.b.log.Info("results are recorded again")
			}
			return nil
		}
		if failures == 0 {
			r.b.log.Error("results cannot be recorded", "error", err)
		}
		if !pause(ctx, backoff(failures)) {
			return err
		}
	}
}

// finish acknowledges and deletes the entries, and puts the unknown ones aside, all or nothing.
func (r *resultReader) finish(entries, unknown []redis.XMessage) error {
	ids := make([]string, len(entries))
	for i, entry := range entries {
		ids[i] = entry.ID
	}
	ctx := r.grace
	_, err := r.b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, entry := range unknown {
			values := []any{fieldOrigin, entry.ID}
			for name, value := range entry.Values {
				values = append(values, name, value)
			}
			p.XAdd(ctx, &redis.XAddArgs{Stream: r.b.key(keyUnknown), MaxLen: unknownMax, Approx: true, Values: values})
		}
		p.XAck(ctx, r.b.key(keyResults), groupRecord, ids...)
		p.XDel(ctx, r.b.key(keyResults), ids...)
		return nil
	})
	if err == nil && len(unknown) > 0 {
		r.b.log.Warn("results that this version cannot read were put aside", "count", len(unknown), "stream", r.b.key(keyUnknown))
	}
	return err
}

// isNoGroup reports whether Redis answered, but has no such stream or group: it lost its data.
func isNoGroup(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "UNBLOCKED") ||
		strings.HasPrefix(err.Error(), "ERR no such key"))
}
