package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// BenchmarkClaim claims due jobs out of BENCH_JOBS (a million unless given), in batches of 1,000.
// Each gets a run to deliver and its next occurrence an hour on.
//
//	go test -run - -bench Claim -benchtime 500x ./pkg/store
func BenchmarkClaim(b *testing.B) {
	onEach(b, func(b *testing.B, open func(*testing.B) (*Store, meter)) {
		for name, spread := range map[string]int{"same_moment": 1, "spread_over_a_minute": 60_000} {
			b.Run(name, func(b *testing.B) {
				s, others := open(b)
				c := newClaimer(b, s, benchJobs(b, 1_000_000), spread)
				b.ResetTimer()
				fromOthers, from, claimed := others(b), testserver.CPUTime(b), 0
				var longest time.Duration
				for range b.N {
					start := time.Now()
					claimed += len(c.claim(b, 1000))
					longest = max(longest, time.Since(start))
				}
				b.ReportMetric(float64(longest.Milliseconds()), "longest-ms")
				b.ReportMetric(float64(claimed)/b.Elapsed().Seconds(), "jobs/s")
				took := testserver.CPUTime(b) - from
				took += others(b) - fromOthers
				b.ReportMetric(float64(took.Microseconds())/float64(claimed), "cpu-µs/job")
			})
		}
	})
}

// BenchmarkRecord records runs of BENCH_JOBS jobs (100,000 unless given), all due in one moment,
// in batches: of each its start and its end together, which is how they come under load.
//
//	go test -run - -bench Record -benchtime 100x ./pkg/store
func BenchmarkRecord(b *testing.B) {
	onEach(b, func(b *testing.B, open func(*testing.B) (*Store, meter)) {
		for _, size := range []int{100, 1000} {
			b.Run(strconv.Itoa(size), func(b *testing.B) {
				s, others := open(b)
				c := newClaimer(b, s, benchJobs(b, 100_000), 1)
				var ids [][]string
				runs := 0
				for range b.N {
					var batch []string
					for _, task := range c.claim(b, size) {
						batch = append(batch, task.RunID)
					}
					ids, runs = append(ids, batch), runs+len(batch)
				}
				at := c.now.Add(time.Second)
				fromOthers := others(b)
				var took, longest time.Duration
				b.ResetTimer()
				for _, batch := range ids {
					b.StopTimer()
					events := make([]job.Event, 0, 2*len(batch))
					for _, id := range batch {
						events = append(events, started(id, 1, at), ended(id, 1, at+10, job.StateSucceeded, 200))
					}
					b.StartTimer()
					from, start := testserver.CPUTime(b), time.Now()
					done, err := s.Record(b.Context(), events)
					took, longest = took+testserver.CPUTime(b)-from, max(longest, time.Since(start))
					if err != nil || len(done.Changed) != len(batch) {
						b.Fatal(len(done.Changed), err)
					}
				}
				b.ReportMetric(float64(runs)/b.Elapsed().Seconds(), "runs/s")
				took += others(b) - fromOthers
				b.ReportMetric(float64(longest.Milliseconds()), "longest-ms")
				b.ReportMetric(float64(took.Microseconds())/float64(runs), "cpu-µs/run")
			})
		}
	})
}

// BenchmarkStale walks the open runs of BENCH_JOBS jobs (50,000 unless given), as the reconciler does every few
// seconds, a thousand at once, when nothing has been heard of any of them.
//
//	go test -run - -bench Stale -benchtime 5x ./pkg/store
func BenchmarkStale(b *testing.B) {
	onEach(b, func(b *testing.B, open func(*testing.B) (*Store, meter)) {
		s, others := open(b)
		jobs := benchJobs(b, 50_000)
		c := newClaimer(b, s, jobs, 1)
		for left := jobs; left > 0; {
			left -= len(c.claim(b, min(left, 1000)))
		}
		if s.d == postgres { // it does so by itself, some time after
			if _, err := s.w.ExecContext(b.Context(), "ANALYZE"); err != nil {
				b.Fatal(err)
			}
		}
		b.ResetTimer()
		fromOthers, from, seen := others(b), testserver.CPUTime(b), 0
		for range b.N {
			after, more := job.OpenRun{}, true
			for more {
				stale, err := s.StaleRuns(b.Context(), c.now.Add(time.Hour), after, 1000)
				if err != nil {
					b.Fatal(err)
				}
				if more = len(stale) == 1000; more {
					after = stale[999]
				}
				seen += len(stale)
			}
		}
		if seen != jobs*b.N {
			b.Fatalf("%d of %d runs were seen", seen, jobs*b.N)
		}
		took := testserver.CPUTime(b) - from
		took += others(b) - fromOthers
		b.ReportMetric(float64(took.Microseconds())/float64(seen), "cpu-µs/run")
	})
}

