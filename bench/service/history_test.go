package service

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkHistory has a long history, and reads what people ask of it.
func BenchmarkHistory(b *testing.B) {
	for _, l := range []layout{overSQLite, overPostgres} {
		b.Run(l.name, func(b *testing.B) {
			t := newTarget(b)
			s := newService(b, l)
			due := s.dueTogether(t, 1, time.Now().Add(herdNotice))
			s.db.awaitEnded(b, 1, due, time.Minute)
			const jobs = 1000
			s.lengthen(b, *runCount, jobs)
			var ofJob, all []time.Duration
			for i := range 100 {
				ofJob = append(ofJob, s.timed(b, fmt.Sprintf("/api/v1/jobs/herd-%09d/runs?limit=50", i*7%jobs)))
				all = append(all, s.timed(b, "/api/v1/runs?limit=50"))
			}
			tables.note(b, "history", "", fmt.Sprintf("%s, %d runs", l.name, *runCount),
				cell{"last-50-of-job-p95-ms", p95(ofJob)}, cell{"last-50-of-all-p95-ms", p95(all)})
		})
	}
}

// lengthen copies the one job and its run many times. Ids keep their order in time.
func (s *service) lengthen(b *testing.B, runs, jobs int) {
	b.Helper()
	s.db.must(b, "UPDATE jobs SET next_run_at = NULL, due_at = NULL, status = 'paused'")
	s.db.multiply(b, "herd-000000000", jobs)
	s.db.must(b, "UPDATE definitions SET job_id = replace(job_id, 'herd-000000000-', 'herd-')")
	s.db.must(b, "UPDATE jobs SET id = replace(id, 'herd-000000000-', 'herd-')")
	columns := s.db.columns(b, "runs")
	values := make([]string, len(columns))
	for i, column := range columns {
		value := "r." + column
		switch column {
		case "id":
			// The longest number there can be has ten digits.
			value = "substr(r.id, 1, 16) || substr('0000000000' || CAST(n AS TEXT), length('0000000000' || CAST(n AS TEXT)) - 9)"
		case "job_id":
			padded := fmt.Sprintf("'000000000' || CAST(n %% %d AS TEXT)", jobs)
			value = "'herd-' || substr(" + padded + ", length(" + padded + ") - 8)"
		case "scheduled_at", "finished_at":
			value += fmt.Sprintf(" - CAST(%d - n AS BIGINT) * 1000", runs)
		}
		values[i] = value
	}
	s.db.must(b, "INSERT INTO runs ("+strings.Join(columns, ", ")+") "+counting(runs)+"SELECT "+strings.Join(values, ", ")+
		" FROM c, (SELECT * FROM runs LIMIT 1) r")
}
