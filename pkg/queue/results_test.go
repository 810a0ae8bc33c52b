package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// record is a handler of results that keeps what it was given.
type record struct {
	mu     sync.Mutex
	events []job.Event
	fail   func(calls int) error // nil: never
	calls  int
}

func (r *record) handle(_ context.Context, events []job.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.fail != nil {
		if err := r.fail(r.calls); err != nil {
			return err
		}
	}
	r.events = append(r.events, events...)
	return nil
}

func (r *record) all() []job.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]job.Event(nil), r.events...)
}

// times tells how often each run was recorded.
func (r *record) times() map[string]int {
	times := map[string]int{}
	for _, e := range r.all() {
		times[e.RunID]++
	}
	return times
}

func (x *bench) record(b *Broker, consumer string, r *record) (stop func()) {
	x.t.Helper()
	return run(x.t, func(ctx context.Context) error { return b.Results(ctx, consumer, r.handle) })
}

func (x *bench) report(id string) {
	x.t.Helper()
	_, err := x.b.Report(x.ctx, &job.Event{RunID: id, At: now(), State: job.StateSucceeded, Reason: job.ReasonOK})
	noError(x.t, err)
}

func (x *bench) streamLen() int64 { return x.b.client.XLen(x.ctx, x.b.key(keyResults)).Val() }

func TestResultsArriveWholeAndLeaveRedisWhenRecorded(t *testing.T) {
	x := newBench(t)
	text, code, at := "说 <&>", 503, now()
	want := []job.Event{
		{RunID: "r", At: at, State: job.StateRunning, N: 1},
		{RunID: "r", At: at + 5, State: job.StateFailed, Reason: job.StatusReason(503), N: 1,
			Attempt:  &job.Attempt{N: 1, StartedAt: at, DurationMS: 5, StatusCode: &code, Error: &text, NextRetryAt: &at, Phases: job.Phases{TotalMS: 4.75}},
			Response: &job.Response{StatusCode: 503, Headers: map[string]string{"A": "b"}, Body: strings.Repeat("x", 64<<10), BodyEncoding: "text", Truncated: true}},
	}
	for i := range want {
		canceled, err := x.b.Report(x.ctx, &want[i])
		noError(t, err)
		if canceled {
			t.Error("a run without mark is canceled")
		}
	}
	r := &record{}
	x.record(x.b, "host:1", r)
	eventually(t, "recorded", func() bool { return x.streamLen() == 0 })
	if diff := cmp.Diff(want, r.all()); diff != "" {
		t.Errorf("other events came out (-in +out):\n%s", diff)
	}
}

func TestABatchIsHandedOverUntilItIsRecorded(t *testing.T) {
	x := newBench(t)
	r := &record{fail: func(calls int) error {
		if calls <= 3 {
			return errors.New("the database is away")
		}
		return nil
	}}
	x.report("r")
	x.record(x.b, "host:1", r)
	eventually(t, "recorded", func() bool { return x.streamLen() == 0 })
	if times := r.times(); times["r"] != 1 || x.log.count("results cannot be recorded") != 1 || x.log.count("recorded again") != 1 {
		t.Errorf("recorded %v, log:\n%s", times, x.log)
	}
}

func TestResultsEndInTimeWhileRecordingFails(t *testing.T) {
	x := newBench(t)
	failed := make(chan struct{}, 100)
	r := &record{fail: func(int) error { failed <- struct{}{}; return errors.New("the database is away") }}
	x.report("r")
	stop := x.record(x.b, "host:1", r)
	<-failed
	stop()
	if x.streamLen() != 1 {
		t.Error("what was not recorded has gone")
	}
	after := &record{}
	x.record(x.b, "host:1", after) // restarted under the same name
	eventually(t, "recorded", func() bool { return after.times()["r"] == 1 })
}

