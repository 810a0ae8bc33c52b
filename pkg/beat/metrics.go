package beat

import (
	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
)

// metrics are what a beat counts.
type metrics struct {
	jobs      *prometheus.CounterVec
	lateness  prometheus.Histogram
	recovered *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "schedule_claimed_jobs_total", Help: "Due jobs that were looked at, by what became of them.",
		}, []string{"outcome"}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "schedule_claim_lateness_seconds", Help: "How long after it was due an occurrence was claimed.",
			Buckets: []float64{.001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}),
		recovered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "schedule_reconciled_runs_total", Help: "Open runs that the reconciler delivered again or ended, by what it did.",
		}, []string{"action"}),
	}
	if registerer != nil {
		registerer.MustRegister(m.jobs, m.lateness, m.recovered)
	}
	return m
}

func (m *metrics) claimed(c job.Claimed, now job.Instant) {
	m.jobs.WithLabelValues("queued").Add(float64(len(c.Tasks)))
	m.jobs.WithLabelValues("deferred").Add(float64(c.Deferred))
	m.jobs.WithLabelValues("seen").Add(float64(c.Seen))
	for i := range c.Tasks {
		due := c.Tasks[i].ScheduledAt
		if since := c.Tasks[i].DueSince; since != nil {
			due = *since
		}
		m.lateness.Observe(float64(now-due) / 1000)
	}
}
