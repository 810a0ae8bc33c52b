package store

import (
	"slices"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// The lag of a run counts from when it became due, which for a date that was in the past when it was saved is not its moment.
func testLag(t *testing.T, b *bundle) {
	past := t0.Add(-5 * time.Minute)
	b.create(newJob("late", dueAt(past)), newJob("punctual"))
	_, err := b.Claim(t.Context(), job.Claim{Now: t0 + 3, Limit: 10}, func(due []job.Due) []job.Verdict {
		verdicts := everyMinute(t0 + 3)(due)
		for i := range due {
			if due[i].ID == "late" {
				since := t0 + 1
				verdicts[i].Runs[0].DueSince = &since
			}
		}
		return verdicts
	})
	if err != nil {
		t.Fatal(err)
	}
	late, punctual := job.OccurrenceID("late", past), job.OccurrenceID("punctual", t0)
	changed := b.record(started(late, 1, t0+8), started(punctual, 1, t0+9))
	if len(changed) != 2 {
		t.Fatalf("changed: %+v", changed)
	}
	for _, run := range changed {
		if want := map[string]int64{late: 7, punctual: 9}[run.ID]; *run.LagMS != want {
			t.Errorf("%s was recorded with a lag of %d, want %d", run.JobID, *run.LagMS, want)
		}
	}
	if run := b.run(late); *run.LagMS != 7 || run.ScheduledAt != past || run.MissedFrom != nil || run.MissedCount != 0 {
		t.Errorf("the late run is %+v", run)
	}
	stats, err := b.Stats(t.Context(), t0.Add(time.Minute))
	if err != nil || !slices.Equal(stats.Lags, []int64{7, 9}) {
		t.Errorf("lags %v, %v", stats.Lags, err)
	}
	// Both were claimed and planned a minute later; the late one is due again at once.
	again := past.Add(time.Minute)
	if stats, err := b.Stats(t.Context(), again-1); err != nil || stats.OldestDue != nil {
		t.Errorf("with nothing due the oldest is %v, %v", stats.OldestDue, err)
	}
	if stats, err := b.Stats(t.Context(), t0.Add(3*time.Minute)); err != nil || stats.OldestDue == nil || *stats.OldestDue != again {
		t.Errorf("the oldest due is %v, want %s; %v", stats.OldestDue, again, err)
	}
}
