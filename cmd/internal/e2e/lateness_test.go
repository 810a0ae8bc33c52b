package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// BenchmarkLateness measures how long after its moment each kind of job reaches
// its target, on a machine that does nothing else. Every job runs once a second.
func BenchmarkLateness(b *testing.B) {
	b.Run("standalone", func(b *testing.B) {
		address := freeAddress(b)
		start(b, "standalone", "--listen", address, "--data-dir", b.TempDir())
		lateness(b, address)
	})
	b.Run("three processes, sqlite", func(b *testing.B) {
		threeRoles(b, "sqlite://"+filepath.Join(b.TempDir(), "jobs.db"))
	})
	b.Run("three processes, postgres", func(b *testing.B) {
		threeRoles(b, testserver.StartPostgres(b).CreateDatabase(b, "schedule"))
	})
}

func threeRoles(b *testing.B, database string) {
	address, redis := freeAddress(b), testserver.StartRedis(b).URL()
	start(b, "api", "--listen", address, "--database-url", database, "--redis-url", redis)
	start(b, "beat", "--database-url", database, "--redis-url", redis)
	start(b, "worker", "--redis-url", redis, "--allow-targets", "loopback")
	lateness(b, address)
}

// lateness calls a cron, an interval and a few date jobs and reports percentiles.
func lateness(b *testing.B, address string) {
	const calls = 30
	tg := newTarget(b)
	s := &service{t: b, url: "http://" + address}
	s.ready()
	request := object{"url": tg.URL}
	s.must("POST", "/api/v1/jobs", object{"id": "cron", "schedule": object{"type": "cron", "expression": "* * * * * *"}, "request": request}, nil)
	s.must("POST", "/api/v1/jobs", object{"id": "interval", "schedule": object{"type": "interval", "every": "1s"}, "request": request}, nil)
	for i := range calls {
		at := time.Now().Add(2*time.Second + time.Duration(i)*777*time.Millisecond)
		s.must("POST", "/api/v1/jobs", object{"id": fmt.Sprintf("date-%d", i), "schedule": object{"type": "date", "at": at}, "request": request}, nil)
	}
	kinds := map[string][]time.Duration{}
	for _, kind := range []string{"cron", "interval"} {
		for _, h := range tg.wait(b, kind, calls) {
			kinds[kind] = append(kinds[kind], h.at.Sub(h.due))
		}
	}
	for i := range calls {
		h := tg.wait(b, fmt.Sprintf("date-%d", i), 1)[0]
		kinds["date"] = append(kinds["date"], h.at.Sub(h.due))
	}
	b.ReportMetric(0, "ns/op")
	for kind, late := range kinds {
		slices.Sort(late)
		ms := func(i int) float64 { return float64(late[i].Microseconds()) / 1000 }
		b.ReportMetric(ms(len(late)/2), kind+"-p50-ms")
		b.ReportMetric(ms(len(late)-1), kind+"-max-ms")
	}
}
