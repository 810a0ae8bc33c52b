package service

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clients is how many callers of the API there are at once.
const clients = 16

// BenchmarkAPI creates jobs, reads them one by one, and lists them.
func BenchmarkAPI(b *testing.B) {
	for _, l := range []layout{standalone, overSQLite, overPostgres} {
		b.Run(l.name, func(b *testing.B) {
			s := newService(b, l)
			t := newTarget(b)
			n := 4000
			if *quick {
				n = 1000
			}
			schedule := object{"type": "cron", "expression": "0 3 1 1 *"}
			creates := s.rate(n, func(i int) {
				id := fmt.Sprint("job-", i)
				s.create(id, schedule, t)
			})
			reads := s.rate(n, func(i int) { s.must("GET", fmt.Sprint("/api/v1/jobs/job-", i), nil) })
			lists := s.rate(n/10, func(int) { s.must("GET", "/api/v1/jobs?limit=50", nil) })
			patches := s.rate(n, func(i int) {
				s.must("PATCH", fmt.Sprint("/api/v1/jobs/job-", i), object{"name": fmt.Sprint("number ", i)})
			})
			tables.note(b, "API, 16 clients at once", "", l.name, cell{"creates/s", creates}, cell{"patches/s", patches},
				cell{"reads/s", reads}, cell{"lists/s", lists}, cell{"api-MiB", memory(b, s.pids[s.apiRole()])})
		})
	}
}

func (s *service) apiRole() string {
	if s.layout.oneProcess {
		return "standalone"
	}
	return "api"
}

// rate does something n times from several goroutines, and says how often in a second.
func (s *service) rate(n int, do func(i int)) float64 {
	var next atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range clients {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
	return float64(n) / time.Since(start).Seconds()
}
