package queue

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// signal waits for one wake-up.
func signal(t *testing.T, wakes <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-wakes:
		if !ok {
			t.Fatalf("the channel is closed: %s", what)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("in vain waited for %s", what)
	}
}

func TestWakeReachesEveryProcessAndCoalesces(t *testing.T) {
	x := newBench(t)
	ctx, cancel := context.WithCancel(x.ctx)
	one, two := x.b.Wakes(ctx), x.open("host:2").Wakes(ctx)
	signal(t, one, "the signal of a new connection")
	signal(t, two, "the signal of a new connection")
	for range 50 {
		noError(t, x.b.Wake(x.ctx))
	}
	signal(t, one, "a wake-up")
	signal(t, two, "a wake-up")
	if len(one) > 1 {
		t.Errorf("%d signals wait", len(one))
	}
	cancel()
	eventually(t, "the channels are closed", func() bool {
		for _, wakes := range []<-chan struct{}{one, two} {
			for len(wakes) > 0 {
				<-wakes
			}
			select {
			case _, ok := <-wakes:
				if ok {
					return false
				}
			default:
				return false
			}
		}
		return true
	})
}

func TestARestartOfRedisIsWaitedOut(t *testing.T) {
	x := newBench(t)
	c, r := &calls{answer: func(_ context.Context, task *job.Task, _ int) (job.Outcome, error) {
		_, err := x.b.Report(context.Background(), &job.Event{RunID: task.RunID, At: now(), State: job.StateSucceeded})
		return job.Outcome{}, err
	}}, &record{}
	x.work(x.b, c)
	x.record(x.b, "host:1", r)
	wakes := x.b.Wakes(t.Context())
	signal(t, wakes, "the signal of a new connection")
	x.enqueue("before")
	eventually(t, "recorded", func() bool { return r.times()["before"] == 1 })

	x.server.kill()
	eventually(t, "the outage is noticed", func() bool { return x.log.count("cannot reach Redis") > 0 })
	x.server.start()
	eventually(t, "the end is noticed", func() bool { return x.log.count("Redis works again") > 0 })
	signal(t, wakes, "the signal after the restart")
	noError(t, x.b.Enqueue(x.ctx, []job.Task{taskOf("after")}))
	eventually(t, "recorded after the restart", func() bool { return r.times()["after"] == 1 })
	if away, back := x.log.count("cannot reach Redis"), x.log.count("Redis works again"); away != 1 || back != 1 {
		t.Errorf("%d lines say that Redis is away and %d that it is back:\n%s", away, back, x.log)
	}
	if n := strings.Count(x.log.String(), "\n"); n > 4 {
		t.Errorf("%d lines for one outage:\n%s", n, x.log)
	}
}

func TestWorkersAndResultsWaitForRedisAtTheStart(t *testing.T) {
	x := newBench(t)
	x.enqueue("run")
	x.server.kill()
	c, r := &calls{answer: done}, &record{}
	x.work(x.b, c)
	x.record(x.b, "host:1", r)
	eventually(t, "the outage is noticed", func() bool { return x.log.count("cannot reach Redis") == 1 })
	x.server.start()
	eventually(t, "delivered", func() bool { return c.count() == 1 })
	x.report("r")
	eventually(t, "recorded", func() bool { return r.times()["r"] == 1 })
}

func TestWorkersEndWhileRedisIsAway(t *testing.T) {
	x := newBench(t)
	never := x.work(x.b, &calls{answer: done})
	x.server.kill()
	early := x.work(x.open("host:2"), &calls{answer: done})
	early()
	never()
}

