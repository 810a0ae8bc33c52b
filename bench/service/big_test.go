package service

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"
)

// BenchmarkBig has a table full of jobs that run once an hour, and measures what
// that does to a beat's start, to its memory, to claims and to lists.
func BenchmarkBig(b *testing.B) {
	for _, l := range []layout{overSQLite, overPostgres} {
		for n := min(1000, *jobCount); ; n = min(10*n, *jobCount) {
			b.Run(fmt.Sprintf("%s/%d", l.name, n), func(b *testing.B) { big(b, l, n) })
			if n == *jobCount {
				break
			}
		}
	}
}

func big(b *testing.B, l layout, n int) {
	t := newTarget(b)
	s := neighbours(b, l)
	s.startAPI()
	s.awaitAPI()
	// Half an hour away, so that they stay out of the way of the claims that are measured.
	later := time.Now().UTC().Add(30 * time.Minute)
	s.create("big", object{"type": "cron", "expression": fmt.Sprintf("%d %d * * * *", later.Second(), later.Minute())}, t)
	s.db.multiply(b, "big", n)
	s.db.must(b, "ANALYZE")

	s.create("first", object{"type": "date", "at": time.Now().UTC().Add(time.Second).Format(time.RFC3339Nano)}, t)
	s.startWorker()
	time.Sleep(1500 * time.Millisecond)
	start := time.Now()
	s.run("beat", s.storage()...)
	cells := []cell{{"beat-start-ms", millis(t.await(b, 1, time.Minute)[0].at.Sub(start))}}

	herd := min(n, 20_000)
	due := s.dueTogether(t, herd, time.Now().Add(herdNotice))
	late := lateness(t.await(b, herd, time.Minute), due)
	cells = append(cells, cell{"calls/s", float64(herd) / slices.Max(late).Seconds()})
	s.db.awaitEnded(b, herd, due, time.Minute)

	cells = append(cells, s.lists(b)...)
	cells = append(cells, cell{"beat-MiB", memory(b, s.pids["beat"])}, cell{"api-MiB", memory(b, s.pids["api"])})
	tables.note(b, "many jobs, "+l.name, "", fmt.Sprintf("%d jobs", n), cells...)
}

// awaitAPI waits until the API answers, whatever else is there.
func (s *service) awaitAPI() {
	s.b.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := s.call("GET", "/healthz", nil); status == 200 {
			return
		}
		if time.Now().After(deadline) {
			s.b.Fatal("the API does not answer")
		}
	}
}

// lists reads pages of the list in every order, and one that is searched for.
func (s *service) lists(b *testing.B) []cell {
	var plain, searched []time.Duration
	for round := range 10 {
		for _, sort := range []string{"id", "name", "-name", "next_run_at", "-updated_at"} {
			plain = append(plain, s.timed(b, "/api/v1/jobs?limit=50&sort="+sort))
		}
		searched = append(searched, s.timed(b, "/api/v1/jobs?limit=50&q="+url.QueryEscape(fmt.Sprintf("0000%d", round))))
	}
	return []cell{{"list-p95-ms", p95(plain)}, {"search-p95-ms", p95(searched)}}
}

// timed is how long the API takes for a page.
func (s *service) timed(b *testing.B, path string) time.Duration {
	b.Helper()
	start := time.Now()
	s.must("GET", path, nil)
	return time.Since(start)
}

func p95(all []time.Duration) float64 {
	slices.Sort(all)
	return millis(all[len(all)*95/100])
}
