package store

import (
	"fmt"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// tellRuns writes the runs of a job, oldest first, as "state(reason)@seconds xN".
func (b *bundle) tellRuns(id string) string {
	b.t.Helper()
	page, err := b.ListRuns(b.t.Context(), job.RunQuery{JobID: id, Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	text := ""
	for _, r := range page.Runs {
		one := fmt.Sprintf("%s(%s)@%d", r.State, r.Reason, (r.ScheduledAt-t0)/1000)
		if r.MissedCount > 0 {
			one += fmt.Sprintf("x%d", r.MissedCount)
		}
		text = one + " " + text
	}
	return text
}

// Whatever drops what is due and unclaimed accounts for it, in its own transaction.
func testOvertaken(t *testing.T, b *bundle) {
	const late = t0 + 125_000 // three occurrences are due, at 0, 60 and 120 s
	pause := func(j *job.Job) { j.Pause(nil, "") }
	reschedule := func(j *job.Job) {
		next := t0 + 300_000
		j.Schedule.Every, j.NextRunAt, j.DueAt = trigger.Duration(5*time.Minute), &next, &next
	}
	tests := map[string]struct {
		edit func(*job.Job) // nil deletes
		want string
	}{
		"pause":      {pause, "canceled(paused)@0x3 "},
		"reschedule": {reschedule, "canceled(rescheduled)@0x3 "},
		"rename":     {func(j *job.Job) { j.Name = "other" }, ""},
		"delete":     {nil, "canceled(job_deleted)@0x3 "},
	}
	for id, test := range tests {
		b.create(newJob(id))
		if test.edit == nil {
			if open, err := b.DeleteJob(t.Context(), id, 0, late); err != nil || len(open) > 0 {
				t.Fatal(open, err)
			}
		} else {
			b.changeAt(late, id, test.edit)
		}
		if got := b.tellRuns(id); got != test.want {
			t.Errorf("%s: got %q, want %q", id, got, test.want)
		}
		if test.want == "" {
			continue
		}
		run := b.run(job.OccurrenceID(id, t0))
		if run.Request == nil || run.Request.URL != "http://example.com/"+id {
			t.Errorf("%s: the account does not say what was to be called: %+v", id, run.Request)
		}
		if test.edit == nil {
			continue
		}
		if j := b.get(id); j.LastRun == nil || j.LastRun.State != job.StateCanceled {
			t.Errorf("%s: the last run is %+v", id, j.LastRun)
		}
	}
	if held := b.get("pause").PausedFrom; held == nil || *held != t0+180_000 {
		t.Errorf("the pause holds back what comes from %v on, not from the next after those that are accounted for", held)
	}
	if got := b.claimAll(late); len(got.Tasks) != 1 || got.Tasks[0].JobID != "rename" {
		t.Errorf("claimed %+v", got.Tasks)
	}
}

// changeAt edits a job at a moment.
func (b *bundle) changeAt(moment job.Instant, id string, edit func(*job.Job)) (before, after *job.Job) {
	b.t.Helper()
	before, after, err := b.ChangeJob(b.t.Context(), id, at(moment), func(old *job.Job, _ job.Instant) (*job.Job, error) {
		edit(old)
		return old, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if after.LastRun != nil {
		wantEqual(b.t, "the last run as told and as kept", after.LastRun, b.get(id).LastRun)
	}
	return before, after
}

// A pause that is over has ended, though no beat has seen it: a change finds the
// job resumed, and what fell due since then belongs to the schedule before it.
func testPauseUnnoticed(t *testing.T, b *bundle) {
	until := t0 + 60_000
	for _, id := range []string{"edited", "deleted", "looked at"} {
		b.create(newJob(id, func(j *job.Job) { j.Pause(&until, "for a minute") }))
	}
	const late = t0 + 130_000
	before, _ := b.changeAt(late, "edited", func(j *job.Job) {
		if j.Status != job.StatusActive || *j.NextRunAt != until {
			t.Errorf("the change found %s, next %v", j.Status, j.NextRunAt)
		}
		j.Pause(nil, "again")
	})
	if before.Status != job.StatusActive {
		t.Errorf("before it was %s", before.Status)
	}
	if _, err := b.DeleteJob(t.Context(), "deleted", 0, late); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"edited": "canceled(paused)@60x2 ", "deleted": "canceled(job_deleted)@60x2 ", "looked at": ""} {
		if got := b.tellRuns(id); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
	early, _ := b.changeAt(until-1, "looked at", func(*job.Job) {})
	if early.Status != job.StatusPaused {
		t.Errorf("before the end of its pause the job is %s", early.Status)
	}
}

// Failures pause a job while occurrences of it wait to be claimed.
func testFailuresOvertake(t *testing.T, b *bundle) {
	b.create(newJob("a", func(j *job.Job) { j.Policy.AutoPauseAfter = 1 }))
	run := b.claimAll(t0).Tasks[0].RunID
	b.record(started(run, 1, t0+1), ended(run, 1, t0+125_000, job.StateFailed, 500))
	if got, want := b.tellRuns("a"), "failed(status_500)@0 canceled(paused)@60x2 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	j := b.get("a")
	if j.Status != job.StatusPaused || j.PausedFrom == nil || *j.PausedFrom != t0+180_000 {
		t.Errorf("the job is %s, held back from %v", j.Status, j.PausedFrom)
	}
}

// A damaged policy of one job keeps no result of others from being recorded.
func testFailuresUnreadable(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"))
	tasks := b.claimAll(t0).Tasks
	if _, err := b.w.Exec("UPDATE definitions SET policy = '{' WHERE job_id = 'a'"); err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		b.record(ended(task.RunID, 1, t0+5, job.StateFailed, 500))
		if run := b.run(task.RunID); run.State != job.StateFailed {
			t.Errorf("the run of %s is %s", task.JobID, run.State)
		}
	}
	wantContains(t, b.log.String(), "cannot be read")
}

// The clock was set back and the schedule changed then: of what falls due again, rows
// that stand for several leave out what has an account, and stand for the rest.
func testSummaryAfterStepBack(t *testing.T, b *bundle) {
	const late = t0 + 185_000
	half := func(j *job.Job) { // planned at 45 s, when 0, 60 and 120 s were claimed
		next := t0 + 60_000
		j.Schedule.Every, j.NextRunAt, j.DueAt = trigger.Duration(30*time.Second), &next, &next
	}
	b.create(newJob("claimed"), newJob("paused"), newJob("all known"))
	for range 3 {
		b.claimAll(late)
	}
	for _, id := range []string{"claimed", "paused"} {
		b.changeAt(t0+45_000, id, half)
	}
	b.changeAt(t0+45_000, "all known", func(j *job.Job) { // the same moments once more
		next := t0 + 60_000
		j.Schedule.Every, j.NextRunAt, j.DueAt = trigger.Duration(60*time.Second), &next, &next
	})
	b.changeAt(late, "paused", func(j *job.Job) { j.Pause(nil, "") })
	_, err := b.Claim(t.Context(), job.Claim{Now: late, Limit: 10}, func(due []job.Due) []job.Verdict {
		verdicts := make([]job.Verdict, len(due))
		for i := range due {
			j, n, to := due[i].Job, 5, t0+180_000
			if j.ID == "all known" {
				n, to = 2, t0+120_000
			}
			run := j.Summary(job.StateMissed, job.ReasonMisfire, n, t0+60_000, to, late)
			j.NextRunAt, j.DueAt = new(t0+210_000), new(t0+210_000)
			verdicts[i] = job.Verdict{Job: j, Runs: []job.Run{run}}
		}
		return verdicts
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"claimed":   "queued()@0 queued()@60 missed(misfire)@90x3 queued()@120 ",
		"paused":    "queued()@0 queued()@60 canceled(paused)@90x3 queued()@120 ",
		"all known": "queued()@0 queued()@60 queued()@120 ",
	} {
		if got := b.tellRuns(id); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}
