package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func (b *bundle) runIDs(q job.RunQuery) (ids []string) {
	b.t.Helper()
	for range 1000 {
		page, err := b.ListRuns(b.t.Context(), q)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, r := range page.Runs {
			if r.Request != nil || r.Response != nil {
				b.t.Fatal("a list holds a request or a response")
			}
			ids = append(ids, r.ID)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return ids
		}
	}
	b.t.Fatal("the list has no end")
	return nil
}

func testListRuns(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"))
	all := map[string]job.Instant{}
	for i := range 5 {
		at := t0 + job.Instant(i)*60_000
		for _, task := range b.claimAll(at).Tasks {
			all[task.RunID] = at
		}
	}
	manual, err := b.StartRun(t.Context(), "a", func(*job.Due) (*job.Run, error) {
		at := t0 + 30_000
		return &job.Run{ID: job.NewID(at), Trigger: job.TriggerManual, State: job.StateQueued, ScheduledAt: at, QueuedAt: &at, Queue: job.QueueDefault}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all[manual.RunID] = t0 + 30_000
	b.record(ended(job.OccurrenceID("a", t0), 1, t0+40, job.StateSucceeded, 200), started(job.OccurrenceID("b", t0), 1, t0+40))
	want := func(keep func(id string, at job.Instant) bool) []string {
		var ids []string
		for id, at := range all {
			if keep(id, at) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		slices.Reverse(ids)
		return ids
	}
	ofA := func(id string) bool {
		return id == manual.RunID || strings.HasSuffix(id, job.OccurrenceID("a", t0)[10:])
	}
	since, until := t0+60_000, t0+120_000
	for name, c := range map[string]struct {
		q    job.RunQuery
		keep func(string, job.Instant) bool
	}{
		"all":         {job.RunQuery{}, func(string, job.Instant) bool { return true }},
		"job":         {job.RunQuery{JobID: "a"}, func(id string, _ job.Instant) bool { return ofA(id) }},
		"trigger":     {job.RunQuery{Trigger: job.TriggerManual}, func(id string, _ job.Instant) bool { return id == manual.RunID }},
		"succeeded":   {job.RunQuery{State: job.StateSucceeded}, func(id string, _ job.Instant) bool { return id == job.OccurrenceID("a", t0) }},
		"running":     {job.RunQuery{State: job.StateRunning}, func(id string, _ job.Instant) bool { return id == job.OccurrenceID("b", t0) }},
		"since":       {job.RunQuery{Since: &since}, func(_ string, at job.Instant) bool { return at >= since }},
		"until":       {job.RunQuery{Until: &until}, func(_ string, at job.Instant) bool { return at <= until }},
		"between":     {job.RunQuery{Since: &since, Until: &until, JobID: "b"}, func(id string, at job.Instant) bool { return !ofA(id) && at >= since && at <= until }},
		"before 1970": {job.RunQuery{Until: new(job.Instant(-5))}, func(string, job.Instant) bool { return false }},
		"nul":         {job.RunQuery{JobID: "a\x00"}, func(string, job.Instant) bool { return false }},
	} {
		for _, limit := range []int{1, 3, 500} {
			c.q.Limit = limit
			wantEqual(t, fmt.Sprintf("%s in pages of %d", name, limit), b.runIDs(c.q), want(c.keep))
		}
	}
	_, err = b.GetRun(t.Context(), "nobody")
	wantCode(t, err, job.CodeNotFound)
}

func testRunDefinition(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	b.claimAll(t0)
	b.change("a", func(j *job.Job) { j.Request.URL = "http://two.example/" }) // version 2, never run
	b.change("a", func(j *job.Job) { j.Request.URL = "http://three.example/" })
	b.claimAll(t0 + 60_000)
	b.change("a", func(j *job.Job) { j.Request.URL = "http://four.example/" })
	for at, url := range map[job.Instant]string{t0: "http://example.com/a", t0 + 60_000: "http://three.example/"} {
		if got := b.run(job.OccurrenceID("a", at)).Request.URL; got != url {
			t.Errorf("the run of %v has %s, not %s", at, got, url)
		}
	}
	stale, err := b.lost(t0.Add(time.Hour))
	if err != nil || len(stale) != 2 || stale[0].Request.URL != "http://example.com/a" || stale[1].Request.URL != "http://three.example/" {
		t.Fatalf("the tasks follow other definitions: %+v %v", stale, err)
	}
	var versions []int64
	if err := b.r.Select(&versions, "SELECT version FROM definitions ORDER BY version"); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the versions kept", versions, []int64{1, 3, 4})
	if _, err := b.DeleteJob(t.Context(), "a", 0, t0); err != nil {
		t.Fatal(err)
	}
	var kept string
	if err := b.r.Get(&kept, "SELECT request FROM definitions WHERE version = 4"); err != nil || kept != "" {
		t.Fatalf("of a deleted job that never ran by it, %q is kept: %v", kept, err)
	}
	if b.run(job.OccurrenceID("a", t0)).Request.URL != "http://example.com/a" {
		t.Fatal("the deletion took the request of a run")
	}
}

func testStartRun(t *testing.T, b *bundle) {
	ctx := t.Context()
	_, err := b.StartRun(ctx, "a", func(*job.Due) (*job.Run, error) { t.Error("decided on nothing"); return nil, nil })
	wantCode(t, err, job.CodeNotFound)
	b.create(newJob("a", func(j *job.Job) { j.Pause(nil, "") }))
	run := &job.Run{ID: job.NewID(t0), Trigger: job.TriggerManual, State: job.StateQueued, ScheduledAt: t0, QueuedAt: new(t0), Queue: job.QueueLow}
	decide := func(open int) func(due *job.Due) (*job.Run, error) {
		return func(due *job.Due) (*job.Run, error) {
			if due.Open != open || due.Name != "Name of a" {
				t.Errorf("to decide on is %+v", due)
			}
			return run, nil
		}
	}
	task, err := b.StartRun(ctx, "a", decide(0))
	if err != nil {
		t.Fatal(err)
	}
	if task.RunID != run.ID || task.JobID != "a" || task.Queue != job.QueueLow || task.Request.URL != "http://example.com/a" {
		t.Fatalf("the task is %+v", task)
	}
	_, err = b.StartRun(ctx, "a", decide(1))
	wantCode(t, err, job.CodeConflict)
	own := errors.New("own")
	if _, err := b.StartRun(ctx, "a", func(*job.Due) (*job.Run, error) { return nil, own }); err != own {
		t.Fatal(err)
	}
	if task, err := b.StartRun(ctx, "a", func(*job.Due) (*job.Run, error) { return nil, nil }); task != nil || err != nil {
		t.Fatal(task, err)
	}
	if got := b.run(run.ID); got.Trigger != job.TriggerManual || got.JobVersion != 1 || got.Request == nil {
		t.Fatalf("the run is %+v", got)
	}
	b.change("a", func(j *job.Job) { j.Request.URL = "http://other.example/" })
	if got := b.run(run.ID); got.Request == nil || got.Request.URL != "http://example.com/a" {
		t.Fatal("an edit took the request of a manual run")
	}
}

func testCancel(t *testing.T, b *bundle) {
	ctx := t.Context()
	queued, running, retrying, done := b.oneRun("queued"), b.oneRun("running"), b.oneRun("retrying"), b.oneRun("done")
	kept := b.oneRun("kept")
	b.record(started(running, 1, t0+1), ended(retrying, 1, t0+1, job.StateRetrying, 503), ended(done, 1, t0+1, job.StateSucceeded, 200))
	for _, id := range []string{"queued", "running", "retrying", "done"} {
		if _, err := b.DeleteJob(ctx, id, 0, t0+2); err != nil {
			t.Fatal(err)
		}
	}
	b.create(newJob("queued")) // made anew before its old run is canceled

	pending, err := b.CancelPending(ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{queued, running, retrying}
	slices.Sort(want)
	wantEqual(t, "the runs that are to be canceled", runIDsOf(pending), want)
	if pending[0].Reason != job.ReasonJobDeleted {
		t.Fatalf("they are to be canceled for %q", pending[0].Reason)
	}
	want = []string{queued, retrying}
	slices.Sort(want)
	if one, err := b.CancelPending(ctx, 1); err != nil || len(one) != 1 {
		t.Fatal(one, err)
	}
	canceled, err := b.CancelMarked(ctx, []string{queued, running, retrying, done, kept, "nobody", "\x00"}, t0+5)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the canceled runs", runIDsOf(canceled.Changed), want)
	r := b.run(queued)
	if r.State != job.StateCanceled || r.Reason != job.ReasonJobDeleted || *r.FinishedAt != t0+5 {
		t.Fatalf("the run is %+v", r)
	}
	for id, state := range map[string]job.State{running: job.StateRunning, done: job.StateSucceeded, kept: job.StateQueued} {
		if got := b.run(id).State; got != state {
			t.Errorf("%s became %s", state, got)
		}
	}
	if again, err := b.CancelMarked(ctx, []string{queued, retrying}, t0+6); err != nil || len(again.Changed) != 0 {
		t.Fatal(again, err)
	}
	if none, err := b.CancelMarked(ctx, nil, t0); err != nil || len(none.Changed) != 0 {
		t.Fatal(none, err)
	}
	b.record(ended(running, 1, t0+9, job.StateSucceeded, 200))
	if got := b.run(running).State; got != job.StateSucceeded {
		t.Fatalf("a call that had begun is accounted as %s", got)
	}
}

func runIDsOf(runs []job.Run) []string {
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	return ids
}
