package queue

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

const deadLife = "host:9/dead"

// grave is a run that is being called by a worker which gives no sign and does not listen.
type grave struct {
	*bench
	w *watch
	// calls counts the deliveries, made the attempts that the latest knows of.
	calls, made atomic.Int64
}

// newGrave has a run called, and makes its call that of a worker that is not there.
func newGrave(t *testing.T) *grave {
	t.Helper()
	g := &grave{bench: newBench(t)}
	g.w = &watch{b: g.b}
	called, release := make(chan struct{}, 10), make(chan struct{})
	work := func(b *Broker) {
		g.work(b, deliverer(func(ctx context.Context, task *job.Task) (job.Outcome, error) {
			_, err := b.Report(ctx, &job.Event{RunID: task.RunID, At: now(), State: job.StateRunning, N: 1})
			g.made.Store(int64(len(task.Made)))
			g.calls.Add(1)
			called <- struct{}{}
			<-release
			return job.Outcome{}, err
		}))
	}
	work(g.b)
	g.enqueue("run")
	<-called
	work(g.open("host:2")) // the first delivers the run already
	t.Cleanup(func() { close(release) })
	g.set(-60)
	noError(t, g.b.client.HSet(g.ctx, g.b.key(keyCalls), "run", deadLife).Err())
	g.taker(deadLife)
	g.lease(10)
	return g
}

// set puts the dead worker's last sign so many seconds from now, by the clock of Redis.
func (g *grave) set(seconds int64) {
	g.t.Helper()
	noError(g.t, g.b.client.ZAdd(g.ctx, g.b.key(keyWorkers), redis.Z{Score: float64(g.redisNow() + seconds), Member: deadLife}).Err())
}

// lease sets how much is left of the run's, by the clock of the process that looks.
func (g *grave) lease(seconds int64) {
	g.t.Helper()
	end := g.w.b.now().Time().Unix() + seconds
	noError(g.t, g.b.client.ZAdd(g.ctx, g.b.asynqKey(job.QueueDefault, "lease"), redis.Z{Score: float64(end), Member: "run"}).Err())
}

// taker notes who took the run's task.
func (g *grave) taker(life string) {
	g.t.Helper()
	noError(g.t, g.b.client.HSet(g.ctx, g.b.asynqTask(job.QueueDefault, "run"), fieldTaker, life).Err())
}

// looks makes looks at the workers at moments so many seconds from a beginning.
func (g *grave) looks(seconds ...int) {
	g.t.Helper()
	for _, s := range seconds {
		noError(g.t, g.w.look(g.ctx, time.Unix(1_000_000, 0).Add(time.Duration(s)*time.Second)))
	}
}

// back reports whether the run was delivered again.
func (g *grave) back() bool { return g.calls.Load() > 1 }

// What a dead worker was calling is delivered again, by the same task, which counts one return more.
func TestTheTaskOfADeadWorkerComesBack(t *testing.T) {
	g := newGrave(t)
	saved := &savedOutcome{Made: []job.Attempt{attempt(1)}, RetryAt: new(job.Instant)}
	noError(t, g.b.save(g.ctx, taskRef{job.QueueDefault, "run"}, saved))
	g.looks(0, 1, 2, 5, 7, 9)
	if g.back() {
		t.Fatal("it is back after nine seconds")
	}
	g.looks(10)
	eventually(t, "it is delivered again", g.back)
	info, err := g.inspector.GetTaskInfo("default", "run")
	noError(t, err)
	if info.Retried != 1 || info.State != asynq.TaskStateActive {
		t.Errorf("asynq takes it for %s, after %d returns", info.State, info.Retried)
	}
	if made := g.made.Load(); made != 1 {
		t.Errorf("it knows of %d attempts, not of the one that was saved", made)
	}
	for name, want := range map[string]int64{"active": 1, "pending": 0} {
		if n := g.b.client.LLen(g.ctx, g.b.asynqKey(job.QueueDefault, name)).Val(); n != want {
			t.Errorf("%d tasks are %s, want %d", n, name, want)
		}
	}
	g.looks(12, 14, 16, 18)
	if n := g.calls.Load(); n != 2 {
		t.Errorf("it was delivered %d times", n)
	}
}

