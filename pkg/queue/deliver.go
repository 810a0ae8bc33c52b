package queue

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"schedule-server/pkg/job"
)

// deliveries is the handler of one worker process.
type deliveries struct {
	b     *Broker
	d     Deliverer
	taker *taker
	// calls lives until running calls must stop. It is not asynq's context: that
	// one ends as soon as Redis has been away for a lease of 30 s, and a call that
	// was cut off for it would have to be made a second time.
	calls context.Context
	alive *presence

	mu      sync.Mutex
	running map[string]context.CancelCauseFunc // by run id
	closed  bool
	wg      sync.WaitGroup
}

// ProcessTask delivers one task. Its error tells asynq when to bring the task back.
func (h *deliveries) ProcessTask(ctx context.Context, t *asynq.Task) error {
	h.taker.began()
	task, err := h.b.read(t.Type(), t.Payload())
	if err != nil {
		h.b.aside.write(slog.LevelWarn, err.Error())
		return err
	}
	call, began := h.begin(task.RunID)
	if !began {
		return elsewhere()
	}
	defer h.end(task.RunID)
	recalled := false
	if retried, _ := asynq.GetRetryCount(ctx); retried > 0 {
		before, err := h.b.recall(ctx, refOf(task))
		if err != nil {
			return err
		}
		if before != nil {
			recalled = true
			if len(before.Made) > len(task.Made) {
				task.Made = before.Made
			}
			if done, err := h.resume(ctx, task, before); done {
				return err
			}
		}
	}
	for {
		outcome, err := h.call(ctx, call, task)
		switch {
		case err != nil:
			return err
		case outcome.HeldUntil != nil:
			if *outcome.HeldUntil <= h.b.now() { // it may ask again at any moment
				h.taker.bringSoon(served(task.Queue))
			}
			return heldBack(*outcome.HeldUntil)
		case outcome.RetryAt == nil:
			if recalled {
				h.b.forget(ctx, refOf(task))
			}
			return nil
		case !h.waitsFor(ctx, call, task, *outcome.RetryAt):
			return nextAttempt(*outcome.RetryAt)
		}
		task.Made, recalled = outcome.Made, true
	}
}

// waitsFor waits for a task's next attempt, if it is so near that asynq, which
// looks a few times a second and counts in seconds, would bring it late. It reports
// false when the task is to go back instead: others want the slot, the attempt could outlast the
// time that asynq gives to the delivery, or the delivery or the worker is to end.
func (h *deliveries) waitsFor(lease, call context.Context, task *job.Task, at job.Instant) bool {
	wait := at.Sub(h.b.now())
	if wait > job.NearAttempt || h.count() > h.taker.slots*3/4 {
		return false
	}
	end, bounded := lease.Deadline()
	if bounded && time.Now().Add(wait+time.Duration(task.Policy.AttemptTimeout)+timeoutHeadroom/2).After(end) {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-lease.Done():
	case <-call.Done():
	case <-h.taker.closed:
	}
	return false
}

// resume reports whether an earlier delivery, whose end asynq did not see, left nothing to call now.
func (h *deliveries) resume(ctx context.Context, task *job.Task, before *savedOutcome) (done bool, err error) {
	switch {
	case before.RetryAt == nil:
		h.b.forget(ctx, refOf(task))
		return true, nil
	case before.Lost && *before.RetryAt > h.b.now():
		return true, nextAttempt(*before.RetryAt)
	}
	return false, nil
}

// call has the run delivered and saves what the next delivery must know. While
// asynq believes the delivery lost, the run is held against another one.
func (h *deliveries) call(lease, call context.Context, task *job.Task) (job.Outcome, error) {
	holding, release := context.WithCancel(h.calls)
	defer release()
	released := make(chan struct{})
	inTime := context.AfterFunc(lease, func() {
		defer close(released)
		h.b.hold(holding, task.RunID)
	})
	outcome, err := h.guarded(call, task)
	lost := lease.Err() != nil
	if err == nil && outcome.HeldUntil == nil && (outcome.RetryAt != nil || lost) {
		err = h.b.save(h.calls, refOf(task), &savedOutcome{Made: outcome.Made, RetryAt: outcome.RetryAt, Lost: lost})
	}
	release()
	if !inTime() {
		<-released
		h.b.letGo(task.RunID)
	}
	return outcome, err
}

// guarded calls the Deliverer; a panic in it becomes an error. asynq keeps the
// text of the error, so that is constant.
func (h *deliveries) guarded(call context.Context, task *job.Task) (outcome job.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.b.log.Error("a delivery panicked", "run_id", task.RunID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = panicked()
		}
	}()
	outcome, err = h.d.Deliver(call, task)
	switch {
	case err == nil:
	case h.calls.Err() != nil:
		err = handedBack(0)
	default:
		h.b.log.Warn("a delivery was not settled", "run_id", task.RunID, "error", err)
		err = handedBack(time.Second)
	}
	return outcome, err
}

// begin notes that a run is being delivered, and gives the context of its call; false when it is already.
func (h *deliveries) begin(runID string) (context.Context, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.running[runID]; ok || h.closed {
		return nil, false
	}
	call, cut := context.WithCancelCause(h.calls)
	h.running[runID] = cut
	h.wg.Add(1)
	return call, true
}

func (h *deliveries) end(runID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running[runID](nil)
	delete(h.running, runID)
	h.alive.end(runID)
	h.wg.Done()
}

func (h *deliveries) delivers(runID string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.running[runID]
	return ok
}

// inHand lists the runs that are being delivered.
func (h *deliveries) inHand() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.running))
}

// count is how many runs are being delivered.
func (h *deliveries) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.running)
}

// drain waits, for a while at most, until the deliveries have ended that asynq no longer waits for.
func (h *deliveries) drain(most time.Duration) {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		h.wg.Wait()
		close(ended)
	}()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		h.b.log.Warn("deliveries did not end in time")
	}
}
