package store

import (
	"fmt"
	"testing"

	"schedule-server/pkg/job"
)

func testRecent(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"), newJob("none", func(j *job.Job) { j.Pause(nil, "") }))
	for i := range 5 {
		b.claimAll(t0 + job.Instant(i)*60_000)
	}
	b.record(started(job.OccurrenceID("a", t0), 1, t0+30), ended(job.OccurrenceID("a", t0), 1, t0+40, job.StateFailed, 503))
	list := func(n int) map[string][]job.LastRun {
		page, err := b.ListJobs(t.Context(), job.JobQuery{Limit: 10, Recent: n})
		if err != nil {
			t.Fatal(err)
		}
		recent := map[string][]job.LastRun{}
		for _, j := range page.Jobs {
			recent[j.ID] = j.Recent
		}
		return recent
	}
	for _, n := range []int{1, 3, 5, 24} {
		got := list(n)
		for _, id := range []string{"a", "b"} {
			if len(got[id]) != min(n, 5) {
				t.Fatalf("of %d runs of %s came %d", n, id, len(got[id]))
			}
			for i, run := range got[id] {
				wantEqual(t, fmt.Sprintf("run %d of %s", i, id), run.ID, job.OccurrenceID(id, t0+job.Instant(4-i)*60_000))
			}
		}
		if got["none"] == nil || len(got["none"]) != 0 {
			t.Fatalf("a job that never ran has %v", got["none"])
		}
	}
	oldest := list(24)["a"][4]
	wantEqual(t, "the failed run", oldest, job.LastRun{ID: job.OccurrenceID("a", t0), State: job.StateFailed, Reason: "status_503",
		ScheduledAt: t0, StatusCode: new(503), DurationMS: new(int64(10))})
	if got := list(0); got["a"] != nil {
		t.Fatalf("nobody asked for %v", got["a"])
	}
}