// Leases are by the clock of the processes, whatever Redis has.
func TestDeadWorkersAreMissedByTheProcessesClock(t *testing.T) {
	tests := []struct {
		name string
		// ahead is how far the processes' clock is before that of Redis.
		ahead time.Duration
		lease int64
		back  bool
	}{
		{"ahead of Redis", time.Hour, 10, true},
		{"ahead of Redis, and the lease is renewed", time.Hour, 29, false},
		{"behind Redis, and the lease is renewed", -time.Hour, 29, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newGrave(t)
			b, err := Open(Options{URL: g.server.url(), Name: "host:3", Now: func() job.Instant { return now().Add(test.ahead) }})
			noError(t, err)
			t.Cleanup(func() { _ = b.Close() })
			g.w = &watch{b: b}
			g.lease(test.lease)
			g.looks(0, 2, 4, 6, 8, 10, 12)
			if n := g.b.client.Exists(g.ctx, g.b.key(keyLosses)+"run").Val(); (n == 1) != test.back {
				t.Errorf("the run has lost %d workers", n)
			}
		})
	}
}

// What a worker had taken and not begun when it died is missed as well, and called once.
func TestTheTasksThatADeadWorkerHadNotBegunComeBack(t *testing.T) {
	x := newBench(t)
	dead := x.open("host:9")
	noError(t, x.b.Enqueue(x.ctx, tasksOf(12)))
	_, err := takeOne(dead.newTaker(8, func() int { return 0 }))
	noError(t, err)
	lease := time.Now().Add(10 * time.Second).Unix()
	for i := range 8 {
		noError(t, x.b.client.ZAdd(x.ctx, takeKeys(x.b)[3], redis.Z{Score: float64(lease), Member: fmt.Sprintf("run-%05d", i)}).Err())
	}
	noError(t, x.b.client.ZAdd(x.ctx, x.b.key(keyWorkers), redis.Z{Score: float64(x.redisNow() - 60), Member: dead.life}).Err())
	w := &watch{b: x.b}
	look := func(second int) {
		noError(t, w.look(x.ctx, time.Unix(1_000_000, 0).Add(time.Duration(second)*time.Second)))
	}
	for s := 0; s < 10; s += 2 {
		look(s)
	}
	if n := x.b.client.LLen(x.ctx, takeKeys(x.b)[2]).Val(); n != 8 {
		t.Fatalf("after eight seconds %d tasks are taken", n)
	}
	look(10)
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "all are delivered", func() bool { return c.count() == 12 })
	look(12)
	for i := range 12 {
		id := fmt.Sprintf("run-%05d", i)
		eventually(t, id+" is completed", func() bool { return x.state(id) == "completed" })
	}
	if n := c.count(); n != 12 {
		t.Errorf("%d deliveries of 12 tasks", n)
	}
}

func TestOnceMore(t *testing.T) {
	x := newBench(t)
	x.enqueue("run")
	message := x.b.client.HGet(x.ctx, x.b.asynqTask(job.QueueDefault, "run"), "msg").Val()
	allowed := job.DefaultPolicy().Retry.MaxAttempts + lostWorkers
	for n := 1; n < allowed; n++ {
		next, ok := onceMore([]byte(message))
		if !ok {
			t.Fatalf("no return number %d of %d", n, allowed)
		}
		message = string(next)
		noError(t, x.b.client.HSet(x.ctx, x.b.asynqTask(job.QueueDefault, "run"), "msg", message).Err())
		info, err := x.inspector.GetTaskInfo("default", "run")
		noError(t, err)
		if info.Retried != n || info.MaxRetry != allowed {
			t.Fatalf("asynq reads %d returns of %d, want %d of %d", info.Retried, info.MaxRetry, n, allowed)
		}
	}
	for _, bad := range []string{message, "\xff", "x" + message[:20]} {
		if _, ok := onceMore([]byte(bad)); ok {
			t.Errorf("there is one more return in %q", bad)
		}
	}
}