func TestAnotherConsumerTakesOverFromADeadOne(t *testing.T) {
	x := newBench(t)
	for i := range 1200 {
		x.report(fmt.Sprint("r", i))
	}
	noError(t, x.b.client.XGroupCreateMkStream(x.ctx, x.b.key(keyResults), groupRecord, "0").Err())
	taken, err := x.b.client.XReadGroup(x.ctx, &redis.XReadGroupArgs{Group: groupRecord, Consumer: "dead:1",
		Streams: []string{x.b.key(keyResults), ">"}, Count: 1100}).Result()
	noError(t, err)
	for _, m := range taken[0].Messages { // make it look as if that was 11 s ago
		noError(t, x.b.client.Do(x.ctx, "XCLAIM", x.b.key(keyResults), groupRecord, "dead:1", 0, m.ID, "IDLE", 11_000, "JUSTID").Err())
	}
	r := &record{}
	x.record(x.b, "host:1", r)
	eventually(t, "recorded", func() bool { return x.streamLen() == 0 })
	if n := len(r.times()); n != 1200 || len(r.all()) != 1200 {
		t.Errorf("%d runs in %d events, want 1200", n, len(r.all()))
	}
}

func TestConsumersShareTheResults(t *testing.T) {
	x := newBench(t)
	one, two := &record{}, &record{}
	x.record(x.b, "host:1", one)
	x.record(x.open("host:2"), "host:2", two)
	for i := range 500 {
		x.report(fmt.Sprint("r", i))
	}
	eventually(t, "recorded", func() bool { return x.streamLen() == 0 })
	if n := len(one.all()) + len(two.all()); n != 500 {
		t.Errorf("%d events were recorded, want 500", n)
	}
}

func TestResultsSurviveAFlush(t *testing.T) {
	x := newBench(t)
	r := &record{}
	x.record(x.b, "host:1", r)
	x.report("before")
	eventually(t, "recorded", func() bool { return r.times()["before"] == 1 })
	noError(t, x.b.client.FlushAll(x.ctx).Err())
	x.report("after")
	eventually(t, "recorded again", func() bool { return r.times()["after"] == 1 })
	if x.log.count("cannot reach Redis") != 0 {
		t.Errorf("a flush is no outage:\n%s", x.log)
	}
}

func TestWhatCannotBeReadIsPutAsideAndBlocksNothing(t *testing.T) {
	x := newBench(t)
	for _, values := range [][]any{
		{"v", "3", "e", "newer"},
		{"v", "2", "e", "\xa1"},
		{"v", "2", "e", `{"run_id":"JSON"}`},
		{"v", "1", "e", `{"run_id":`},
		{"v", "1", "e", `{"run_id":"no state"}`},
		{"v", "1"},
		{"something", "else"},
	} {
		noError(t, x.b.client.XAdd(x.ctx, &redis.XAddArgs{Stream: x.b.key(keyResults), Values: values}).Err())
	}
	x.report("good")
	r := &record{}
	x.record(x.b, "host:1", r)
	eventually(t, "read", func() bool { return x.streamLen() == 0 })
	if times := r.times(); len(times) != 1 || times["good"] != 1 {
		t.Errorf("recorded %v", times)
	}
	aside, err := x.b.client.XRange(x.ctx, x.b.key(keyUnknown), "-", "+").Result()
	noError(t, err)
	if len(aside) != 7 || aside[0].Values["e"] != "newer" || aside[0].Values[fieldOrigin] == "" {
		t.Errorf("put aside: %v", aside)
	}
}

func TestOldConsumersAreForgottenUnlessTheyOweSomething(t *testing.T) {
	x := newBench(t)
	x.report("r")
	noError(t, x.b.client.XGroupCreateMkStream(x.ctx, x.b.key(keyResults), groupRecord, "0").Err())
	noError(t, x.b.client.XGroupCreateConsumer(x.ctx, x.b.key(keyResults), groupRecord, "young:1").Err())
	r := &record{}
	x.record(x.b, "host:1", r)
	eventually(t, "recorded", func() bool { return x.streamLen() == 0 })
	if n := len(x.b.client.XInfoConsumers(x.ctx, x.b.key(keyResults), groupRecord).Val()); n != 2 {
		t.Errorf("%d consumers, want both", n)
	}
}

