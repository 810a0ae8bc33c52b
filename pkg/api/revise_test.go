package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// TestEditKeepsPlan edits a job in ways that must not move its next occurrence,
// also when that is due and nobody has claimed it yet.
func TestEditKeepsPlan(t *testing.T) {
	for _, late := range []time.Duration{5 * time.Second, time.Minute} {
		for name, edit := range map[string]func(w *world) answer{
			"patch of the name": func(w *world) answer { return w.call("PATCH", "/api/v1/jobs/i", `{"name":"x"}`) },
			"patch of the request": func(w *world) answer {
				return w.call("PATCH", "/api/v1/jobs/i", `{"request":{"url":"https://other.example/"},"policy":{"queue":"low"}}`)
			},
			"patch of nothing":    func(w *world) answer { return w.call("PATCH", "/api/v1/jobs/i", `{"schedule":{"every":"10s"}}`) },
			"patch of the anchor": func(w *world) answer { return w.call("PATCH", "/api/v1/jobs/i", `{"schedule":{"anchor":null}}`) },
			"the same again":      func(w *world) answer { return w.call("PUT", "/api/v1/jobs/i", intervalJob) },
			"the zone spelt out": func(w *world) answer {
				return w.call("PUT", "/api/v1/jobs/i", strings.Replace(intervalJob, `"every"`, `"time_zone":"UTC","every"`, 1))
			},
			"what was read": func(w *world) answer {
				return w.call("PUT", "/api/v1/jobs/i", w.call("GET", "/api/v1/jobs/i", "").body)
			},
			"resume": func(w *world) answer { return w.call("POST", "/api/v1/jobs/i/resume", "") },
		} {
			t.Run(fmt.Sprintf("%s after %s", name, late), func(t *testing.T) {
				w := newWorld(t, worldOptions{})
				before := w.call("POST", "/api/v1/jobs", intervalJob).is(201).job()
				w.pass(late)
				edit(w).is(200)
				after, err := w.store.GetJob(t.Context(), "i")
				must(t, err)
				if *after.NextRunAt != *before.NextRunAt || *after.DueAt != *before.NextRunAt || *after.Schedule.Anchor != begin {
					t.Errorf("next %s, due %s, anchor %s", after.NextRunAt, after.DueAt, after.Schedule.Anchor)
				}
			})
		}
	}
}

func TestEditMovesPlan(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	w.pass(35 * time.Second)
	next := func(a answer, want time.Duration) {
		t.Helper()
		if got := a.is(200).job(); got.Status != job.StatusActive || got.NextRunAt.Sub(begin) != want {
			t.Errorf("%s, next %s after the beginning, want %s", got.Status, got.NextRunAt.Sub(begin), want)
		}
	}
	// The anchor stays where it was; the next occurrence lies after now.
	next(w.call("PATCH", "/api/v1/jobs/i", `{"schedule":{"every":"20s"}}`), 40*time.Second)
	next(w.call("PATCH", "/api/v1/jobs/i", `{"schedule":{"type":"cron","expression":"* * * * *","every":null,"anchor":null}}`), 80*time.Second)
	// A new anchor is now where a definition with another distance gives none.
	next(w.call("PUT", "/api/v1/jobs/i", intervalJob), 45*time.Second)

	j := w.call("PATCH", "/api/v1/jobs/i", `{"policy":{"jitter":"4s"}}`).is(200).job()
	stored, err := w.store.GetJob(t.Context(), "i")
	must(t, err)
	if j.NextRunAt.Sub(begin) != 45*time.Second || *stored.DueAt < *j.NextRunAt || *stored.DueAt >= j.NextRunAt.Add(4*time.Second) {
		t.Errorf("with jitter: next %s, due %s", j.NextRunAt, stored.DueAt)
	}
}

