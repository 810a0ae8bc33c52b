package queue

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"schedule-server/pkg/job"
)

const (
	// watchEvery is how often workers are looked at while one of them does not listen; watchCalm, while all do.
	watchEvery = time.Second
	watchCalm  = 2 * time.Second
	// goneAfter is how long a worker must be seen not to listen, and how old its
	// last sign must be, before it counts as dead.
	goneAfter = 10 * time.Second
	// watchGap is the longest time between two looks that still count as one observation.
	watchGap = 3 * time.Second
	// leaseLeft is how much of asynq's lease of 30 s a dead worker's task has left at
	// most: a living worker renews its leases every 5 s, so that it is one proof more.
	leaseLeft = 20 * time.Second
	// lossesAtOnce is how many workers one run may lose until it is left to asynq, which
	// takes longer and counts: a call that kills its worker shall not kill one after the other.
	lossesAtOnce = 3
	lossesKept   = 24 * time.Hour
	// sweepAfter is how long a worker is gone when all that is noted of it is dropped.
	sweepAfter = 3 * time.Minute
)

const (
	// workersScript tells the time, and all workers with their last signs of life.
	workersScript = `
local found = redis.call("ZRANGE", KEYS[1], 0, -1, "WITHSCORES")
table.insert(found, 1, redis.call("TIME")[1])
return found`
	// bringBackScript lets an active task wait again, unless it changed or its lease was renewed.
	bringBackScript = `
local lease = redis.call("ZSCORE", KEYS[2], ARGV[1])
if not lease or tonumber(lease) > tonumber(ARGV[2]) then return 0 end
local task = redis.call("HMGET", KEYS[4], "msg", "taker")
if task[1] ~= ARGV[3] or (task[2] or "") ~= ARGV[5] then return 0 end
redis.call("LREM", KEYS[1], 0, ARGV[1])
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("HSET", KEYS[4], "msg", ARGV[4], "state", "pending")
redis.call("RPUSH", KEYS[3], ARGV[1])
return 1`
)

// watch is one process's view of the workers.
type watch struct {
	b *Broker
	// silent are the lives that do not listen.
	silent map[string]silence
}

// silence is the time in which a worker was seen not to listen.
type silence struct{ since, last time.Time }

// WatchWorkers looks for workers that died, until the context ends, and has what
// they were calling, or had taken to call it, delivered again, as asynq does after one to two minutes: the
// task stays one and the same, so that nobody else can enqueue its run meanwhile,
// and counts one return more, so that the next worker looks for what was saved of it. It returns nil.
func (b *Broker) WatchWorkers(ctx context.Context) error {
	w := &watch{b: b}
	for pause(ctx, w.wait()) {
		if err := w.look(ctx, time.Now()); err != nil {
			w.silent = nil // what Redis did not tell was not seen
		}
	}
	return nil
}

// wait is how long it is until the next look.
func (w *watch) wait() time.Duration {
	if len(w.silent) > 0 {
		return watchEvery
	}
	return watchCalm
}

// look is one look at all workers.
func (w *watch) look(ctx context.Context, now time.Time) error {
	clock, signs, err := w.b.signs(ctx)
	if err != nil || len(signs) == 0 {
		return err
	}
	listening, err := w.b.listening(ctx, slices.Collect(maps.Keys(signs))...)
	if err != nil {
		return err
	}
	gone, silent := map[string]bool{}, map[string]silence{}
	for life, sign := range signs {
		if listening[life] > 0 {
			continue
		}
		s, known := w.silent[life]
		if !known || now.Sub(s.last) > watchGap {
			s.since = now
		}
		s.last = now
		silent[life] = s
		if lasted := min(now.Sub(s.since), time.Duration(clock-sign)*time.Second); lasted >= goneAfter {
			gone[life] = true
		}
		if now.Sub(s.since) >= sweepAfter {
			if err := w.b.sweep(ctx, life); err != nil {
				return err
			}
		}
	}
	w.silent = silent
	return w.b.bury(ctx, gone)
}

// signs are the last signs of life of all workers, by life; they and clock are in seconds by the clock of Redis.
func (b *Broker) signs(ctx context.Context) (clock int64, signs map[string]int64, err error) {
	found, err := b.workers.Run(ctx, b.client, []string{b.key(keyWorkers)}).StringSlice()
	if err != nil {
		return 0, nil, unavailable(err)
	}
	clock, _ = strconv.ParseInt(found[0], 10, 64) // as Redis tells it
	signs = make(map[string]int64, len(found)/2)
	for i := 1; i+1 < len(found); i += 2 {
		signs[found[i]], _ = strconv.ParseInt(found[i+1], 10, 64) // as our script wrote it
	}
	return clock, signs, nil
}

