package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// claimAs claims what is due and gives each job's run the state; replace cancels those that are open.
func (b *bundle) claimAs(now job.Instant, state job.State, replace bool) job.Claimed {
	b.t.Helper()
	got, err := b.Claim(b.t.Context(), job.Claim{Now: now, Limit: 1000}, func(due []job.Due) []job.Verdict {
		verdicts := make([]job.Verdict, len(due))
		for i := range due {
			verdicts[i] = runOnce(&due[i], now)
			verdicts[i].Replace = replace
			if run := &verdicts[i].Runs[0]; state != job.StateQueued {
				run.State, run.QueuedAt = state, nil
			}
		}
		return verdicts
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// testWaiting: a waiting run is delivered when the one before it ends, and not earlier.
func testWaiting(t *testing.T, b *bundle) {
	first := b.oneRun("a")
	later := t0.Add(time.Minute)
	if got := b.claimAs(later, job.StateWaiting, false); len(got.Tasks) != 0 {
		t.Fatalf("a waiting run is delivered: %+v", got.Tasks)
	}
	second := job.OccurrenceID("a", later)

	var counts job.Due
	_, err := b.StartRun(t.Context(), "a", func(due *job.Due) (*job.Run, error) { counts = *due; return nil, nil })
	if err != nil || counts.Open != 2 || counts.Waiting != 1 {
		t.Fatalf("%d open, %d waiting, %v", counts.Open, counts.Waiting, err)
	}
	if stale, err := b.StaleRuns(t.Context(), later+10_000, job.OpenRun{}, 10); err != nil || len(stale) != 1 || stale[0].ID != first {
		t.Fatalf("stale: %+v, %v", stale, err)
	}
	if late, err := b.OverdueRuns(t.Context(), later.Add(48*time.Hour), job.OpenRun{}, 10); err != nil || len(late) != 1 || late[0].ID != first {
		t.Fatalf("overdue: %+v, %v", late, err)
	}
	if free, err := b.PromoteWaiting(t.Context(), later); err != nil || len(free) != 0 {
		t.Fatalf("freed too early: %+v, %v", free, err)
	}
	done, err := b.Record(t.Context(), []job.Event{ended(first, 1, later+5, job.StateSucceeded, 200)})
	if err != nil || len(done.Tasks) != 1 || done.Tasks[0].RunID != second || done.Tasks[0].Request.URL == "" {
		t.Fatalf("the end of the first frees %+v, %v", done.Tasks, err)
	}
	r := b.run(second)
	if r.State != job.StateQueued || r.QueuedAt == nil || *r.QueuedAt != later+5 || *r.ExpectedBy != (later+5).Add(job.QueueTime) {
		t.Fatalf("the run that waited is %+v", r)
	}
	again, err := b.Record(t.Context(), []job.Event{ended(first, 1, later+5, job.StateSucceeded, 200)})
	if err != nil || len(again.Tasks) != 0 {
		t.Fatalf("a repeated report frees %+v, %v", again.Tasks, err)
	}
}

// testWaitingOrder: one at a time, in the order of their moments, also when nothing told of an end.
func testWaitingOrder(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	var ids []string
	for i := range 3 {
		at := t0.Add(time.Duration(i) * time.Minute)
		b.claimAs(at, job.StateWaiting, false)
		ids = append(ids, job.OccurrenceID("a", at))
	}
	free, err := b.PromoteWaiting(t.Context(), t0)
	if err != nil || len(free) != 1 || free[0].RunID != ids[0] {
		t.Fatalf("freed %+v, %v; want %s", free, err, ids[0])
	}
	for i, id := range ids {
		done, err := b.Record(t.Context(), []job.Event{{RunID: id, At: t0, State: job.StateFailed, Reason: job.ReasonWorkerLost}})
		if err != nil {
			t.Fatal(err)
		}
		if last := i == len(ids)-1; last != (len(done.Tasks) == 0) || !last && done.Tasks[0].RunID != ids[i+1] {
			t.Fatalf("the end of number %d frees %+v", i, done.Tasks)
		}
	}
}

// testWaitingConcurrently: however the claim of a waiting run and the end of the
// one before it meet, the waiting one is not forgotten.
func testWaitingConcurrently(t *testing.T, b *bundle) {
	ctx := context.Background()
	for round := range 40 {
		id := fmt.Sprint("j", round)
		first := b.oneRun(id)
		var hands sync.WaitGroup
		hands.Go(func() {
			if _, err := b.Record(ctx, []job.Event{ended(first, 1, t0+5, job.StateSucceeded, 200)}); err != nil {
				t.Error(err)
			}
		})
		hands.Go(func() {
			now := t0.Add(time.Minute)
			for seen := 0; seen == 0 && !t.Failed(); { // a job whose run is being recorded is passed over
				got, err := b.Claim(ctx, job.Claim{Now: now, Limit: 1000}, waitIfOpen(now))
				if err != nil {
					t.Error(err)
				}
				seen = got.Seen
			}
		})
		hands.Wait()
		if got := b.run(job.OccurrenceID(id, t0.Add(time.Minute))); got.State == job.StateWaiting {
			t.Fatalf("round %d: the run waits for nothing", round)
		}
		b.record(ended(job.OccurrenceID(id, t0.Add(time.Minute)), 1, t0+9, job.StateSucceeded, 200))
		if _, err := b.DeleteJob(ctx, id, 0, t0); err != nil {
			t.Fatal(err)
		}
	}
}

// waitIfOpen gives the due occurrence a run that waits when another is open.
func waitIfOpen(now job.Instant) func([]job.Due) []job.Verdict {
	return func(due []job.Due) []job.Verdict {
		verdicts := make([]job.Verdict, len(due))
		for i := range due {
			verdicts[i] = runOnce(&due[i], now)
			if due[i].Open > 0 {
				run := &verdicts[i].Runs[0]
				run.State, run.QueuedAt = job.StateWaiting, nil
			}
		}
		return verdicts
	}
}

// testReplace: the open runs are marked in the transaction that makes the new one.
func testReplace(t *testing.T, b *bundle) {
	queued, running := b.oneRun("queued"), b.oneRun("running")
	b.record(started(running, 1, t0+1))
	later := t0.Add(time.Minute)
	got := b.claimAs(later, job.StateQueued, true)
	if got.Replaced != 2 || len(got.Tasks) != 2 {
		t.Fatalf("replaced %d, new %d", got.Replaced, len(got.Tasks))
	}
	pending, err := b.CancelPending(t.Context(), 10)
	if err != nil || len(pending) != 2 || pending[0].Reason != job.ReasonReplaced {
		t.Fatalf("to cancel: %+v, %v", pending, err)
	}
	if _, err := b.CancelMarked(t.Context(), []string{queued, running}, later+1); err != nil {
		t.Fatal(err)
	}
	if r := b.run(queued); r.State != job.StateCanceled || r.Reason != job.ReasonReplaced {
		t.Fatalf("the queued run is %s %s", r.State, r.Reason)
	}
	// The worker reports that it cut the call off; it does not know what for.
	b.record(job.Event{RunID: running, At: later + 2, State: job.StateCanceled, Reason: job.ReasonCanceled})
	if r := b.run(running); r.State != job.StateCanceled || r.Reason != job.ReasonReplaced {
		t.Fatalf("the running run is %s %s", r.State, r.Reason)
	}
	for _, id := range []string{"queued", "running"} {
		if r := b.run(job.OccurrenceID(id, later)); r.State != job.StateQueued {
			t.Fatalf("the new run is %s", r.State)
		}
	}
}

// testCancelByHand: an open run is marked, over any other mark; one that has ended is not.
func testCancelByHand(t *testing.T, b *bundle) {
	id := b.oneRun("a")
	b.record(started(id, 1, t0+1))
	if _, err := b.DeleteJob(t.Context(), "a", 0, t0+2); err != nil {
		t.Fatal(err)
	}
	got, err := b.MarkCanceled(t.Context(), id, t0+3)
	if err != nil {
		t.Fatal(err)
	}
	if got.ExpectedBy == nil {
		t.Error("the marked run has no deadline")
	}
	got.ExpectedBy = nil
	wantEqual(t, "the marked run", got, job.Run{ID: id, JobID: "a", Queue: job.QueueDefault, State: job.StateRunning, Reason: job.ReasonByHand})
	pending, err := b.CancelPending(t.Context(), 10)
	if err != nil || len(pending) != 1 || pending[0].Reason != job.ReasonByHand {
		t.Fatalf("to cancel: %+v, %v", pending, err)
	}
	b.record(job.Event{RunID: id, At: t0 + 4, State: job.StateCanceled, Reason: job.ReasonCanceled})
	if r := b.run(id); r.State != job.StateCanceled || r.Reason != job.ReasonByHand {
		t.Fatalf("the run is %s %s", r.State, r.Reason)
	}
	_, err = b.MarkCanceled(t.Context(), id, t0+5)
	wantCode(t, err, job.CodeConflict)
	for _, id := range []string{"none", "a\x00b"} {
		_, err = b.MarkCanceled(t.Context(), id, t0+5)
		wantCode(t, err, job.CodeNotFound)
	}
}

// testCancelVanished: a run that nobody is calling any more ends all the same.
func testCancelVanished(t *testing.T, b *bundle) {
	running := b.oneRun("a")
	b.record(started(running, 1, t0+1))
	if done, err := b.CancelVanished(t.Context(), []string{running}, t0+2); err != nil || len(done.Changed) != 0 {
		t.Fatalf("a run that is not to be canceled: %+v, %v", done, err)
	}
	if _, err := b.DeleteJob(t.Context(), "a", 0, t0+3); err != nil {
		t.Fatal(err)
	}
	done, err := b.CancelVanished(t.Context(), []string{running}, t0+4)
	if err != nil || len(done.Changed) != 1 || done.Changed[0].State != job.StateCanceled || done.Changed[0].Reason != job.ReasonJobDeleted {
		t.Fatalf("%+v, %v", done, err)
	}
}
