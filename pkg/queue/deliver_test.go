package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// calls is a Deliverer that keeps what it was given and answers by a function.
type calls struct {
	mu     sync.Mutex
	made   []job.Task
	answer func(ctx context.Context, task *job.Task, nth int) (job.Outcome, error)
}

func (c *calls) Deliver(ctx context.Context, task *job.Task) (job.Outcome, error) {
	c.mu.Lock()
	c.made = append(c.made, *task)
	nth := len(c.made)
	c.mu.Unlock()
	return c.answer(ctx, task, nth)
}

func (c *calls) all() []job.Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]job.Task(nil), c.made...)
}

func (c *calls) count() int { return len(c.all()) }

func done(context.Context, *job.Task, int) (job.Outcome, error) { return job.Outcome{}, nil }

func (x *bench) work(b *Broker, d Deliverer) (stop func()) {
	x.t.Helper()
	return run(x.t, b.NewWorkers(d, WorkerOptions{Concurrency: 20, ShutdownTimeout: time.Second}).Run)
}

func (x *bench) enqueue(ids ...string) {
	x.t.Helper()
	for _, id := range ids {
		noError(x.t, x.b.Enqueue(x.ctx, []job.Task{taskOf(id)}))
	}
}

func TestEveryTaskIsDeliveredOnceFromAllQueues(t *testing.T) {
	x := newBench(t)
	tasks := tasksOf(900)
	for i := range tasks {
		tasks[i].Queue = queues()[i%3]
	}
	noError(t, x.b.Enqueue(x.ctx, tasks))
	c := &calls{answer: done}
	x.work(x.b, c)
	x.work(x.open("host:2"), c)
	eventually(t, "all delivered", func() bool { return c.count() >= len(tasks) })
	noError(t, x.b.Enqueue(x.ctx, tasks)) // remembered: not delivered again
	eventually(t, "all completed", func() bool {
		stats, err := x.b.Stats(x.ctx)
		return err == nil && stats[0].Completed == 300 && stats[1].Completed == 300 && stats[2].Completed == 300
	})
	seen := map[string]bool{}
	for _, task := range c.all() {
		if seen[task.RunID] {
			t.Errorf("%s was delivered twice", task.RunID)
		}
		seen[task.RunID] = true
	}
}

func TestNextAttemptComesInTimeWithTheOnesBefore(t *testing.T) {
	x := newBench(t)
	var retryAt, second job.Instant
	c := &calls{answer: func(_ context.Context, task *job.Task, nth int) (job.Outcome, error) {
		if nth == 1 {
			retryAt = now() + 300
			return job.Outcome{RetryAt: &retryAt, Made: append(task.Made, attempt(1))}, nil
		}
		second = now()
		return job.Outcome{Made: append(task.Made, attempt(2))}, nil
	}}
	x.enqueue("run")
	x.work(x.b, c)
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	made := c.all()
	if len(made) != 2 || len(made[0].Made) != 0 || len(made[1].Made) != 1 || made[1].Made[0].N != 1 {
		t.Fatalf("delivered %d times, the last knowing %v", len(made), made[len(made)-1].Made)
	}
	if late := second - retryAt; late < 0 || late > 3000 {
		t.Errorf("the attempt came %d ms after its moment", late)
	}
	if x.saved("run") {
		t.Error("what was saved was not dropped at the end")
	}
}

// saved reports whether a delivery left something for the next.
func (x *bench) saved(runID string) bool {
	return x.b.client.HExists(x.ctx, x.b.asynqTask(job.QueueDefault, runID), fieldOutcome).Val()
}

// failsOnce fails the first call, and asks for the next one after a wait.
func failsOnce(wait job.Instant) *calls {
	return &calls{answer: func(_ context.Context, task *job.Task, nth int) (job.Outcome, error) {
		if nth > 1 {
			return job.Outcome{Made: append(task.Made, attempt(2))}, nil
		}
		at := now() + wait
		return job.Outcome{RetryAt: &at, Made: append(task.Made, attempt(1))}, nil
	}}
}