// meter tells the processor time that a database used so far in processes of its own. With testserver.CPUTime
// it is of more worth than the clock where others use the machine too.
type meter func(b *testing.B) time.Duration

// onEach runs a benchmark on both databases.
func onEach(b *testing.B, run func(b *testing.B, open func(*testing.B) (*Store, meter))) {
	opened := func(b *testing.B, url string) *Store {
		s, err := Open(b.Context(), url, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Close() })
		return s
	}
	b.Run("sqlite", func(b *testing.B) {
		run(b, func(b *testing.B) (*Store, meter) {
			return opened(b, "sqlite://"+filepath.Join(b.TempDir(), "bench.db")), func(*testing.B) time.Duration { return 0 }
		})
	})
	b.Run("postgres", func(b *testing.B) {
		server := startPostgres(b)
		run(b, func(b *testing.B) (*Store, meter) {
			return opened(b, server.database(b)), server.cpuTime
		})
	})
}

// cpuTime is what the server and its children have used, the ended ones too.
func (s *server) cpuTime(b *testing.B) time.Duration {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	ticks := 0
	for _, path := range stats {
		text, _ := os.ReadFile(path) // gone meanwhile: it is counted with its parent
		// The name of the program, in brackets, may hold spaces.
		pid, rest, _ := strings.Cut(string(text), " (")
		_, rest, _ = strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		server := strconv.Itoa(s.PID())
		if len(fields) < 15 || pid != server && fields[1] != server {
			continue
		}
		for _, text := range fields[11:15] {
			n, err := strconv.Atoi(text)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ on every Linux that Go runs on
}

func benchJobs(b *testing.B, unlessGiven int) int {
	b.Helper()
	text := os.Getenv("BENCH_JOBS")
	if text == "" {
		return unlessGiven
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// claimer claims jobs that fall due every hour, hour by hour.
type claimer struct {
	s     *Store
	now   job.Instant
	after job.ClaimKey
}

func newClaimer(b *testing.B, s *Store, jobs, spread int) *claimer {
	b.Helper()
	start := job.Instant(1_800_000_000_000)
	fill(b, s, jobs, spread, start)
	return &claimer{s: s, now: start.Add(time.Hour - time.Millisecond)}
}

// claim claims so many jobs at most, and one at least.
func (c *claimer) claim(b *testing.B, limit int) []job.Task {
	b.Helper()
	for {
		got, err := c.s.Claim(b.Context(), job.Claim{Now: c.now, After: c.after, Limit: limit}, everyHour)
		if err != nil {
			b.Fatal(err)
		}
		if len(got.Tasks) != got.Seen {
			b.Fatalf("%d of %d jobs have a task", len(got.Tasks), got.Seen)
		}
		c.after = got.Last
		if got.Seen < limit {
			c.now, c.after = c.now.Add(time.Hour), job.ClaimKey{}
		}
		if got.Seen > 0 {
			return got.Tasks
		}
	}
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
	const last = `{"id":"01KF0XZWG0N4Q6N6TM3XHV9ZJX","state":"succeeded","reason":"ok","scheduled_at":"2027-01-15T07:00:00.000Z","status_code":200,"duration_ms":10}`
	for _, text := range []string{
		fmt.Sprintf(`WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %d)
			INSERT INTO definitions (job_id, version, description, schedule, request, policy, secrets)
			SELECT 'job-' || substr(CAST(%d + n AS TEXT), 2), version, description, schedule, request, policy, secrets
			FROM c, definitions WHERE job_id = 'template'`, n-1, 10_000_000),
		fmt.Sprintf(`WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %d)
			INSERT INTO jobs (id, status, next_run_at, due_at, failures, version, ran_version, created_at, updated_at,
				type, host, name, tags, search, last_run_at, last_state, last_run)
			SELECT 'job-' || substr(CAST(%d + n AS TEXT), 2), status, %d + n %% %d, %d + n %% %d, failures, version, version,
				created_at, updated_at, type, host, name || n, tags, search || n, %d, 'succeeded', '%s'
			FROM c, jobs WHERE id = 'template'`, n-1, 10_000_000, from, spread, from, spread, from.Add(-time.Hour), last),
		"DELETE FROM jobs WHERE id = 'template'",
	} {
		if _, err := s.w.ExecContext(tb.Context(), text); err != nil {
			tb.Fatal(err)
		}
	}
}
