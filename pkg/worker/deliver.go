package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"schedule-server/pkg/job"
)

// The waits between two tries to report, and the bound of one try that must
// outlive the shutdown.
const (
	minReportWait = 50 * time.Millisecond
	maxReportWait = 2 * time.Second
	lastReport    = 5 * time.Second
)

// Deliver makes the task's next call and reports its start and its result. The
// outcome says when the call after it is due; nil RetryAt: the run has ended.
//
// An error means that the call's result is not accounted for, because ctx
// ended or the Reporter did not take it: the task must be delivered again, and
// its call is then repeated under the same number and Idempotency-Key.
func (w *Worker) Deliver(ctx context.Context, task *job.Task) (job.Outcome, error) {
	n := 1
	if last := lastMade(task.Made); last != nil {
		if last.NextRetryAt == nil {
			return w.endAgain(ctx, task, last)
		}
		if w.tooLate(task, last) {
			return w.giveUp(ctx, task)
		}
		n = last.N + 1
	}
	if task.Notice != nil { // it goes to a channel, which has a limit of its own
		return w.deliver(ctx, task, n, new(verdict))
	}
	place, until, err := w.gate.enter(ctx, task)
	if err != nil {
		return job.Outcome{}, fmt.Errorf("run %s: no place at its host: %w", task.RunID, err)
	}
	if until != nil {
		if place.barred && task.RetryUntil != nil && until.Add(job.MaxReturnDelay) >= *task.RetryUntil {
			return w.giveUp(ctx, task) // later, the next occurrence might find this run open
		}
		return job.Outcome{HeldUntil: until, Made: task.Made}, nil
	}
	var told verdict
	defer func() { w.gate.leave(ctx, task, place, told) }()
	return w.deliver(ctx, task, n, &told)
}

// deliver makes attempt n, and notes what it tells about the host.
func (w *Worker) deliver(ctx context.Context, task *job.Task, n int, told *verdict) (job.Outcome, error) {
	start := job.Event{RunID: task.RunID, At: w.now(), State: job.StateRunning, N: n, Timeout: job.Duration(attemptTimeout(&task.Policy))}
	canceled, err := w.report(ctx, &start)
	if err != nil {
		return job.Outcome{}, err
	}
	if canceled {
		return w.cancel(ctx, task.RunID, task.Made)
	}
	a := w.attempt(ctx, task, n)
	*told = a.verdict()
	if a.aborted {
		return job.Outcome{}, fmt.Errorf("run %s: attempt %d was cut off: %w", task.RunID, n, context.Cause(ctx))
	}
	return w.account(ctx, task, &a)
}

// account decides what follows an ended attempt, and reports both.
func (w *Worker) account(ctx context.Context, task *job.Task, a *attempt) (job.Outcome, error) {
	end := w.now()
	if a.Reason == job.ReasonCanceled {
		return w.cutOff(ctx, task, a, end)
	}
	if a.wait > 0 {
		return w.park(ctx, task, a, end)
	}
	retryAt := retryAt(&retryInput{
		policy: &task.Policy.Retry, reason: a.Reason, n: a.N, first: firstStart(task.Made, a.StartedAt),
		now: end, until: task.RetryUntil, after: a.retryAfter, random: w.rand,
	})
	a.NextRetryAt = retryAt
	event := job.Event{RunID: task.RunID, At: end, State: job.StateRetrying, N: a.N, Attempt: &a.Attempt, Response: a.response}
	if retryAt == nil {
		event.State, event.Reason = endState(a.Reason), a.Reason
	}
	w.logAttempt(ctx, task, a)
	if _, err := w.report(ctx, &event); err != nil {
		return job.Outcome{}, err
	}
	return job.Outcome{RetryAt: retryAt, Made: append(slices.Clip(task.Made), a.Attempt)}, nil
}

// park reports that the run goes on without a call: its target works on, and
// completes the run at the API. No worker has anything more to do with it.
func (w *Worker) park(ctx context.Context, task *job.Task, a *attempt, end job.Instant) (job.Outcome, error) {
	until := end.Add(a.wait)
	a.WaitUntil = &until
	event := job.Event{RunID: task.RunID, At: end, State: job.StateRunning, N: a.N, Attempt: &a.Attempt, Response: a.response}
	w.logAttempt(ctx, task, a)
	if _, err := w.report(ctx, &event); err != nil {
		return job.Outcome{}, err
	}
	return job.Outcome{Made: append(slices.Clip(task.Made), a.Attempt)}, nil
}