// retried is how often asynq has brought a task back.
func (x *bench) retried(id string) int {
	x.t.Helper()
	info, err := x.b.inspector.GetTaskInfo("default", id)
	noError(x.t, err)
	return info.Retried
}

func TestANearAttemptIsWaitedForWhereThereIsRoom(t *testing.T) {
	for name, tc := range map[string]struct {
		wait                 job.Instant
		concurrency, retried int
	}{
		"near":      {wait: 200, concurrency: 20, retried: 0},
		"far":       {wait: job.Instant(job.NearAttempt.Milliseconds()) + 500, concurrency: 20, retried: 1},
		"busy":      {wait: 200, concurrency: 1, retried: 1},
		"past":      {wait: -5, concurrency: 20, retried: 0},
		"past, now": {wait: 0, concurrency: 20, retried: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newBench(t)
			c := failsOnce(tc.wait)
			x.enqueue("run")
			run(t, x.b.NewWorkers(c, WorkerOptions{Concurrency: tc.concurrency, ShutdownTimeout: time.Second}).Run)
			eventually(t, "completed", func() bool { return x.state("run") == "completed" })
			if n := x.retried("run"); n != tc.retried || c.count() != 2 || len(c.all()[1].Made) != 1 {
				t.Errorf("asynq brought the task back %d times, want %d; calls: %d", n, tc.retried, c.count())
			}
		})
	}
}

// An attempt that would not end within the time that asynq gives to a delivery is not waited for.
func TestANearAttemptThatCouldTakeTooLongGoesBack(t *testing.T) {
	x := newBench(t)
	h := &deliveries{b: x.b, taker: x.b.newTaker(20, func() int { return 0 })}
	task := taskOf("run")
	task.Policy.AttemptTimeout = job.Duration(30 * time.Second)
	for left, want := range map[time.Duration]bool{50 * time.Second: false, 70 * time.Second: true} {
		lease, cancel := context.WithTimeout(x.ctx, left)
		if got := h.waitsFor(lease, x.ctx, &task, now()); got != want {
			t.Errorf("with %v left it waits: %v", left, got)
		}
		cancel()
	}
}

// A cancel, a lost lease and the worker's end give the slot back at once, and the attempt is not made here.
func TestWhatEndsTheWaitForTheNextAttempt(t *testing.T) {
	x := newBench(t)
	ended, end := context.WithCancelCause(x.ctx)
	end(job.ErrCanceled)
	for name, tc := range map[string]struct {
		lease, call context.Context
		stopping    bool
	}{
		"cancel":     {x.ctx, ended, false},
		"lost lease": {ended, x.ctx, false},
		"shutdown":   {x.ctx, x.ctx, true},
	} {
		h := &deliveries{b: x.b, taker: x.b.newTaker(20, func() int { return 0 })}
		if tc.stopping {
			close(h.taker.closed)
		}
		task := taskOf("run")
		if h.waitsFor(tc.lease, tc.call, &task, now()+job.Instant(job.NearAttempt.Milliseconds())) {
			t.Errorf("%s: the wait went on until the attempt's moment", name)
		}
	}
}

func TestAWaitForTheNextAttemptEndsWithTheWorker(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	c := failsOnce(job.Instant(job.NearAttempt.Milliseconds()) - 1)
	x.enqueue("run")
	stop := x.work(x.b, c)
	eventually(t, "the first attempt is saved", func() bool { return x.saved("run") })
	stop()
	if got := x.state("run"); c.count() == 1 && got != "retry" {
		t.Errorf("the task that waited is %s, want retry", got)
	}
	x.work(x.b, c)
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	if c.count() != 2 {
		t.Errorf("%d calls were made, want 2", c.count())
	}
}

