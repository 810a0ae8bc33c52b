package queue

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// A worker whose clock is off takes nothing, takes no other's call for lost, and says so, until the clock is right.
func TestAWorkerWithAWrongClockTakesNothing(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": time.Minute, "behind": -time.Minute} {
		t.Run(name, func(t *testing.T) {
			x := newBench(t)
			var shift atomic.Int64
			shift.Store(off.Milliseconds())
			b, err := Open(Options{URL: x.server.url(), Name: "host:2", WatchClock: true, Logger: slog.New(slog.NewTextHandler(x.log, nil)),
				Now: func() job.Instant {
					at, _ := x.b.client.Time(x.ctx).Result() // the clock of the tests need not be that of Redis
					return job.Instant(at.UnixMilli() + shift.Load())
				}})
			noError(t, err)
			t.Cleanup(func() { _ = b.Close() })
			err = b.CheckClock(x.ctx)
			want := "the clock of this machine is 60s " + map[string]string{"ahead": "ahead of", "behind": "behind"}[name] + " that of Redis"
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("it says %v, want %q", err, want)
			}
			tasks := tasksOf(1)
			noError(t, x.b.Enqueue(x.ctx, tasks))
			taker := b.newTaker(8, func() int { return 0 })
			if _, err := takeOne(taker); err != redis.Nil {
				t.Errorf("it took: %v", err)
			}
			if got := x.state(tasks[0].RunID); got != "pending" {
				t.Errorf("the task is %q", got)
			}
			// Another's lease, which has ended by the wrong clock, say.
			lease := x.b.asynqKey("default", "lease")
			noError(t, x.b.client.ZAdd(x.ctx, lease, redis.Z{Score: 1, Member: tasks[0].RunID}).Err())
			lost, err := taker.EvalSha(x.ctx, asynqExpired, []string{lease}, x.redisNow(), x.b.asynqKey("default", "t:")).StringSlice()
			if err != nil || len(lost) > 0 {
				t.Errorf("it takes %v for lost: %v", lost, err)
			}
			noError(t, x.b.client.Del(x.ctx, lease).Err())
			shift.Store(0)
			b.clockwork.mu.Lock()
			b.clockwork.compared = time.Time{}
			b.clockwork.mu.Unlock()
			if _, err := takeOne(taker); err != nil {
				t.Errorf("with the right clock: %v", err)
			}
			if text := x.log.String(); !strings.Contains(text, "nothing is taken and fired") || !strings.Contains(text, "is right again") {
				t.Errorf("the log says %s", text)
			}
		})
	}
}

// The recoverer of asynq asks by the script that is watched for.
func TestTheRecovererIsKnown(t *testing.T) {
	x := newBench(t)
	stop := x.work(x.b, &calls{answer: done})
	defer stop()
	eventually(t, "asynq has looked for ended leases by that script", func() bool {
		known, err := x.b.client.ScriptExists(x.ctx, asynqExpired).Result()
		return err == nil && known[0]
	})
}

// A clock that cannot be compared yet is no reason to fire, and one that was right stays so while Redis is away.
func TestAClockThatCannotBeCompared(t *testing.T) {
	x := newBench(t)
	right := func() job.Instant { at, _ := x.b.client.Time(x.ctx).Result(); return job.Instant(at.UnixMilli()) }
	open := func() *Broker {
		b, err := Open(Options{URL: x.server.url(), Name: "host:3", WatchClock: true, Now: right})
		noError(t, err)
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	known, unknown := open(), open()
	noError(t, known.CheckClock(x.ctx))
	x.server.kill()
	known.clockwork.compared = time.Time{}
	noError(t, known.CheckClock(x.ctx))
	if unknown.CheckClock(x.ctx) == nil {
		t.Error("a clock of which nothing is known is right")
	}
}
