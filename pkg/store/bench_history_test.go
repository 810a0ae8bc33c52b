package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// BenchmarkHistory prunes a history of BENCH_RUNS runs (500,000 unless given) of
// 1,000 jobs down to what these keep, while one job after the other is claimed:
// how long a claim takes then, at its longest too, against one that has the
// database for itself; and how long reading a job's last 50 runs takes. In SQLite,
// or in the database that BENCH_DATABASE_URL names, which is to be empty.
//
//	BENCH_RUNS=10000000 go test -run - -bench History -benchtime 1x -timeout 1h ./pkg/store
func BenchmarkHistory(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		for range b.N {
			benchmarkHistory(b, "sqlite://"+filepath.Join(b.TempDir(), "bench.db"))
		}
	})
	b.Run("postgres", func(b *testing.B) {
		s := startPostgres(b)
		for range b.N {
			benchmarkHistory(b, s.database(b))
		}
	})
}

func benchmarkHistory(b *testing.B, url string) {
	const jobs = 1000
	total := 500_000
	if text := os.Getenv("BENCH_RUNS"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	s, err := Open(b.Context(), url, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	now := job.Instant(1_800_000_000_000)
	fillHistory(b, s, jobs, total, now)

	var reads []time.Duration
	for i := range 200 {
		start := time.Now()
		page, err := s.ListRuns(b.Context(), job.RunQuery{JobID: historyJob(i * 5), Limit: 50})
		if err != nil || len(page.Runs) != min(50, total/jobs) {
			b.Fatal(len(page.Runs), err)
		}
		reads = append(reads, time.Since(start))
	}
	alone := claimWhile(b, s, now, func() bool { return false })
	p, place, removed := s.NewPruner(), "", 0
	start := time.Now()
	during := claimWhile(b, s, now.Add(24*time.Hour), func() bool {
		step, err := p.Recent(context.Background(), now.Add(time.Hour), place)
		if err != nil {
			b.Error(err)
		}
		place, removed = step.Place, removed+step.Removed
		return !step.Done
	})
	took := time.Since(start)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(quantile(reads, .99)), "read50-p99-ms")
	b.ReportMetric(ms(quantile(alone, .99)), "claim-alone-p99-ms")
	b.ReportMetric(ms(quantile(alone, 1)), "claim-alone-max-ms")
	b.ReportMetric(ms(quantile(during, .99)), "claim-pruning-p99-ms")
	b.ReportMetric(ms(quantile(during, 1)), "claim-pruning-max-ms")
	b.ReportMetric(float64(removed)/took.Seconds(), "pruned-rows/s")
	b.ReportMetric(float64(removed), "pruned-rows")
}

// quantile sorts.
func quantile(list []time.Duration, q float64) time.Duration {
	slices.Sort(list)
	return list[int(float64(len(list)-1)*q)]
}

func historyJob(i int) string { return fmt.Sprintf("job-%04d", i%1000) }

// claimWhile claims one job at a time, every two milliseconds, while the work goes
// on with half of the time for others, and for a second at least.
func claimWhile(b *testing.B, s *Store, from job.Instant, work func() bool) (took []time.Duration) {
	b.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for more := true; more; {
			start := time.Now()
			more = work()
			time.Sleep(max(5*time.Millisecond, time.Since(start)))
		}
	}()
	least := time.After(time.Second)
	for n := 0; ; n++ {
		start := time.Now()
		claimed, err := s.Claim(b.Context(), job.Claim{Now: from.Add(time.Duration(n) * 4 * time.Second), Limit: 1}, everyHour)
		if err != nil || claimed.Seen != 1 {
			b.Fatal(claimed.Seen, err)
		}
		took = append(took, time.Since(start))
		time.Sleep(2 * time.Millisecond)
		select {
		case <-done:
			select {
			case <-least:
				return took
			default:
			}
		default:
		}
	}
}

// fillHistory gives each job its share of the runs, a tenth of them failed, all answered with half a kilobyte.
func fillHistory(b *testing.B, s *Store, jobs, total int, until job.Instant) {
	b.Helper()
	for i := range jobs {
		j := newJob(historyJob(i), dueAt(until))
		if err := s.CreateJob(b.Context(), j); err != nil {
			b.Fatal(err)
		}
	}
	const batch = 10_000
	const attempts = `[{"n":1,"started_at":"2027-01-15T08:00:00.000Z","duration_ms":12,"status_code":200,"reason":"ok","error":null,"phases":{"dns_ms":0,"connect_ms":0.2,"tls_ms":0,"first_byte_ms":11,"total_ms":12},"next_retry_at":null,"worker":"host:1234"}]`
	response := `{"status_code":200,"headers":{"Content-Type":"text/plain"},"body":"` + strings.Repeat("x", 400) + `","body_encoding":"text","truncated":false}`
	for from := 0; from < total; from += batch {
		var rows rowset
		for i := from; i < min(from+batch, total); i++ {
			at := until.Add(-time.Duration(total-i) * time.Millisecond * 10)
			state := job.StateSucceeded
			if i/jobs%10 == 3 {
				state = job.StateFailed
			}
			rows.add(job.OccurrenceID(historyJob(i), at), historyJob(i), string(state), at)
		}
		err := s.write(b.Context(), "fill", func(tx *sqlx.Tx) error {
			_, err := execute(b.Context(), tx, `INSERT INTO runs (id, job_id, job_version, cause, state, reason, open, scheduled_at, queued_at,
					started_at, finished_at, missed_count, queue, touched_at, attempt_started, attempts, response)
				SELECT v.id, v.job_id, 1, 'schedule', v.state, '', 0, v.at, v.at, v.at, v.at, 0, 'default', v.at, 1,
					:attempts, :response
				FROM `+s.d.rows("id TEXT", "job_id TEXT", "state TEXT", "at BIGINT")+" AS v",
				args{"rows": rows.text(), "attempts": attempts, "response": response})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