func TestTheHistoryOfALostTaskIsNotForgotten(t *testing.T) {
	x := newBench(t)
	task := taskOf("run")
	task.Made = []job.Attempt{attempt(1), attempt(2)} // the database knew; redis lost it
	noError(t, x.b.Enqueue(x.ctx, []job.Task{task}))
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "delivered", func() bool { return c.count() == 1 })
	if made := c.all()[0].Made; len(made) != 2 {
		t.Errorf("the delivery knows of %d attempts, want 2", len(made))
	}
}

func TestWhatWasNotSettledComesAgainUncounted(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	c := &calls{answer: func(_ context.Context, _ *job.Task, nth int) (job.Outcome, error) {
		if nth == 1 {
			return job.Outcome{}, errors.New("the secret of the target")
		}
		return job.Outcome{}, nil
	}}
	x.enqueue("run")
	x.work(x.b, c)
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	info, err := x.inspector.GetTaskInfo("default", "run")
	noError(t, err)
	if info.Retried != 0 || c.count() != 2 || strings.Contains(info.LastErr, "secret") {
		t.Errorf("retried %d, delivered %d times, last error %q", info.Retried, c.count(), info.LastErr)
	}
}

func TestAPanicIsAnErrorAndCounts(t *testing.T) {
	x := newBench(t)
	c := &calls{answer: func(context.Context, *job.Task, int) (job.Outcome, error) { panic("boom") }}
	x.enqueue("run")
	x.work(x.b, c)
	eventually(t, "waits for another try", func() bool { return x.state("run") == "retry" })
	info, err := x.inspector.GetTaskInfo("default", "run")
	noError(t, err)
	if info.Retried != 1 || x.log.count("a delivery panicked") != 1 {
		t.Errorf("retried %d, log:\n%s", info.Retried, x.log)
	}
}

func TestShutdownLetsCallsEndAndHandsTheOthersBack(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	started, quick := make(chan string, 2), make(chan struct{})
	first := &calls{answer: func(ctx context.Context, task *job.Task, _ int) (job.Outcome, error) {
		started <- task.RunID
		if task.RunID == "slow" {
			<-ctx.Done()
			return job.Outcome{}, ctx.Err()
		}
		<-quick
		return job.Outcome{}, nil
	}}
	x.enqueue("quick", "slow")
	stop := x.work(x.b, first)
	<-started
	<-started
	go close(quick)
	stop()
	if state := x.state("quick"); state != "completed" {
		t.Errorf("the call that ended in time left its task %s", state)
	}
	if state := x.state("slow"); state != "retry" && state != "pending" {
		t.Errorf("the call that was cut off left its task %s", state)
	}
	second := &calls{answer: done}
	x.work(x.open("host:2"), second)
	eventually(t, "completed", func() bool { return x.state("slow") == "completed" })
	info, err := x.inspector.GetTaskInfo("default", "slow")
	noError(t, err)
	if info.Retried != 0 || second.count() != 1 {
		t.Errorf("the handed back task was counted %d times and delivered %d times", info.Retried, second.count())
	}
}

func TestShutdownDoesNotWaitForTheDeaf(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	started, free := make(chan struct{}), make(chan struct{})
	c := &calls{answer: func(context.Context, *job.Task, int) (job.Outcome, error) {
		close(started)
		<-free
		return job.Outcome{}, nil
	}}
	x.enqueue("deaf")
	stop := run(t, x.b.NewWorkers(c, WorkerOptions{Concurrency: 1, ShutdownTimeout: 100 * time.Millisecond}).Run)
	<-started
	stop()
	close(free)
	if state := x.state("deaf"); state != "pending" {
		t.Errorf("the task is %s, want pending", state)
	}
	if x.log.count("deliveries did not end in time") != 1 {
		t.Errorf("nothing was said of it:\n%s", x.log)
	}
}

// raw puts a task of any type and payload into the queue.
func (x *bench) raw(id, kind, payload string) {
	x.t.Helper()
	_, err := x.b.tasks.Enqueue(asynq.NewTask(kind, []byte(payload)), asynq.TaskID(id), asynq.MaxRetry(1))
	noError(x.t, err)
}

