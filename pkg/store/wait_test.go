package store

import (
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// parked is a run whose target was given an hour.
func (b *bundle) parked(jobID string) string {
	b.t.Helper()
	id := b.oneRun(jobID)
	e := ended(id, 1, t0+20, job.StateRunning, 202)
	until := t0.Add(time.Hour)
	e.Reason, e.Attempt.Reason, e.Attempt.WaitUntil = "", job.ReasonOK, &until
	b.record(e, started(id, 1, t0+10))
	return id
}

// testWait: a run that its target works on is open, is nobody's to deliver, and ends by its target or in time.
func testWait(t *testing.T, b *bundle) {
	completed, late, replaced, deleted := b.parked("completed"), b.parked("late"), b.parked("replaced"), b.parked("deleted")
	for _, id := range []string{completed, late} {
		if r := b.run(id); r.State != job.StateRunning || r.FinishedAt != nil {
			t.Fatalf("the run is %+v", r)
		}
	}
	if stale, err := b.StaleRuns(t.Context(), t0.Add(48*time.Hour), job.OpenRun{}, 10); err != nil || len(stale) != 0 {
		t.Fatalf("to deliver once more: %+v, %v", stale, err)
	}
	if done, err := b.ExpireWaits(t.Context(), t0.Add(time.Hour)-1, 10); err != nil || len(done.Changed) != 0 {
		t.Fatalf("expired too early: %+v, %v", done, err)
	}
	end := job.Event{RunID: completed, At: t0.Add(time.Minute), State: job.StateSucceeded, Reason: job.ReasonOK, Message: "all\x00 sent"}
	if done, err := b.EndRun(t.Context(), &end); err != nil || len(done.Changed) != 1 || len(done.Ended) != 1 || done.Ended[0].ID != completed {
		t.Fatalf("%+v, %v", done, err)
	}
	if r := b.run(completed); r.State != job.StateSucceeded || r.Message == nil || *r.Message == "" || *r.DurationMS != time.Minute.Milliseconds()-10 {
		t.Fatalf("the run is %+v", r)
	}
	_, err := b.EndRun(t.Context(), &end)
	wantCode(t, err, job.CodeConflict)
	end.RunID = "none"
	_, err = b.EndRun(t.Context(), &end)
	wantCode(t, err, job.CodeNotFound)

	b.cancelParked(t, replaced)
	if _, err := b.DeleteJob(t.Context(), "deleted", 0, t0+30); err != nil {
		t.Fatal(err)
	}
	if pending, err := b.CancelPending(t.Context(), 10); err != nil || len(pending) != 0 {
		t.Fatalf("to cancel: %+v, %v", pending, err)
	}
	for _, cancel := range []func() (job.Recorded, error){
		func() (job.Recorded, error) { return b.CancelMarked(t.Context(), []string{deleted}, t0+40) },
		func() (job.Recorded, error) { return b.CancelVanished(t.Context(), []string{deleted}, t0+40) },
	} {
		if done, err := cancel(); err != nil || len(done.Changed) != 0 {
			t.Fatalf("canceled: %+v, %v", done, err)
		}
	}
	done, err := b.ExpireWaits(t.Context(), t0.Add(time.Hour), 10)
	if err != nil || len(done.Changed) != 2 {
		t.Fatalf("expired: %+v, %v", done, err)
	}
	if r := b.run(late); r.State != job.StateFailed || r.Reason != job.ReasonCompletionTimeout || *r.FinishedAt != t0.Add(time.Hour) {
		t.Fatalf("the run is %+v", r)
	}
	if done, err := b.ExpireWaits(t.Context(), t0.Add(time.Hour), 10); err != nil || len(done.Changed) != 0 {
		t.Fatalf("expired twice: %+v, %v", done, err)
	}
}

func (b *bundle) cancelParked(t *testing.T, id string) {
	t.Helper()
	if _, err := b.MarkCanceled(t.Context(), id, t0+30); err != nil {
		t.Fatal(err)
	}
	done, err := b.CancelMarked(t.Context(), []string{id}, t0+31)
	if err != nil || len(done.Changed) != 1 || done.Changed[0].State != job.StateCanceled {
		t.Fatalf("canceled: %+v, %v", done, err)
	}
}

// testCompletedEarly: a target completes a run before its answer to the call is recorded; a call that is made once more changes nothing.
func testCompletedEarly(t *testing.T, b *bundle) {
	id := b.oneRun("a")
	if _, err := b.EndRun(t.Context(), &job.Event{RunID: id, At: t0 + 15, State: job.StateSucceeded, Reason: job.ReasonOK}); err != nil {
		t.Fatal(err)
	}
	e := ended(id, 1, t0+20, job.StateRunning, 202)
	until := t0.Add(time.Hour)
	e.Reason, e.Attempt.WaitUntil = "", &until
	b.record(started(id, 1, t0+10), e, started(id, 1, t0+30))
	if r := b.run(id); r.State != job.StateSucceeded || len(r.Attempts) != 1 || *r.FinishedAt != t0+15 {
		t.Fatalf("the run is %+v", r)
	}
	if done, err := b.ExpireWaits(t.Context(), until, 10); err != nil || len(done.Changed) != 0 {
		t.Fatalf("expired: %+v, %v", done, err)
	}
}
