package store

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// BenchmarkClaim claims due jobs out of a million, in SQLite, in batches of 1,000.
// Each gets a run to deliver and its next occurrence an hour on.
//
//	go test -run - -bench Claim -benchtime 1000x ./pkg/store
func BenchmarkClaim(b *testing.B) {
	for name, spread := range map[string]int{"same_moment": 1, "spread_over_a_minute": 60_000} {
		b.Run(name, func(b *testing.B) { benchmarkClaim(b, 1_000_000, spread) })
	}
}

func benchmarkClaim(b *testing.B, jobs, spread int) {
	ctx := b.Context()
	s, err := Open(ctx, "sqlite://"+filepath.Join(b.TempDir(), "bench.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	start := job.Instant(1_800_000_000_000)
	fill(b, s, jobs, spread, start)

	now, claimed := start.Add(time.Hour-time.Millisecond), 0
	var after job.ClaimKey
	b.ResetTimer()
	used := cpuTime(b)
	for range b.N {
		got, err := s.Claim(ctx, job.Claim{Now: now, After: after, Limit: 1000}, everyHour)
		if err != nil {
			b.Fatal(err)
		}
		if len(got.Tasks) != got.Seen {
			b.Fatalf("%d of %d jobs have a task", len(got.Tasks), got.Seen)
		}
		claimed += got.Seen
		after = got.Last
		if got.Seen < 1000 {
			now, after = now.Add(time.Hour), job.ClaimKey{}
		}
	}
	b.ReportMetric(float64(claimed)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(float64((cpuTime(b)-used).Microseconds())/float64(claimed), "cpu-µs/job")
}

// cpuTime is what the process has used: of more worth than the clock where others use the machine too.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// everyHour runs what is due and plans the next an hour on.
func everyHour(due []job.Due) []job.Verdict {
	verdicts := make([]job.Verdict, len(due))
	for i := range due {
		d := &due[i]
		at := *d.NextRunAt
		next := at.Add(time.Hour)
		queued := at
		j := d.Job
		j.NextRunAt, j.DueAt = &next, &next
		verdicts[i] = job.Verdict{Job: j, Runs: []job.Run{{
			ID: job.OccurrenceID(d.ID, at), Trigger: job.TriggerSchedule, State: job.StateQueued,
			ScheduledAt: at, QueuedAt: &queued, Queue: job.QueueDefault,
		}}}
	}
	return verdicts
}

// fill copies one job many times, due from a moment on, evenly over so many milliseconds.
func fill(tb testing.TB, s *Store, n, spread int, from job.Instant) {
	tb.Helper()
	every := trigger.Duration(time.Hour)
	j := &job.Job{Definition: job.Definition{
		ID: "template", Name: "Nightly report", Tags: []string{"billing"},
		Schedule: trigger.Spec{Type: trigger.TypeInterval, Every: every, Anchor: &from},
		Request:  job.Request{Method: "GET", URL: "https://example.com/hook", Headers: map[string]string{"X-A": "1"}},
		Policy:   job.DefaultPolicy(),
	}, Status: job.StatusActive, CreatedAt: from, UpdatedAt: from}
	if err := s.CreateJob(tb.Context(), j); err != nil {
		tb.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf(`WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %d)
			INSERT INTO definitions (job_id, version, description, schedule, request, policy, secrets)
			SELECT 'job-' || substr('%07d' || n, -7), version, description, schedule, request, policy, secrets
			FROM c, definitions WHERE job_id = 'template'`, n-1, 0),
		fmt.Sprintf(`WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %d)
			INSERT INTO jobs (id, status, next_run_at, due_at, failures, version, ran_version, created_at, updated_at,
				type, host, name, tags, search)
			SELECT 'job-' || substr('%07d' || n, -7), status, %d + n %% %d, %d + n %% %d, failures, version, ran_version,
				created_at, updated_at, type, host, name || n, tags, search || n FROM c, jobs WHERE id = 'template'`, n-1, 0, from, spread, from, spread),
		"DELETE FROM jobs WHERE id = 'template'",
	} {
		if _, err := s.w.ExecContext(tb.Context(), text); err != nil {
			tb.Fatal(err)
		}
	}
}
