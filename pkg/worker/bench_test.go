package worker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
)

// deaf takes every report at once.
type deaf struct{}

func (deaf) Report(context.Context, *job.Event) (bool, error) { return false, nil }

// BenchmarkDeliver makes calls to a target on loopback, which shares the processors.
func BenchmarkDeliver(b *testing.B) {
	for _, bench := range []struct{ name, method, body, answer string }{
		{"get", "GET", "", "ok"},
		{"post1k", "POST", strings.Repeat("x", 1024), "ok"},
		{"answer32k", "GET", "", strings.Repeat("x", 32<<10)},
	} {
		target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, bench.answer)
		}))
		w := newBench(b)
		w.reporter = deaf{}
		task := taskFor(target.URL+"/hook", func(t *job.Task) {
			t.Request.Method, t.Request.Body = bench.method, job.Body(bench.body)
			t.Request.Headers = map[string]string{"Content-Type": "application/json"}
		})
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			used := testserver.CPUTime(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := w.Deliver(context.Background(), task); err != nil {
						b.Error(err)
					}
				}
			})
			report(b, used)
		})
		w.Close()
		target.Close()
	}
}

// BenchmarkBareClient is the same call by net/http alone: the floor.
func BenchmarkBareClient(b *testing.B) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer target.Close()
	t := &http.Transport{MaxIdleConnsPerHost: 256}
	defer t.CloseIdleConnections()
	b.ReportAllocs()
	b.SetParallelism(32)
	used := testserver.CPUTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequest("GET", target.URL+"/hook", nil)
			resp, err := t.RoundTrip(req)
			if err != nil {
				b.Error(err)
				continue
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
	report(b, used)
}

// report adds the rate, and the time on a processor, which says more on a machine that others use too.
func report(b *testing.B, before time.Duration) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64((testserver.CPUTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkParseTarget covers the URL that needs no change and the one that does.
func BenchmarkParseTarget(b *testing.B) {
	for name, url := range map[string]string{"plain": "https://example.com/hook?a=1", "escaped": "https://example.com/定时 任务?a=1"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := job.ParseTarget(url); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkGate is what fairness between hosts costs a call to a host that is well and has no limit.
func BenchmarkGate(b *testing.B) {
	g := newGate(&Options{Concurrency: 256, Now: func() job.Instant { return start }, Logger: slog.New(slog.DiscardHandler)})
	tasks := make([]*job.Task, 64)
	for i := range tasks {
		tasks[i] = taskFor(fmt.Sprintf("https://host-%d.example.com:8443/some/path?q=1", i))
	}
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			task := tasks[int(n.Add(1))%len(tasks)]
			p, until, err := g.enter(b.Context(), task)
			if err != nil || until != nil {
				b.Fatal(until, err)
			}
			g.leave(b.Context(), task, p, verdict{reason: job.ReasonOK, news: hostWell})
		}
	})
}
