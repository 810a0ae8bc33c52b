package api

import (
	"fmt"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// Under queue one run by hand waits for the open one; a second is a conflict.
func TestRunByHandWaits(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	w.call("PATCH", "/api/v1/jobs/a", `{"policy":{"concurrency_policy":"queue"}}`).is(200)
	if run := w.run("/api/v1/jobs/a/run", ""); run.State != job.StateQueued {
		t.Errorf("the first is %s", run.State)
	}
	if run := w.run("/api/v1/jobs/a/run", ""); run.State != job.StateWaiting || run.QueuedAt != nil {
		t.Errorf("the second is %+v", run)
	}
	w.call("POST", "/api/v1/jobs/a/run", "").problem(409, "conflict")
	if n := w.pending(); n != 1 {
		t.Errorf("%d tasks in the queues", n)
	}
}

func TestBackfill(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201) // every ten seconds from begin
	w.pass(time.Hour)
	body := func(from, to time.Duration, dry bool) string {
		return fmt.Sprintf(`{"start":%q,"end":%q,"dry_run":%t}`, begin.Add(from), begin.Add(to), dry)
	}
	var made struct{ Runs int }
	w.call("POST", "/api/v1/jobs/i/backfill", body(5*time.Second, time.Minute, true)).is(202).into(&made)
	if made.Runs != 6 || w.pending() != 0 {
		t.Errorf("a dry run tells of %d runs and enqueues %d", made.Runs, w.pending())
	}
	for range 2 { // whether they ran before or not
		w.call("POST", "/api/v1/jobs/i/backfill", body(10*time.Second, time.Minute, false)).is(202).into(&made)
	}
	var page runList
	w.call("GET", "/api/v1/jobs/i/runs?trigger=backfill", "").is(200).into(&page)
	if made.Runs != 6 || len(page.Runs) != 12 || w.pending() != 12 {
		t.Fatalf("%d runs made, %d in the history, %d in the queues", made.Runs, len(page.Runs), w.pending())
	}
	if newest := page.Runs[0]; newest.ScheduledAt != begin.Add(time.Minute) || newest.State != job.StateQueued {
		t.Errorf("the newest is %+v", newest)
	}
	w.call("POST", "/api/v1/jobs/i/backfill", body(-time.Hour, -time.Minute, false)).is(202).into(&made)
	if made.Runs != 0 {
		t.Errorf("%d runs before the first occurrence", made.Runs)
	}
	for _, c := range []struct{ body, field string }{
		{`{"end":"2026-11-18T00:00:00Z"}`, "start"},
		{`{"start":"2026-11-18T00:00:00Z"}`, "end"},
		{`{"start":"2026-11-18T00:00:00Z","end":"2026-11-17T00:00:00Z"}`, "end"},
		{`{"start":"1960-11-18T00:00:00Z","end":"1961-11-17T00:00:00Z"}`, "start"},
		{body(0, 48*time.Hour, true), "end"},
		{`{"start":"yesterday","end":"2026-11-17T00:00:00Z"}`, "start"},
	} {
		w.call("POST", "/api/v1/jobs/i/backfill", c.body).problem(422, "invalid", c.field)
	}
	w.pass(48 * time.Hour)
	w.call("POST", "/api/v1/jobs/i/backfill", body(0, 48*time.Hour, true)).problem(422, "invalid", "end") // more than 10,000
	w.call("POST", "/api/v1/jobs/none/backfill", body(0, time.Minute, false)).problem(404, "not_found")
}