func TestAFlushInMidRunLosesNothingThatIsPutBack(t *testing.T) {
	x := newBench(t)
	tasks := tasksOf(50)
	c := &calls{answer: done}
	noError(t, x.b.Enqueue(x.ctx, tasks))
	noError(t, x.b.client.FlushAll(x.ctx).Err())
	x.work(x.b, c)
	found, err := x.b.Find(x.ctx, openOf(tasks), false)
	noError(t, err)
	made, err := x.b.Redeliver(x.ctx, tasks, marksOf(found))
	noError(t, err)
	if len(made) != len(tasks) {
		t.Errorf("%d of %d are made anew", len(made), len(tasks))
	}
	eventually(t, "delivered", func() bool { return c.count() == 50 })
}

func TestAliveCountsProcesses(t *testing.T) {
	x := newBench(t)
	check := func(wantBeats, wantWorkers int) {
		t.Helper()
		eventually(t, fmt.Sprint(wantBeats, " beats and ", wantWorkers, " workers"), func() bool {
			beats, workers, err := x.b.Alive(x.ctx)
			return err == nil && beats == wantBeats && workers == wantWorkers
		})
	}
	check(0, 0)
	stop := x.work(x.b, &calls{answer: done}) // two lanes, one process
	check(0, 1)
	noError(t, x.b.BeatAlive(x.ctx))
	noError(t, x.b.BeatAlive(x.ctx))
	noError(t, x.open("host:2").BeatAlive(x.ctx))
	check(2, 1)
	stop()
	check(2, 0)
	// One of them gave its last sign 16 s ago.
	noError(t, x.b.client.ZIncrBy(x.ctx, x.b.key(keyBeats), -16, "host:2").Err())
	check(1, 0)
	noError(t, x.b.BeatAlive(x.ctx))
	if n := x.b.client.ZCard(x.ctx, x.b.key(keyBeats)).Val(); n != 1 {
		t.Errorf("%d beats are remembered, want 1", n)
	}
}

func TestStatsTellHowLongTheOldestWaits(t *testing.T) {
	x := newBench(t)
	x.enqueue("old", "young")
	since := time.Now().Add(-90 * time.Second).UnixNano()
	noError(t, x.b.client.HSet(x.ctx, x.b.asynqTask("default", "old"), "pending_since", since).Err())
	stats, err := x.b.Stats(x.ctx)
	noError(t, err)
	if got := stats[1].LatencyMS; got < 90_000 || got > 100_000 {
		t.Errorf("the oldest waits %d ms, want 90 s", got)
	}
	if stats[0].LatencyMS != 0 {
		t.Errorf("in an empty queue one waits %d ms", stats[0].LatencyMS)
	}
}

func TestLibrariesLogOnceAKindAndEndNothing(t *testing.T) {
	var book logBook
	log := slog.New(slog.NewTextHandler(&book, nil))
	away := &outage{log: log}
	l := newLibraryLog(log, away, "queue library")
	asynqLog{l}.Fatal("Could not: one")
	asynqLog{l}.Error("Could not: two")
	asynqLog{l}.Info("everyday")
	asynqLog{l}.Warn("Something else ", strings.Repeat("é", 1000))
	redisLog{l}.Printf(t.Context(), "failed %d: %s", 1, "x")
	redisLog{l}.Printf(t.Context(), "failed to dial: %s", "dial tcp 127.0.0.1:1: connection refused")
	asynqLog{l}.Error("Dequeue error: dial tcp 127.0.0.1:1: connection refused")
	asynqLog{l}.Warn("recoverer: dial tcp 127.0.0.1:1: connection refused")
	away.failed(context.DeadlineExceeded)
	asynqLog{l}.Error("New kind: while away")
	away.answered()
	away.answered()
	for text, want := range map[string]int{"one": 1, "two": 0, "everyday": 0, "failed 1": 1, "New kind": 0, "Dequeue": 0,
		"cannot reach Redis": 1, "Redis works again": 1} {
		if got := book.count(text); got != want {
			t.Errorf("%q is there %d times, want %d", text, got, want)
		}
	}
	for line := range strings.Lines(book.String()) {
		if len(line) > 2*maxLogDetail {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