func TestTasksOfANewerVersionAreKeptAndUnreadableOnesGivenUp(t *testing.T) {
	x := newBench(t)
	x.raw("newer", taskDeliver, inCBOR(t, map[string]any{"v": 3, "run_id": []string{"another", "shape"}}))
	x.raw("newer JSON", taskDeliverJSON, `{"v":2,"run_id":["another","shape"]}`)
	x.raw("kind", "run:something", `{"v":1}`)
	unreadable := map[string]string{"garbage": "\x00\xff", "shape": inCBOR(t, map[string]any{"v": 2, "run_id": 5}), "empty": inCBOR(t, map[string]any{"v": 2}),
		"older": inCBOR(t, map[string]any{"v": 1, "run_id": "r"}), "unversioned": inCBOR(t, map[string]any{"run_id": "r"}), "JSON": `{"v":1,"run_id":"r"}`}
	for id, payload := range unreadable {
		x.raw(id, taskDeliver, payload)
	}
	c := &calls{answer: done}
	x.work(x.b, c)
	for _, id := range []string{"newer", "newer JSON", "kind"} {
		eventually(t, id+" waits", func() bool { return x.state(id) == "retry" })
		info, err := x.inspector.GetTaskInfo("default", id)
		noError(t, err)
		if info.Retried != 0 || time.Until(info.NextProcessAt) < 5*time.Second {
			t.Errorf("%s: retried %d, next at %s", id, info.Retried, info.NextProcessAt)
		}
	}
	for _, id := range slices.Collect(maps.Keys(unreadable)) {
		eventually(t, id+" is archived", func() bool { return x.state(id) == "archived" })
	}
	if c.count() != 0 {
		t.Errorf("%d of them were delivered", c.count())
	}
}

// abandon makes a pending task look as a worker leaves it that died a minute ago.
func (x *bench) abandon(id string) {
	x.t.Helper()
	c := x.b.client
	noError(x.t, c.LMove(x.ctx, x.b.asynqKey("default", "pending"), x.b.asynqKey("default", "active"), "RIGHT", "LEFT").Err())
	noError(x.t, c.HSet(x.ctx, x.b.asynqTask("default", id), "state", "active").Err())
	noError(x.t, c.ZAdd(x.ctx, x.b.asynqKey("default", "lease"), redis.Z{Score: float64(time.Now().Unix() - 60), Member: id}).Err())
}

func TestTheTaskOfADeadWorkerComesAgainAtOnceAndCostsNoAttempt(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	x.enqueue("run")
	x.abandon("run")
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	if made := c.all(); len(made) != 1 || len(made[0].Made) != 0 {
		t.Errorf("delivered %d times, the last knowing %v", len(made), made[len(made)-1].Made)
	}
}

func TestAnAttemptThatWasSavedBeforeTheWorkerDiedIsKnown(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	x.enqueue("run")
	retryAt := now()
	noError(t, x.b.save(x.ctx, taskRef{job.QueueDefault, "run"}, &savedOutcome{RetryAt: &retryAt, Made: []job.Attempt{attempt(1)}}))
	x.abandon("run")
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	if made := c.all(); len(made) != 1 || len(made[0].Made) != 1 {
		t.Errorf("delivered %d times, the last knowing %v", len(made), made[len(made)-1].Made)
	}
}