func TestEditOfDate(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", dateJob("d", begin+60_000)).is(201)
	w.call("POST", "/api/v1/jobs/d/pause", "").is(200)
	w.pass(2 * time.Minute)
	if j := w.call("POST", "/api/v1/jobs/d/resume", "").is(200).job(); j.Status != job.StatusCompleted || j.NextRunAt != nil {
		t.Errorf("resumed after its date: %s, next %v", j.Status, j.NextRunAt)
	}
	for _, action := range []string{"pause", "resume"} {
		w.call("POST", "/api/v1/jobs/d/"+action, "").problem(409, "conflict")
	}
	for _, same := range []string{`{"name":"x"}`, `{"policy":{"jitter":"1s"}}`, `{"status":"active"}`} {
		if j := w.call("PATCH", "/api/v1/jobs/d", same).is(200).job(); j.Status != job.StatusCompleted {
			t.Errorf("%s made a completed job %s", same, j.Status)
		}
	}
	if j := w.call("PUT", "/api/v1/jobs/d", dateJob("d", begin)).is(200).job(); j.Status != job.StatusActive || *j.NextRunAt != begin {
		t.Errorf("another date, in the past: %s, next %v", j.Status, j.NextRunAt)
	}
	w.call("PATCH", "/api/v1/jobs/d", `{"schedule":{"type":"cron","expression":"0 0 31 2 *","at":null}}`).problem(422, "invalid", "schedule")
}

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	until := w.clock().Add(time.Minute)
	j := w.call("POST", "/api/v1/jobs/i/pause", fmt.Sprintf(`{"until":%q,"reason":"later"}`, until)).is(200).job()
	if j.Status != job.StatusPaused || *j.PausedUntil != until || *j.PauseReason != "later" || j.NextRunAt != nil {
		t.Errorf("paused: %+v", j)
	}
	stored, err := w.store.GetJob(t.Context(), "i")
	must(t, err)
	if *stored.DueAt != until {
		t.Errorf("beat looks at it at %s, want %s", stored.DueAt, until)
	}
	// A definition without a status leaves the pause alone, and a status obeys.
	for _, edit := range []answer{
		w.call("PUT", "/api/v1/jobs/i", intervalJob),
		w.call("PATCH", "/api/v1/jobs/i", `{"name":"x"}`),
		w.call("PATCH", "/api/v1/jobs/i", `{"schedule":{"every":"20s"}}`),
		w.call("PUT", "/api/v1/jobs/i", w.call("GET", "/api/v1/jobs/i", "").body),
	} {
		if j := edit.is(200).job(); j.Status != job.StatusPaused || *j.PausedUntil != until || *j.PauseReason != "later" {
			t.Errorf("edited: %s %v %v", j.Status, j.PausedUntil, j.PauseReason)
		}
	}
	j = w.call("PATCH", "/api/v1/jobs/i", `{"status":"active"}`).is(200).job()
	if j.Status != job.StatusActive || j.PausedUntil != nil || j.PauseReason != nil || *j.NextRunAt <= w.clock() {
		t.Errorf("activated: %+v", j)
	}
	if (*j.NextRunAt-begin)%20_000 != 0 {
		t.Errorf("the phase moved: next %s", j.NextRunAt)
	}
	j = w.call("PUT", "/api/v1/jobs/i", strings.Replace(intervalJob, `"id":"i"`, `"status":"paused"`, 1)).is(200).job()
	if j.Status != job.StatusPaused || j.NextRunAt != nil || j.PausedUntil != nil {
		t.Errorf("paused by PUT: %+v", j)
	}
	version := j.Version
	j = w.call("POST", "/api/v1/jobs/i/resume", `{"resume_from":"now"}`).is(200).job()
	if j.Status != job.StatusActive || j.Version != version+1 {
		t.Errorf("resumed: %+v", j)
	}
	if again := w.call("POST", "/api/v1/jobs/i/resume", "").is(200).job(); again.Version != j.Version {
		t.Errorf("resuming an active job wrote version %d", again.Version)
	}
}