// Each of these leaves the task to its worker, or to asynq.
func TestTheTaskOfALivingWorkerIsKept(t *testing.T) {
	tests := map[string]func(g *grave){
		"it listens": func(g *grave) {
			s := g.b.client.Subscribe(g.ctx, g.b.key(channelWorker)+deadLife)
			g.t.Cleanup(func() { _ = s.Close() })
			_, err := s.Receive(g.ctx)
			noError(g.t, err)
			g.looks(0, 2, 4, 6, 8, 10, 12)
		},
		"it gives signs": func(g *grave) { g.set(0); g.looks(0, 2, 4, 6, 8, 10, 12) },
		"it listened in between": func(g *grave) {
			g.looks(0, 2, 4, 6, 8)
			s := g.b.client.Subscribe(g.ctx, g.b.key(channelWorker)+deadLife)
			_, err := s.Receive(g.ctx)
			noError(g.t, err)
			g.looks(9)
			noError(g.t, s.Close())
			eventually(g.t, "it does not listen", func() bool {
				n, err := g.b.listening(g.ctx, deadLife)
				return err == nil && n[deadLife] == 0
			})
			g.looks(10, 12, 14)
		},
		"nobody looked for a while": func(g *grave) { g.looks(0, 2, 4, 6, 10, 12) },
		"its lease is renewed":      func(g *grave) { g.lease(29); g.looks(0, 2, 4, 6, 8, 10, 12) },
		"another worker calls the run": func(g *grave) {
			noError(g.t, g.b.client.HSet(g.ctx, g.b.key(keyCalls), "run", "host:8/other").Err())
			g.looks(0, 2, 4, 6, 8, 10, 12)
		},
		"another worker took the task": func(g *grave) { g.taker("host:8/other"); g.looks(0, 2, 4, 6, 8, 10, 12) },
		"another worker took it between look and deed": func(g *grave) {
			most := fmt.Sprint(time.Now().Unix() + 20)
			noError(g.t, g.b.bringBack(g.ctx, job.QueueDefault, "run", &hands{taker: "host:8/other"}, most))
		},
		"nobody knows who has the run": func(g *grave) {
			noError(g.t, g.b.client.HDel(g.ctx, g.b.key(keyCalls), "run").Err())
			g.taker("")
			g.looks(0, 2, 4, 6, 8, 10, 12)
		},
		"the run has killed too many workers": func(g *grave) {
			noError(g.t, g.b.client.Set(g.ctx, g.b.key(keyLosses)+"run", lossesAtOnce, time.Minute).Err())
			g.looks(0, 2, 4, 6, 8, 10, 12)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGrave(t)
			test(g)
			if g.back() {
				t.Error("the run is delivered again")
			}
		})
	}
}

// What is noted of a worker goes with it.
func TestADeadWorkerLeavesNoNotes(t *testing.T) {
	g := newGrave(t)
	g.lease(29)
	for s := 0; s <= int(sweepAfter/time.Second); s += 2 {
		g.looks(s)
	}
	if n := g.b.client.HLen(g.ctx, g.b.key(keyCalls)).Val(); n != 0 {
		t.Errorf("%d calls are still noted", n)
	}
	if err := g.b.client.ZScore(g.ctx, g.b.key(keyWorkers), deadLife).Err(); err != redis.Nil {
		t.Errorf("the worker is still noted: %v", err)
	}
}

// A worker notes its calls while they go on, and itself while it is there.
func TestAWorkerShowsThatItLives(t *testing.T) {
	x := newBench(t)
	release := make(chan struct{})
	stop := x.work(x.b, deliverer(func(ctx context.Context, task *job.Task) (job.Outcome, error) {
		_, err := x.b.Report(ctx, &job.Event{RunID: task.RunID, At: now(), State: job.StateRunning, N: 1})
		<-release
		return job.Outcome{}, err
	}))
	x.enqueue("run")
	eventually(t, "the call is noted", func() bool { return x.b.client.HGet(x.ctx, x.b.key(keyCalls), "run").Val() == x.b.life })
	eventually(t, "the worker gives a sign", func() bool { return x.b.client.ZScore(x.ctx, x.b.key(keyWorkers), x.b.life).Err() == nil })
	listening, err := x.b.listening(x.ctx, x.b.life, deadLife)
	noError(t, err)
	if listening[x.b.life] != 1 || listening[deadLife] != 0 {
		t.Errorf("listening: %v", listening)
	}
	close(release)
	eventually(t, "the end of the call is noted", func() bool { return x.b.client.HLen(x.ctx, x.b.key(keyCalls)).Val() == 0 })
	stop()
	if n := x.b.client.ZCard(x.ctx, x.b.key(keyWorkers)).Val(); n != 0 {
		t.Error("a worker that ended in good order is still noted")
	}
}