func TestSettleWaitsForWhatIsThereAndNoLonger(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	noError(t, x.b.Settle(x.ctx)) // nothing there

	x.report("before")
	short, cancel := context.WithTimeout(x.ctx, 50*time.Millisecond)
	defer cancel()
	if err := x.b.Settle(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a recorder: %v, want its time to run out", err)
	}

	r := &record{}
	x.record(x.b, "host:1", r)
	producing, stop := context.WithCancel(x.ctx)
	var producers sync.WaitGroup
	defer producers.Wait()
	defer stop()
	for p := range 4 {
		producers.Go(func() {
			for i := 0; producing.Err() == nil; i++ {
				_, _ = x.b.Report(x.ctx, &job.Event{RunID: fmt.Sprint(p, "-", i), At: now(), State: job.StateSucceeded})
			}
		})
	}
	for i := range 20 {
		id := fmt.Sprint("mine-", i)
		x.report(id)
		noError(t, x.b.Settle(x.ctx))
		if r.times()[id] != 1 {
			t.Fatalf("settled before %s was recorded", id)
		}
	}
}

// Redis loses its data while a recorder has a batch in its hands: that is waited for all the same.
func TestSettleKnowsWhatIsRecordedWhenRedisForgets(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "in the middle"} {
		t.Run(when, func(t *testing.T) {
			x := newBench(t)
			entered, release := make(chan bool, 1), make(chan bool)
			r := &record{fail: func(int) error { entered <- true; <-release; return nil }}
			x.record(x.b, "host:1", r)
			noError(t, x.b.client.Set(x.ctx, x.b.key(keySince), 1, 0).Err())
			x.report("run")
			<-entered
			forget := func() { noError(t, x.b.client.FlushAll(x.ctx).Err()) }
			if when == "before" {
				forget()
			}
			settled := make(chan error, 1)
			go func() { settled <- x.b.Settle(x.ctx) }()
			if when == "in the middle" {
				eventually(t, "somebody waits", func() bool { return x.b.client.Exists(x.ctx, x.b.key(keySettling)).Val() == 1 })
				forget()
			}
			eventually(t, "the batch is noted", func() bool { return x.b.client.ZCard(x.ctx, x.b.key(keyRecording)).Val() == 1 })
			select {
			case err := <-settled:
				t.Fatalf("settled before the batch was recorded: %v", err)
			default:
			}
			close(release)
			noError(t, <-settled)
			if r.times()["run"] != 1 {
				t.Error("settled before the batch was recorded")
			}
			eventually(t, "no batch is noted", func() bool { return x.b.client.ZCard(x.ctx, x.b.key(keyRecording)).Val() == 0 })
		})
	}
}

// What a recorder noted that died, or the clock of Redis that was set back, holds nobody up.
func TestSettleIsHeldUpByNoOldNote(t *testing.T) {
	x := newBench(t)
	now := x.b.client.Time(x.ctx).Val().UnixMilli()
	noError(t, x.b.client.Set(x.ctx, x.b.key(keySince), now+3_600_000, 0).Err())
	noError(t, x.b.client.ZAdd(x.ctx, x.b.key(keyRecording), redis.Z{Score: float64(now - 1), Member: "dead"},
		redis.Z{Score: float64(now + 3_600_000), Member: "before the step back"}).Err())
	noError(t, x.b.Settle(x.ctx))
}

func TestCancelMarksFirstAndStartedCallsAreSeen(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	r := &record{}
	x.record(x.b, "host:1", r)
	start := func(id string) bool {
		canceled, err := x.b.Report(x.ctx, &job.Event{RunID: id, At: now(), State: job.StateRunning, N: 1})
		noError(t, err)
		return canceled
	}
	if start("started") {
		t.Error("canceled before anybody said so")
	}
	noError(t, x.b.Cancel(x.ctx, []job.Run{{ID: "started"}, {ID: "waiting"}}))
	noError(t, x.b.Settle(x.ctx))
	if r.times()["started"] != 1 {
		t.Error("the canceler does not see the call that began before its mark")
	}
	if !start("waiting") {
		t.Error("a call began in spite of the mark")
	}
	if ttl := x.b.client.TTL(x.ctx, x.b.key(keyCanceled)+"waiting").Val(); ttl < 47*time.Hour {
		t.Errorf("the mark lives for %s", ttl)
	}
}

