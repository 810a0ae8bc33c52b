package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func testStale(t *testing.T, b *bundle) {
	ctx := t.Context()
	var all []string
	for i := range 5 {
		all = append(all, b.oneRun(fmt.Sprint("j", i)))
	}
	stale := func(since job.Instant, after string, limit int) []string { // all are in the order of their jobs
		t.Helper()
		runs, err := b.StaleRuns(ctx, since, b.openRun(after), limit)
		if err != nil {
			t.Fatal(err)
		}
		return openIDs(runs)
	}
	wantEqual(t, "before anything is stale", len(stale(t0, "", 10)), 0)
	wantEqual(t, "the first page", stale(t0+1, "", 2), all[:2])
	wantEqual(t, "the second page", stale(t0+1, all[1], 2), all[2:4])

	b.record(ended(all[0], 1, t0+100, job.StateSucceeded, 200), started(all[1], 1, t0+100), ended(all[2], 1, t0+100, job.StateRetrying, 503))
	wantEqual(t, "what is left alone", stale(t0+50, "", 10), all[3:])
	wantEqual(t, "a running one", stale(t0+101, "", 10), []string{all[1], all[3], all[4]})
	wantEqual(t, "one whose retry is past", stale(t0+10_101, "", 10), all[1:])
	if got := stale(t0+9_000, "", 10); slices.Contains(got, all[2]) {
		t.Fatalf("one whose retry is to come is stale: %v", got)
	}
	for _, id := range []string{"j3", "j4"} {
		if _, err := b.DeleteJob(ctx, id, 0, t0); err != nil {
			t.Fatal(err)
		}
	}
	wantEqual(t, "without those that are to be canceled", stale(t0+999_999, "", 10), all[1:3])
	lost, err := b.lost(t0 + 999_999)
	if err != nil || len(lost) != 2 || len(lost[1].Made) != 1 || lost[1].Made[0].N != 1 || lost[0].GivenUp() {
		t.Fatalf("the lost runs are %+v, %v", lost, err)
	}
}

// testDeadline: each open run has the moment by which news of it must have come, by the clock of who recorded the last.
func testDeadline(t *testing.T, b *bundle) {
	margin, timeout := job.Instant(job.NewsMargin.Milliseconds()), job.Duration(10*time.Second)
	queuedFor := job.Instant(job.QueueTime.Milliseconds())
	queued, running, retrying, done := b.oneRun("queued"), b.oneRun("running"), b.oneRun("retrying"), b.oneRun("done")
	start := started(running, 1, t0-7_000) // by a worker whose clock is wrong
	start.Timeout, start.Heard = timeout, t0+500
	b.record(start, started(retrying, 1, t0+100), ended(retrying, 1, t0+100, job.StateRetrying, 503),
		started(done, 1, t0+100), ended(done, 1, t0+100, job.StateSucceeded, 200))
	for id, want := range map[string]job.Instant{
		queued: t0 + queuedFor, running: t0 + 500 + 10_000 + margin, retrying: t0 + 10_100 + margin,
	} {
		if got := b.run(id).ExpectedBy; got == nil || *got != want {
			t.Errorf("news of the run of %s is expected by %v, want %v", b.run(id).JobID, got, want)
		}
		b.wantOverdue(want-1, id, false)
		b.wantOverdue(want, id, true)
	}
	if got := b.run(done).ExpectedBy; got != nil {
		t.Errorf("news of a run that has ended is expected by %v", *got)
	}
	again := start // its worker died, and another makes the same attempt
	again.At, again.Heard = t0+30_000, t0+30_000
	b.record(again)
	b.wantOverdue(t0+30_000+10_000+margin-1, running, false)
	b.wantOverdue(t0+30_000+10_000+margin, running, true)
}