// A worker loses its lease when Redis is away for 30 s, and asynq then gives the
// task to another one. The monitor's cancel button does the same at once.
func TestALostLeaseRepeatsNoCall(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]string{"by the same process": "host:1", "by another process": "host:2"} {
		t.Run(name, func(t *testing.T) {
			x := newBench(t)
			calling, answer := make(chan struct{}, 5), make(chan struct{})
			c := &calls{answer: func(ctx context.Context, _ *job.Task, _ int) (job.Outcome, error) {
				calling <- struct{}{}
				select {
				case <-answer:
					return job.Outcome{}, nil
				case <-ctx.Done():
					return job.Outcome{}, ctx.Err()
				}
			}}
			x.enqueue("run")
			stop := x.work(x.b, c)
			<-calling
			if other != "host:1" {
				// Only the other one takes tasks from here on; the call goes on in the first.
				x.work(x.open(other), c)
			}
			eventually(t, "the task waits", func() bool {
				noError(t, x.inspector.CancelProcessing("run")) // again and again: asynq may not listen yet
				return x.state("run") == "retry"
			})
			eventually(t, "the run is held", func() bool { return x.b.client.Exists(x.ctx, x.b.key(keyHeld)+"run").Val() == 1 })
			for range 3 { // it comes up while the call still runs
				_ = x.inspector.RunTask("default", "run")
				eventually(t, "the task waits again", func() bool { return x.state("run") == "retry" })
			}
			close(answer)
			eventually(t, "the outcome is saved", func() bool { return x.saved("run") })
			eventually(t, "the run is let go", func() bool { return x.b.client.Exists(x.ctx, x.b.key(keyHeld)+"run").Val() == 0 })
			_ = x.inspector.RunTask("default", "run")
			eventually(t, "completed", func() bool { return x.state("run") == "completed" })
			if c.count() != 1 {
				t.Errorf("called %d times", c.count())
			}
			stop()
		})
	}
}

func TestALostLeaseKeepsTheNextAttemptsMoment(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	x.enqueue("run")
	later := now() + 3600_000
	noError(t, x.b.save(x.ctx, taskRef{job.QueueDefault, "run"}, &savedOutcome{RetryAt: &later, Made: []job.Attempt{attempt(1)}, Lost: true}))
	x.abandon("run")
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "the task waits for its moment", func() bool {
		info, err := x.inspector.GetTaskInfo("default", "run")
		return err == nil && time.Until(info.NextProcessAt) > 59*time.Minute
	})
	if c.count() != 0 {
		t.Error("called too early")
	}
}

func TestRetryDelays(t *testing.T) {
	at := job.Instant(10_000)
	b := &Broker{now: func() job.Instant { return at }}
	for name, c := range map[string]struct {
		err     error
		want    time.Duration
		counted bool
	}{
		"a moment is rounded up":      {nextAttempt(11_001), 2 * time.Second, true},
		"a whole second stays":        {nextAttempt(11_000), time.Second, true},
		"a moment in the past":        {nextAttempt(5), 0, true},
		"a lost worker":               {asynq.ErrLeaseExpired, 3 * time.Second, true},
		"handed back":                 {handedBack(0), 0, false},
		"elsewhere":                   {elsewhere(), 2 * time.Second, false},
		"a newer version":             {newerTask(), 10 * time.Second, false},
		"a panic":                     {panicked(), 5 * time.Second, true},
		"canceled by hand":            {context.Canceled, 5 * time.Second, true},
		"longer than asynq's timeout": {context.DeadlineExceeded, 5 * time.Second, true},
	} {
		if got := b.retryDelay(3, c.err, nil); got != c.want || isCounted(c.err) != c.counted {
			t.Errorf("%s: after %s, counted %v; want %s, %v", name, got, isCounted(c.err), c.want, c.counted)
		}
	}
}

// The worker ends a run that the queue might bring back too late: it relies on this bound.
func TestTheQueueBringsATaskBackInTheTimeThatItSays(t *testing.T) {
	for now := job.Instant(10_000); now < 11_000; now += 7 {
		b := &Broker{now: func() job.Instant { return now }}
		for at := now; at < now+3000; at += 11 {
			due := now.Add(b.retryDelay(0, heldBack(at), nil))
			if late := due.Add(delayedCheck).Sub(at); due < at || late > job.MaxReturnDelay {
				t.Fatalf("held until %d at %d, it may come %s late, due at %d", at, now, late, due)
			}
		}
	}
}