// However a start and a cancellation interleave, the call is either not made, or known to the canceler.
func TestCancelRace(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	r := &record{}
	x.record(x.b, "host:1", r)
	other := x.open("host:2")
	for i := range 200 {
		id := fmt.Sprint("run-", i)
		var canceled bool
		var both sync.WaitGroup
		both.Go(func() {
			canceled, _ = x.b.Report(x.ctx, &job.Event{RunID: id, At: now(), State: job.StateRunning, N: 1})
		})
		var seen bool
		both.Go(func() {
			_ = other.Cancel(x.ctx, []job.Run{{ID: id}})
			_ = other.Settle(x.ctx)
			seen = r.times()[id] > 0
		})
		both.Wait()
		if !canceled && !seen {
			t.Fatalf("%s was called, and the canceler did not see it", id)
		}
	}
}

// A task that waits because its worker lost the lease and is still calling stays: without it the call would count as lost.
func TestCancelLeavesTheTaskOfACallWithoutLease(t *testing.T) {
	x := newBench(t)
	x.enqueue("held", "free")
	noError(t, x.b.client.Set(x.ctx, x.b.key(keyHeld)+"held", "host:2", heldTTL).Err())
	noError(t, x.b.Cancel(x.ctx, []job.Run{{ID: "held"}, {ID: "free"}}))
	if x.state("held") != "pending" || x.state("free") != "" {
		t.Errorf("the tasks are %q and %q", x.state("held"), x.state("free"))
	}
}

func TestCancelTakesWaitingTasksOutOfTheQueue(t *testing.T) {
	x := newBench(t)
	x.enqueue("done")
	stop := x.work(x.b, &calls{answer: done})
	eventually(t, "completed", func() bool { return x.state("done") == "completed" })
	stop()
	x.enqueue("active")
	noError(t, x.b.client.LMove(x.ctx, x.b.asynqKey("default", "pending"), x.b.asynqKey("default", "active"), "RIGHT", "LEFT").Err())
	noError(t, x.b.client.HSet(x.ctx, x.b.asynqTask("default", "active"), "state", "active").Err())
	x.enqueue("pending")

	runs := []job.Run{{ID: "pending", Queue: job.QueueDefault}, {ID: "active", Queue: job.QueueDefault},
		{ID: "done", Queue: job.QueueDefault}, {ID: "unknown", Queue: job.QueueLow}}
	noError(t, x.b.Cancel(x.ctx, runs))
	for id, want := range map[string]string{"pending": "", "active": "active", "done": "completed"} {
		if got := x.state(id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	if n := x.b.client.Exists(x.ctx, x.b.key(keyCanceled)+"pending", x.b.key(keyCanceled)+"active", x.b.key(keyCanceled)+"done", x.b.key(keyCanceled)+"unknown").Val(); n != 4 {
		t.Errorf("%d marks, want 4", n)
	}
}

// Calls are made first; but what was reported is recorded within a moment also
// where tasks go on waiting, and at once where somebody waits for that.
func TestTheAccountYieldsToTasksThatWait(t *testing.T) {
	x := newBench(t)
	yields := func() bool {
		t.Helper()
		busy, err := x.b.callsFirst(x.ctx)
		noError(t, err)
		return busy
	}
	if yields() {
		t.Error("it yields to nothing")
	}
	x.enqueue("waits")
	x.report("done")
	if !yields() {
		t.Error("it does not yield to a task that waits")
	}
	noError(t, x.b.client.Set(x.ctx, x.b.key(keySettling), "somebody", 0).Err())
	if yields() {
		t.Error("it yields although somebody waits")
	}
	noError(t, x.b.client.Del(x.ctx, x.b.key(keySettling)).Err())
	r := &record{}
	x.record(x.b, "one", r)
	eventually(t, "recorded while a task waits", func() bool { return len(r.all()) == 1 })
	x.report("done as well")
	noError(t, x.b.Settle(x.ctx))
	if len(r.all()) != 2 {
		t.Error("settled before all was recorded")
	}
}