// testMoveDeadlines: what waits in the queue gets time in proportion to its wait, what is delivered anew begins again.
func testMoveDeadlines(t *testing.T, b *bundle) {
	ctx := t.Context()
	least, most := job.Instant(job.QueueTime.Milliseconds()), job.Instant(job.MaxQueueTime.Milliseconds())
	id, done := b.oneRun("a"), b.oneRun("done")
	b.record(started(done, 1, t0+100), ended(done, 1, t0+100, job.StateSucceeded, 200))
	for waited, more := range map[job.Instant]job.Instant{least / 2: least, 2 * least: 2 * least, 2 * most: most} {
		if err := b.NoteWaiting(ctx, []string{id, done, "nobody"}, t0+waited); err != nil {
			t.Fatal(err)
		}
		b.wantOverdue(t0+waited+more-1, id, false)
		b.wantOverdue(t0+waited+more, id, true)
	}
	for range job.MaxRedeliveries {
		lost, err := b.lost(t0 + 1)
		if err != nil || len(lost) != 1 || lost[0].GivenUp() {
			t.Fatalf("%+v, %v", lost, err)
		}
		if err := b.NoteRedelivered(ctx, []string{id, done, "nobody"}, t0+7); err != nil {
			t.Fatal(err)
		}
	}
	wantEqual(t, "the deadline", *b.run(id).ExpectedBy, t0+7+least)
	if b.run(done).ExpectedBy != nil {
		t.Error("news is expected of a run that has ended")
	}
	lost, err := b.lost(t0 + 1)
	if err != nil || len(lost) != 1 || !lost[0].GivenUp() {
		t.Fatalf("%+v, %v", lost, err)
	}
	b.record(ended(id, 1, t0+10, job.StateRetrying, 503))
	if lost, err = b.lost(t0 + 999_999); err != nil || len(lost) != 1 || lost[0].GivenUp() {
		t.Fatalf("an attempt has ended, and it counts for nothing: %+v, %v", lost, err)
	}
}

// testLostRuns: a run of which there is news since it was looked at is not lost.
func testLostRuns(t *testing.T, b *bundle) {
	ctx := t.Context()
	for name, news := range map[string]func(id string){
		"a start":            func(id string) { b.record(started(id, 1, t0+5)) },
		"an end":             func(id string) { b.record(ended(id, 1, t0+5, job.StateSucceeded, 200)) },
		"another's delivery": func(id string) { _ = b.NoteRedelivered(ctx, []string{id}, t0+5) },
		"a cancellation":     func(id string) { _, _ = b.MarkCanceled(ctx, id, t0+5) },
	} {
		id := b.oneRun(name)
		runs, err := b.StaleRuns(ctx, t0+1, job.OpenRun{}, 10)
		if err != nil || !slices.Contains(openIDs(runs), id) {
			t.Fatal(runs, err)
		}
		if lost, err := b.LostRuns(ctx, runs); err != nil || !slices.ContainsFunc(lost, func(r job.LostRun) bool { return r.RunID == id }) {
			t.Fatalf("before %s: %+v, %v", name, lost, err)
		}
		news(id)
		if lost, err := b.LostRuns(ctx, runs); err != nil || slices.ContainsFunc(lost, func(r job.LostRun) bool { return r.RunID == id }) {
			t.Errorf("after %s: %+v, %v", name, lost, err)
		}
	}
	if none, err := b.LostRuns(ctx, []job.OpenRun{{ID: "nobody"}, {ID: "\x00"}}); err != nil || len(none) != 0 {
		t.Fatal(none, err)
	}
}

// testNoDeadline: a run that a process of an older version wrote is expected by a deadline that is late, but has one.
func testNoDeadline(t *testing.T, b *bundle) {
	id := b.oneRun("a")
	if _, err := b.w.Exec("UPDATE runs SET expected_by = NULL"); err != nil {
		t.Fatal(err)
	}
	late := t0 + job.Instant((job.QueueTime + job.MaxAttemptTimeout).Milliseconds())
	b.wantOverdue(late-1, id, false)
	b.wantOverdue(late, id, true)
}

func (b *bundle) wantOverdue(now job.Instant, id string, want bool) {
	b.t.Helper()
	runs, err := b.OverdueRuns(b.t.Context(), now, job.OpenRun{}, 10)
	if err != nil {
		b.t.Fatal(err)
	}
	if got := slices.Contains(openIDs(runs), id); got != want {
		b.t.Errorf("overdue at %d: %v, want %v", now, got, want)
	}
	for i := range runs {
		if !runs[i].Overdue(now) {
			b.t.Errorf("%+v is not overdue at %d", runs[i], now)
		}
	}
}

// openRun is a run as StaleRuns reads it; the zero OpenRun for none.
func (b *bundle) openRun(id string) job.OpenRun {
	if id == "" {
		return job.OpenRun{}
	}
	return job.OpenRun{ID: id, JobID: b.run(id).JobID}
}

// lost reads all stale runs as they would be delivered anew.
func (b *bundle) lost(since job.Instant) ([]job.LostRun, error) {
	stale, err := b.StaleRuns(b.t.Context(), since, job.OpenRun{}, 10)
	if err != nil {
		return nil, err
	}
	return b.LostRuns(b.t.Context(), stale)
}

func openIDs(runs []job.OpenRun) []string {
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	return ids
}

func tasksOf(lost []job.LostRun) []job.Task {
	tasks := make([]job.Task, len(lost))
	for i := range lost {
		tasks[i] = lost[i].Task
	}
	return tasks
}