// The end of a pause is past, and no beat has seen to it: the job is active all
// the same, and a change of its schedule begins when it is made.
func TestEditAfterAnUnnoticedEndOfAPause(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	until := w.clock().Add(time.Minute)
	w.call("POST", "/api/v1/jobs/i/pause", fmt.Sprintf(`{"until":%q}`, until)).is(200)
	w.pass(95 * time.Second)
	for _, same := range []answer{w.call("PATCH", "/api/v1/jobs/i", `{"name":"x"}`), w.call("POST", "/api/v1/jobs/i/resume", "")} {
		if j := same.is(200).job(); j.Status != job.StatusActive || j.PausedUntil != nil || *j.NextRunAt != until {
			t.Errorf("%s, next %v", j.Status, j.NextRunAt)
		}
	}
	var c service.Comparison
	w.call("PATCH", "/api/v1/jobs/i?dry_run=true", `{"schedule":{"every":"1h"}}`).is(200).into(&c)
	if c.Before.Next[0].At != until || c.After.Next[0].At <= w.clock() {
		t.Errorf("by a dry run: %s, then %s", c.Before.Next[0].At, c.After.Next[0].At)
	}
	j := w.call("PATCH", "/api/v1/jobs/i", `{"schedule":{"every":"1h"}}`).is(200).job()
	if j.Status != job.StatusActive || *j.NextRunAt <= w.clock() {
		t.Errorf("rescheduled: %s, next %v", j.Status, j.NextRunAt)
	}
	var page struct{ Runs []job.Run }
	w.call("GET", "/api/v1/jobs/i/runs", "").is(200).into(&page)
	if len(page.Runs) != 1 {
		t.Fatalf("the history is %+v", page.Runs)
	}
	run := page.Runs[0]
	if run.State != job.StateCanceled || run.Reason != job.ReasonRescheduled || run.MissedCount != 4 || *run.MissedFrom != until ||
		*run.MissedTo != until+30_000 || j.LastRun == nil || j.LastRun.ID != run.ID {
		t.Errorf("what the edit overtook is accounted for as %+v", run)
	}
	w.pass(2 * time.Hour)
	w.call("DELETE", "/api/v1/jobs/i", "").is(204)
	w.call("GET", "/api/v1/runs?job=i", "").is(200).into(&page)
	if len(page.Runs) != 2 || page.Runs[0].Reason != job.ReasonJobDeleted || page.Runs[0].MissedCount != 2 {
		t.Errorf("what the deletion overtook: %+v", page.Runs)
	}
}

// A job that is paused and rescheduled at once, or while it is paused, has nothing to make up for of its old schedule.
func TestRescheduledInAPause(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	w.call("POST", "/api/v1/jobs/i/pause", "").is(200)
	w.pass(time.Hour)
	w.call("PATCH", "/api/v1/jobs/i", `{"schedule":{"every":"20s"}}`).is(200)
	edited := w.clock()
	w.pass(time.Hour)
	if j := w.call("POST", "/api/v1/jobs/i/resume", `{"resume_from":"last"}`).is(200).job(); *j.NextRunAt <= edited || *j.NextRunAt > edited+20_000 {
		t.Errorf("next %s; the schedule holds since %s", j.NextRunAt, edited)
	}
}

// A resume from last goes on where the pause began; one from now does not.
func TestResumeFrom(t *testing.T) {
	w := newWorld(t, worldOptions{})
	held := *w.call("POST", "/api/v1/jobs", intervalJob).is(201).job().NextRunAt
	w.call("POST", "/api/v1/jobs/i/pause", "").is(200)
	w.pass(time.Hour)
	if j := w.call("POST", "/api/v1/jobs/i/resume", `{"resume_from":"last"}`).is(200).job(); *j.NextRunAt != held {
		t.Errorf("next %s, the pause held back %s", j.NextRunAt, held)
	}
	w.call("POST", "/api/v1/jobs/i/pause", "").is(200)
	if j := w.call("POST", "/api/v1/jobs/i/resume", "").is(200).job(); *j.NextRunAt <= w.clock() {
		t.Errorf("next %s, although the resume is from now, %s", j.NextRunAt, w.clock())
	}
}

func TestDryRun(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	var c service.Comparison
	w.call("PATCH", "/api/v1/jobs/a?dry_run=true", `{"schedule":{"expression":"30 3 * * *","time_zone":"Asia/Shanghai"}}`).is(200).into(&c)
	if len(c.Before.Next) != 10 || c.Before.Next[0].At.String() != "2026-11-19T02:00:00.000Z" ||
		len(c.After.Next) != 10 || c.After.Next[0].Local != "2026-11-19T03:30:00+08:00" || c.Warnings == nil {
		t.Errorf("%+v", c)
	}
	w.call("PATCH", "/api/v1/jobs/a?dry_run=true", `{}`, "If-Match", `"2"`).problem(412, "precondition_failed")
	w.call("PATCH", "/api/v1/jobs/a?dry_run=true", `{"schedule":{"expression":"x"}}`).problem(422, "invalid", "schedule.expression")
	w.call("PATCH", "/api/v1/jobs/none?dry_run=true", `{}`).problem(404, "not_found")
	if j := w.call("GET", "/api/v1/jobs/a", "").job(); j.Version != 1 || j.Schedule.Expression != "0 2 * * *" {
		t.Errorf("a dry run wrote: %+v", j)
	}
	// What is due and unclaimed is still to come, before and after.
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	w.pass(15 * time.Second)
	w.call("PATCH", "/api/v1/jobs/i?dry_run=true", `{"name":"x"}`).is(200).into(&c)
	if c.Before.Next[0].At != begin+10_000 || c.After.Next[0].At != begin+10_000 {
		t.Errorf("%+v", c)
	}
}