// cutOff ends a run that was canceled in the middle of its call.
func (w *Worker) cutOff(ctx context.Context, task *job.Task, a *attempt, end job.Instant) (job.Outcome, error) {
	event := job.Event{RunID: task.RunID, At: end, State: job.StateCanceled, Reason: a.Reason, N: a.N, Attempt: &a.Attempt, Response: a.response}
	if _, err := w.report(ctx, &event); err != nil {
		return job.Outcome{}, err
	}
	return job.Outcome{Made: append(slices.Clip(task.Made), a.Attempt)}, nil
}

// endAgain repeats the report of a run whose last attempt is known: the task
// was delivered anew between that report and the queue's own note of it.
func (w *Worker) endAgain(ctx context.Context, task *job.Task, last *job.Attempt) (job.Outcome, error) {
	event := job.Event{
		RunID: task.RunID, At: last.StartedAt.Add(time.Duration(last.DurationMS) * time.Millisecond),
		State: endState(last.Reason), Reason: last.Reason, N: last.N, Attempt: last,
	}
	if last.WaitUntil != nil {
		event.State, event.Reason = job.StateRunning, ""
	}
	if _, err := w.report(ctx, &event); err != nil {
		return job.Outcome{}, err
	}
	return job.Outcome{Made: task.Made}, nil
}

// tooLate reports whether the next attempt may not begin any more: it was planned
// in time, and came late because its host, or all workers, had no room for it.
func (w *Worker) tooLate(task *job.Task, last *job.Attempt) bool {
	now, most := w.now(), time.Duration(task.Policy.Retry.MaxRetryDuration)
	return task.RetryUntil != nil && now >= *task.RetryUntil ||
		most > 0 && now.Sub(firstStart(task.Made, last.StartedAt)) > most
}

// giveUp ends a run whose next attempt would come too late, with the reason of the
// last one; without any attempt its host was held back all the time.
func (w *Worker) giveUp(ctx context.Context, task *job.Task) (job.Outcome, error) {
	event := job.Event{RunID: task.RunID, At: w.now(), State: job.StateFailed, Reason: job.ReasonCircuitOpen}
	if last := lastMade(task.Made); last != nil {
		event.Reason, event.N = last.Reason, last.N
	}
	if _, err := w.report(ctx, &event); err != nil {
		return job.Outcome{}, err
	}
	return job.Outcome{Made: task.Made}, nil
}

// cancel ends a run that must not be called. Who set the mark wrote why into the
// database, and that is what the history will say.
func (w *Worker) cancel(ctx context.Context, runID string, made []job.Attempt) (job.Outcome, error) {
	event := job.Event{RunID: runID, At: w.now(), State: job.StateCanceled, Reason: job.ReasonCanceled}
	if _, err := w.report(ctx, &event); err != nil {
		return job.Outcome{}, err
	}
	return job.Outcome{Made: made}, nil
}

// report tries until the event is taken or ctx ends. What is to be reported
// has happened, so even an ended ctx leaves it one bounded try.
func (w *Worker) report(ctx context.Context, e *job.Event) (canceled bool, err error) {
	for wait := minReportWait; ; wait = min(2*wait, maxReportWait) {
		try, stop := ctx, context.CancelFunc(func() {})
		if ctx.Err() != nil {
			if e.Starts() {
				return false, fmt.Errorf("run %s: not started: %w", e.RunID, context.Cause(ctx))
			}
			try, stop = context.WithTimeout(context.WithoutCancel(ctx), lastReport)
		}
		canceled, err = w.reporter.Report(try, e)
		stop()
		if err == nil {
			return canceled, nil
		}
		if try != ctx {
			return false, fmt.Errorf("run %s: reporting that it is %s: %w", e.RunID, e.State, err)
		}
		if wait == minReportWait {
			w.log.WarnContext(ctx, "reporting failed, trying again", "run_id", e.RunID, "state", e.State, "error", err)
		}
		pause(ctx, wait)
	}
}

// pause waits, or returns earlier when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *Worker) logAttempt(ctx context.Context, task *job.Task, a *attempt) {
	if !w.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	w.log.DebugContext(ctx, "attempt made", "run_id", task.RunID, "job_id", task.JobID, "n", a.N,
		"reason", a.Reason, "duration_ms", a.DurationMS)
}

// endState is the final state that an attempt's reason leads to.
func endState(reason job.Reason) job.State {
	if reason == job.ReasonOK {
		return job.StateSucceeded
	}
	return job.StateFailed
}

// lastMade is the attempt with the highest number, of repeats the last started; nil when there is none.
func lastMade(made []job.Attempt) *job.Attempt {
	var last *job.Attempt
	for i := range made {
		a := &made[i]
		if last == nil || a.N > last.N || a.N == last.N && a.StartedAt > last.StartedAt {
			last = a
		}
	}
	return last
}

// firstStart is when the first call of the run began.
func firstStart(made []job.Attempt, started job.Instant) job.Instant {
	for i := range made {
		started = min(started, made[i].StartedAt)
	}
	return started
}