// bury has the tasks delivered again that dead workers had in their hands: those
// that they were calling, and those that they had taken and not begun.
//
// Leases are compared with the clock of this process. The workers wrote them by
// theirs, and Redis may have another.
func (b *Broker) bury(ctx context.Context, gone map[string]bool) error {
	if len(gone) == 0 {
		return nil
	}
	most := strconv.FormatInt(b.now().Add(leaseLeft).Time().Unix(), 10)
	for _, queue := range queues() {
		ids, err := b.client.ZRangeByScore(ctx, b.asynqKey(queue, "lease"), &redis.ZRangeBy{Min: "-inf", Max: most}).Result()
		if err != nil {
			return unavailable(err)
		}
		if len(ids) == 0 {
			continue
		}
		held, err := b.holders(ctx, queue, ids)
		if err != nil {
			return err
		}
		for i := range held {
			if h := &held[i]; h.dead(gone) {
				if err := b.bringBack(ctx, queue, ids[i], h, most); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hands are who has an active task: the lives of the worker process that took
// it last, and of the one that last began to call its run. A worker of an older
// version does not note what it takes. Empty: not known.
type hands struct{ taker, caller string }

// dead reports whether all who may have the task are.
func (h *hands) dead(gone map[string]bool) bool {
	return (h.taker == "" || gone[h.taker]) && (h.caller == "" || gone[h.caller]) && *h != hands{}
}

// holders tells who has the active tasks of a queue.
func (b *Broker) holders(ctx context.Context, queue job.Queue, ids []string) ([]hands, error) {
	callers, err := b.client.HMGet(ctx, b.key(keyCalls), ids...).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	takers := make([]*redis.StringCmd, len(ids))
	_, err = b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			takers[i] = p.HGet(ctx, b.asynqTask(queue, id), fieldTaker)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	held := make([]hands, len(ids))
	for i := range held {
		held[i].taker = takers[i].Val()
		held[i].caller, _ = callers[i].(string)
	}
	return held, nil
}

// bringBack has one task of a dead worker delivered again, unless its run has lost too many.
func (b *Broker) bringBack(ctx context.Context, queue job.Queue, runID string, h *hands, most string) error {
	losses, err := b.client.Get(ctx, b.key(keyLosses)+runID).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return unavailable(err)
	}
	if losses >= lossesAtOnce {
		return nil
	}
	message, err := b.client.HGet(ctx, b.asynqTask(queue, runID), "msg").Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	next, ok := onceMore([]byte(message))
	if !ok {
		return nil // of another asynq: its recoverer knows
	}
	keys := []string{b.asynqKey(queue, "active"), b.asynqKey(queue, "lease"), b.asynqKey(queue, "pending"), b.asynqTask(queue, runID)}
	n, err := b.bringBackScript.Run(ctx, b.client, keys, runID, most, message, next, h.taker).Int()
	if err != nil || n == 0 {
		return unavailable(err)
	}
	name, _, _ := strings.Cut(cmp.Or(h.caller, h.taker), "/")
	b.log.Warn("the worker of a run died; the run is delivered again", "run_id", runID, "worker", name)
	return unavailable(b.client.Set(ctx, b.key(keyLosses)+runID, losses+1, lossesKept).Err())
}

// The numbers of fields of asynq's message (v0.26, internal/proto).
const (
	messagePayload = 2
	messageRetry   = 5 // how many returns are allowed
	messageRetried = 6 // how many there were
	messageHeaders = 15
)

// onceMore is asynq's message with one return more. Of a field that stands
// twice in a message the last one counts, so that it is added at the end. It reports
// false for a message that cannot be read, or that has no return left.
func onceMore(message []byte) ([]byte, bool) {
	fields := map[protowire.Number]uint64{}
	readable := eachField(message, func(number protowire.Number, kind protowire.Type, _, value []byte) {
		if kind == protowire.VarintType {
			fields[number], _ = protowire.ConsumeVarint(value)
		}
	})
	retried := fields[messageRetried] + 1
	if !readable || retried >= fields[messageRetry] {
		return nil, false
	}
	next := protowire.AppendTag(slices.Clone(message), messageRetried, protowire.VarintType)
	return protowire.AppendVarint(next, retried), true
}

// eachField hands over the fields of a protobuf message, until one cannot be read: then it reports false.
func eachField(message []byte, handle func(number protowire.Number, kind protowire.Type, tag, value []byte)) bool {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false
		}
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		if size < 0 {
			return false
		}
		handle(number, kind, message[:n], message[n:n+size])
		message = message[n+size:]
	}
	return true
}

// sweep drops all that is noted of a worker.
func (b *Broker) sweep(ctx context.Context, life string) error {
	for cursor := uint64(0); ; {
		fields, next, err := b.client.HScan(ctx, b.key(keyCalls), cursor, "", askAtOnce).Result()
		if err != nil {
			return unavailable(err)
		}
		args := []any{life}
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i+1] == life {
				args = append(args, fields[i])
			}
		}
		if len(args) > 1 {
			if err := b.release.Run(ctx, b.client, []string{b.key(keyCalls)}, args...).Err(); err != nil {
				return unavailable(err)
			}
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	return unavailable(b.client.ZRem(ctx, b.key(keyWorkers), life).Err())
}
