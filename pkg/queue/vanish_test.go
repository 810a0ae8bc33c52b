package queue

import (
	"context"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// vanish takes keys out of Redis, as eviction or a hand does.
func (x *bench) vanish(keys ...string) {
	x.t.Helper()
	noError(x.t, x.b.client.Del(x.ctx, keys...).Err())
}

// nothingLeft fails where anything in Redis still names the run.
func (x *bench) nothingLeft(runID string) {
	x.t.Helper()
	left := x.dump(runID)
	for _, name := range []string{"pending", "active", "lease", "retry", "completed", "fields"} {
		if ids := left[name].([]string); len(ids) > 0 {
			x.t.Errorf("of a task that vanished there is left: %s %v", name, ids)
		}
	}
}

// waiting is a run whose first attempt has failed, and which waits for its second.
func waiting(t *testing.T) (*bench, *calls) {
	t.Helper()
	x, c := newBench(t), failsOnce(3_600_000)
	x.enqueue("run")
	x.work(x.b, c)
	eventually(t, "it waits", func() bool { return x.state("run") == "retry" })
	return x, c
}

// How often a run was called is known by no key that may vanish without its task.
func TestAttemptsAreCountedWithoutAKeyOfTheirOwn(t *testing.T) {
	t.Parallel()
	x, c := waiting(t)
	keys, err := x.b.client.Keys(x.ctx, "{schedule}:*").Result()
	noError(t, err)
	x.vanish(keys...)
	noError(t, x.inspector.RunTask("default", "run"))
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	if made := c.all(); len(made) != 2 || len(made[1].Made) != 1 || made[1].Made[0].N != 1 {
		t.Errorf("delivered %d times, the last knowing %v", len(made), made[len(made)-1].Made)
	}
}

// A task without its message cannot be delivered: it is dropped and not taken, so that its run is missed.
func TestATaskWhoseHashVanishedIsDropped(t *testing.T) {
	t.Parallel()
	x, c := waiting(t)
	x.vanish(x.b.asynqTask("default", "run"))
	// As asynq's forwarder does when the time has come: it makes the hash anew.
	noError(t, x.b.client.ZRem(x.ctx, x.b.asynqKey("default", "retry"), "run").Err())
	noError(t, x.b.client.HSet(x.ctx, x.b.asynqTask("default", "run"), "state", "pending", "pending_since", 1).Err())
	noError(t, x.b.client.LPush(x.ctx, x.b.asynqKey("default", "pending"), "run").Err())
	eventually(t, "it is dropped", func() bool { return x.state("run") == "" })
	x.nothingLeft("run")
	if c.count() != 1 {
		t.Errorf("it was called %d times", c.count())
	}
}

// The attempts of a run lie beside the message: where that vanishes during a call, asynq must not write it anew without them.
func TestATaskWhoseHashVanishesInItsCallIsNotWrittenAnew(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	called, release := make(chan bool), make(chan bool)
	x.enqueue("run")
	x.work(x.b, deliverer(func(context.Context, *job.Task) (job.Outcome, error) {
		called <- true
		<-release
		later := now() + 3_600_000
		return job.Outcome{RetryAt: &later, Made: []job.Attempt{attempt(1)}}, nil
	}))
	<-called
	x.vanish(x.b.asynqTask("default", "run"))
	release <- true
	eventually(t, "the delivery has ended", func() bool { return x.b.client.LLen(x.ctx, x.b.asynqKey("default", "active")).Val() == 0 })
	x.nothingLeft("run")
}

// What was saved may vanish between the taking of a task and the look for it.
func TestWhatWasSavedMayVanishBeforeItIsLookedFor(t *testing.T) {
	x := newBench(t)
	ref := taskRef{job.QueueDefault, "run"}
	if saved, err := x.b.recall(x.ctx, ref); saved != nil || err == nil {
		t.Errorf("of a task that is not there %v, %v is known", saved, err)
	}
	noError(t, x.b.save(x.ctx, ref, &savedOutcome{Made: []job.Attempt{attempt(1)}}))
	if x.state("run") != "" || x.saved("run") {
		t.Error("an outcome was saved for a task that is not there")
	}
	x.enqueue("run")
	if saved, err := x.b.recall(x.ctx, ref); saved != nil || err != nil {
		t.Errorf("of a task of which nothing was saved %v, %v is known", saved, err)
	}
}

// A run that waits for its retry while its worker is replaced keeps its attempts.
func TestAttemptsThatAnEarlierVersionSavedAreKnown(t *testing.T) {
	x := newBench(t)
	ref := taskRef{job.QueueDefault, "run"}
	x.enqueue("run")
	noError(t, x.b.client.Set(x.ctx, x.b.key(keyOutcome)+"run", `{"v":1,"retry_at":"2027-01-15T08:00:00.000Z","made":[{"n":1},{"n":2}]}`, time.Hour).Err())
	if saved, err := x.b.recall(x.ctx, ref); err != nil || saved == nil || len(saved.Made) != 2 {
		t.Errorf("known is %+v, %v", saved, err)
	}
	noError(t, x.b.save(x.ctx, ref, &savedOutcome{Made: []job.Attempt{attempt(1), attempt(2), attempt(3)}}))
	if saved, err := x.b.recall(x.ctx, ref); err != nil || saved == nil || len(saved.Made) != 3 {
		t.Errorf("known is %+v, %v", saved, err)
	}
	x.b.forget(x.ctx, ref)
	if saved, err := x.b.recall(x.ctx, ref); err != nil || saved != nil {
		t.Errorf("after the end %+v, %v is known", saved, err)
	}
}

// A task that was delivered anew may stand twice in the list.
func TestATaskThatStandsTwiceInTheListIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	x.enqueue("run")
	noError(t, x.b.client.LPush(x.ctx, x.b.asynqKey("default", "pending"), "run").Err())
	x.enqueue("last")
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "all completed", func() bool { return x.state("last") == "completed" && x.state("run") == "completed" })
	eventually(t, "the list is empty", func() bool { return x.b.client.LLen(x.ctx, x.b.asynqKey("default", "pending")).Val() == 0 })
	if c.count() != 2 {
		t.Errorf("%d calls were made for two runs", c.count())
	}
}
