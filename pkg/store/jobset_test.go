package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func testEditJobs(t *testing.T, b *bundle) {
	b.create(newJob("change"), newJob("drop"), newJob("leave", func(j *job.Job) { j.Pause(nil, "") }), newJob("other", dueAt(t0+3_600_000)))
	b.claimAll(t0) // each but "other" and "leave" has an open run
	now := t0 + 61_000
	var seen []string
	pick := job.Pick{IDs: []string{"new", "change", "leave", "drop"}}
	open, err := b.EditJobs(t.Context(), pick, at(now), func(old []job.Job, at job.Instant) ([]job.Edit, error) {
		seen = idsOf(old)
		wantEqual(t, "the moment", at, now)
		changed := old[0]
		changed.Name, changed.UpdatedAt = "changed", at
		changed.Pause(nil, "why")
		return []job.Edit{{ID: "change", After: &changed}, {ID: "drop"}, {ID: "new", After: newJob("new")}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "given", seen, []string{"change", "drop", "leave"})
	if len(open) != 1 || open[0].JobID != "drop" {
		t.Fatalf("to be canceled: %+v", open)
	}
	changed := b.get("change")
	if changed.Version != 2 || changed.Name != "changed" || changed.Status != job.StatusPaused {
		t.Fatalf("changed: %+v", changed)
	}
	// What was due a minute after t0 is dropped by both changes, and accounted for.
	for id, reason := range map[string]job.Reason{"change": job.ReasonPaused, "drop": job.ReasonJobDeleted} {
		if run := b.run(job.OccurrenceID(id, t0+60_000)); run.State != job.StateCanceled || run.Reason != reason {
			t.Fatalf("%s: %+v", id, run)
		}
	}
	if changed.LastRun == nil || changed.LastRun.Reason != job.ReasonPaused {
		t.Fatalf("last run: %+v", changed.LastRun)
	}
	wantEqual(t, "left alone", b.get("leave").Version, int64(1))
	_, err = b.GetJob(t.Context(), "drop")
	wantCode(t, err, job.CodeNotFound)

	// A new job of an old id counts on; all others are picked when asked for.
	_, err = b.EditJobs(t.Context(), job.Pick{IDs: []string{"drop"}, Others: true}, at(now), func(old []job.Job, _ job.Instant) ([]job.Edit, error) {
		seen = idsOf(old)
		return []job.Edit{{ID: "drop", After: newJob("drop")}, {ID: "leave"}, {ID: "new"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "given", seen, []string{"change", "leave", "new", "other"})
	wantEqual(t, "kept", b.ids(job.JobQuery{Limit: 10}), []string{"change", "drop", "other"})
	wantEqual(t, "version of the id that is used again", b.get("drop").Version, int64(2))
}

// testEditJobsWhole wants all of an edit or nothing.
func testEditJobsWhole(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	no := errors.New("no")
	_, err := b.EditJobs(t.Context(), job.Pick{IDs: []string{"a"}}, at(t0), func([]job.Job, job.Instant) ([]job.Edit, error) { return nil, no })
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	_, err = b.EditJobs(t.Context(), job.Pick{IDs: []string{"a"}}, at(t0), func([]job.Job, job.Instant) ([]job.Edit, error) {
		return []job.Edit{{ID: "a"}, {ID: "b", After: newJob("b")}, {ID: "c", After: newJob("c", func(j *job.Job) { j.Name = "\x00" })}}, nil
	})
	wantCode(t, err, job.CodeInvalid)
	wantEqual(t, "jobs", b.ids(job.JobQuery{Limit: 10}), []string{"a"})
}

func testEditManyJobs(t *testing.T, b *bundle) {
	const n = 3000
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("j%05d", i))
	}
	edit := func(after func(id string, old *job.Job) *job.Job) {
		t.Helper()
		_, err := b.EditJobs(t.Context(), job.Pick{IDs: ids}, at(t0-1), func(old []job.Job, _ job.Instant) ([]job.Edit, error) {
			var edits []job.Edit
			for i, id := range ids {
				var was *job.Job
				if len(old) > 0 {
					was = &old[i]
				}
				edits = append(edits, job.Edit{ID: id, After: after(id, was)})
			}
			return edits, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	edit(func(id string, _ *job.Job) *job.Job { return newJob(id) })
	edit(func(_ string, old *job.Job) *job.Job {
		j := *old
		j.Tags = []string{"t"}
		return &j
	})
	got, err := b.MatchJobs(t.Context(), job.JobQuery{Tags: []string{"t"}}, "", n+1)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "matched", got, ids)
	got, err = b.MatchJobs(t.Context(), job.JobQuery{Text: "name of j"}, ids[9], 2)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "matched after", got, ids[10:12])
	edit(func(string, *job.Job) *job.Job { return nil })
	wantEqual(t, "left", len(b.ids(job.JobQuery{Limit: 500})), 0)
}

func testStartEach(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"), newJob("c"))
	full := errors.New("full")
	tasks, failed, err := b.StartEach(t.Context(), []string{"c", "b", "a", "none", "nul\x00"}, func(due *job.Due) ([]job.Run, error) {
		if due.ID == "b" {
			return nil, full
		}
		now := t0
		return []job.Run{{ID: job.NewID(t0), Trigger: job.TriggerManual, State: job.StateQueued, ScheduledAt: now, QueuedAt: &now, Queue: job.QueueLow}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var started []string
	for _, task := range tasks {
		started = append(started, task.JobID)
	}
	slices.Sort(started)
	wantEqual(t, "started", started, []string{"a", "c"})
	if len(failed) != 3 || failed["b"] != full || job.CodeOf(failed["none"]) != job.CodeNotFound || job.CodeOf(failed["nul\x00"]) != job.CodeNotFound {
		t.Fatalf("failed: %v", failed)
	}
	// The definition that a run follows outlives the job's next version.
	b.change("a", func(j *job.Job) { j.Request.URL = "http://other.example/" })
	wantEqual(t, "the run's URL", b.run(tasks[0].RunID).Request.URL[:19], "http://example.com/")
}

// testChangeUnderPages lists while jobs are renamed, made and deleted: one that stays as it is is listed exactly once.
func testChangeUnderPages(t *testing.T, b *bundle) {
	const stay = 60
	for i := range stay {
		b.create(newJob(fmt.Sprintf("stay%02d", i), func(j *job.Job) { j.Name = fmt.Sprintf("n%02d", (i*7)%stay) }, dueAt(t0+job.Instant(i*1000))))
	}
	for i := range 30 {
		b.create(newJob(fmt.Sprintf("move%02d", i), func(j *job.Job) { j.Name = fmt.Sprintf("n%02d", i) }, dueAt(t0+job.Instant(i*500))))
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- b.stir(stop) }()
	for _, sort := range []string{"id", "name", "next_run_at", "updated_at", "id"} {
		for _, descending := range []bool{false, true} {
			seen := map[string]int{}
			for _, id := range b.ids(job.JobQuery{Sort: sort, Descending: descending, Limit: 7}) {
				seen[id]++
			}
			for i := range stay {
				if id := fmt.Sprintf("stay%02d", i); seen[id] != 1 {
					t.Errorf("by %s, descending %t: %s is listed %d times", sort, descending, id, seen[id])
				}
			}
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// stir renames, replans, makes and deletes jobs until it is told to stop.
func (b *bundle) stir(stop <-chan struct{}) error {
	ctx := b.t.Context()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		_, _, err := b.ChangeJob(ctx, fmt.Sprintf("move%02d", i%30), at(t0-1), func(old *job.Job, now job.Instant) (*job.Job, error) {
			next := (t0 + job.Instant(i*7919%60_000)).Add(time.Second)
			old.Name, old.UpdatedAt, old.NextRunAt, old.DueAt = fmt.Sprintf("n%02d", i*13%60), now+job.Instant(i), &next, &next
			return old, nil
		})
		if err != nil {
			return err
		}
		if err := b.CreateJob(ctx, newJob(fmt.Sprintf("come%d", i), func(j *job.Job) { j.Name = fmt.Sprintf("n%02d", i%60) })); err != nil {
			return err
		}
		if i%2 == 0 {
			if _, err := b.DeleteJob(ctx, fmt.Sprintf("come%d", i/2), 0, t0-1); err != nil {
				return err
			}
		}
	}
}
