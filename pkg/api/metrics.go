package api

import (
	"context"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"schedule-server/pkg/service"
)

// metrics count requests by the template of their route, so that ids in paths
// do not make a series each.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "schedule_http_requests_total", Help: "Requests that the API answered.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "schedule_http_request_duration_seconds", Help: "How long the API took to answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
	}
}

func (m *metrics) register(registry *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{m.requests, m.seconds} {
		if err := registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

func newExposition(registry *prometheus.Registry) fiber.Handler {
	return adaptor.HTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

func (s *Server) serveMetrics(c *fiber.Ctx) error { return s.exposition(c) }

// stateMetrics tell the state of the whole service when they are asked for. Every process with an API tells the same.
type stateMetrics struct {
	stats         func(context.Context) (*service.Stats, error)
	oldest, depth *prometheus.Desc
}

// stateWait bounds how long a scrape waits for the database and Redis.
const stateWait = 5 * time.Second

func newStateMetrics(stats func(context.Context) (*service.Stats, error)) *stateMetrics {
	return &stateMetrics{
		stats:  stats,
		oldest: prometheus.NewDesc("schedule_oldest_due_seconds", "How long the job that fell due first has waited for a beat to claim it. Zero if none is due.", nil, nil),
		depth:  prometheus.NewDesc("schedule_queue_depth", "Runs in the queue that wait for a worker.", []string{"queue"}, nil),
	}
}

// Describe is called by the registry.
func (m *stateMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.oldest
	to <- m.depth
}

// Collect is called by the registry for each scrape. While the database or Redis is away, what it would tell is missing:
// all other metrics are still told.
func (m *stateMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), stateWait)
	defer stop()
	stats, err := m.stats(ctx)
	if err != nil {
		return
	}
	waited := 0.0
	if stats.OldestDue != nil {
		waited = max(0, stats.At.Sub(*stats.OldestDue).Seconds())
	}
	to <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, waited)
	for _, queue := range stats.Queues {
		to <- prometheus.MustNewConstMetric(m.depth, prometheus.GaugeValue, float64(queue.Pending), string(queue.Queue))
	}
}
