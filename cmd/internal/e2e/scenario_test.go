package e2e

import (
	"net/http"
	"testing"
	"time"
)

type object = map[string]any

// scenario walks a newcomer's way: the three kinds of jobs by both APIs, pause,
// resume, edit, delete, a crash in the middle. crash kills the service and
// starts it again.
func scenario(t *testing.T, s *service, tg *target, crash func()) {
	s.ready()
	s.must("POST", "/scheduler/cron/add_job", object{"job_id": "cron", "url": tg.URL, "second": "*/1"}, nil)
	s.must("POST", "/api/v1/jobs", object{
		"id": "interval", "schedule": object{"type": "interval", "every": "1s"}, "request": object{"url": tg.URL},
	}, nil)
	soon := time.Now().Add(2 * time.Second).UTC().Truncate(time.Second)
	s.must("POST", "/scheduler/date/add_job", object{"job_id": "date", "url": tg.URL, "year": soon.Year(), "month": int(soon.Month()),
		"day": soon.Day(), "hour": soon.Hour(), "minute": soon.Minute(), "second": soon.Second()}, nil)

	for _, job := range []string{"cron", "interval"} {
		tg.wait(t, job, 3)
	}
	if date := tg.wait(t, "date", 1); !date[0].due.Equal(soon) {
		t.Errorf("the date job was called for %v, want %v", date[0].due, soon)
	}

	pauseAndResume(t, s, tg)
	phase := tg.of("interval")[0].due
	crash()
	s.ready()
	before := len(tg.of("interval"))
	for _, h := range tg.wait(t, "interval", before+3) {
		if off := h.due.Sub(phase) % time.Second; off != 0 {
			t.Errorf("after the crash the interval is off its phase by %v", off)
		}
	}
	deleteJob(t, s, tg, "cron")
	s.must("POST", "/api/v1/jobs/interval/pause", object{}, nil)
	for _, job := range []string{"interval", "date"} {
		checkHistory(t, s, tg, job)
	}
}

// pauseAndResume checks that nothing due after a pause has returned is called,
// and that a resume causes no burst.
func pauseAndResume(t *testing.T, s *service, tg *target) {
	t.Helper()
	s.must("POST", "/api/v1/jobs/interval/pause", object{"reason": "deploy"}, nil)
	paused := time.Now()
	seen := len(tg.of("cron"))
	tg.wait(t, "cron", seen+3) // time passes: two seconds at least
	s.must("POST", "/api/v1/jobs/interval/resume", nil, nil)
	resumed := time.Now()
	calls := len(tg.of("interval"))
	tg.wait(t, "interval", calls+2)
	for _, h := range tg.of("interval") {
		if h.due.After(paused) && h.due.Before(resumed) {
			t.Errorf("the occurrence of %v was called although the job was paused from %v to %v", h.due, paused, resumed)
		}
	}
}

// deleteJob deletes a job and checks that nothing due later is called.
func deleteJob(t *testing.T, s *service, tg *target, job string) {
	t.Helper()
	if status, answer := s.call("DELETE", "/api/v1/jobs/"+job, nil); status != http.StatusNoContent {
		t.Fatalf("delete: %d %s", status, answer)
	}
	deleted := time.Now()
	others := len(tg.of("interval"))
	tg.wait(t, "interval", others+2)
	for _, h := range tg.of(job) {
		if h.due.After(deleted) {
			t.Errorf("the occurrence of %v was called although its job was deleted at %v", h.due, deleted)
		}
	}
	checkHistory(t, s, tg, job)
}

// checkHistory holds the history against the target's log: one run per
// occurrence, an end for every run, a call for every success, a run for every
// call, and no call twice.
func checkHistory(t *testing.T, s *service, tg *target, job string) {
	t.Helper()
	runs := s.settled(job)
	byID := map[string]account{}
	moments := map[time.Time]string{}
	for _, r := range runs {
		if r.Reason == "" {
			t.Errorf("%s: run %s is %s without a reason", job, r.ID, r.State)
		}
		if other, twice := moments[r.ScheduledAt]; twice {
			t.Errorf("%s: the occurrence of %v has the runs %s and %s", job, r.ScheduledAt, r.ID, other)
		}
		moments[r.ScheduledAt], byID[r.ID] = r.ID, r
		if (r.State == "succeeded" || r.State == "failed") && len(r.Attempts) == 0 {
			t.Errorf("%s: run %s is %s without an attempt", job, r.ID, r.State)
		}
	}
	calls, first := map[string]int{}, map[string]time.Time{}
	for _, h := range tg.of(job) {
		if calls[h.run]++; calls[h.run] == 1 {
			first[h.run] = h.at
		}
		if _, known := byID[h.run]; !known {
			t.Errorf("%s: the call for %v at %v has no run", job, h.due, h.at)
		}
	}
	for id, r := range byID {
		if r.State == "succeeded" && calls[id] == 0 {
			t.Errorf("%s: run %s succeeded without a call", job, id)
		}
		if calls[id] > 1 && !tg.mayRepeat(first[id]) {
			t.Errorf("%s: the occurrence of %v was called %d times", job, r.ScheduledAt, calls[id])
		}
	}
	if len(runs) == 0 || len(calls) == 0 {
		t.Errorf("%s: %d runs, %d calls", job, len(runs), len(calls))
	}
	t.Logf("%s: %d runs, %d calls", job, len(runs), len(calls))
}
