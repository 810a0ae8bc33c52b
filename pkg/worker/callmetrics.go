package worker

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
)

// metrics are what a worker counts.
type metrics struct {
	calls    *prometheus.CounterVec
	duration prometheus.Histogram
	inFlight prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "schedule_calls_total", Help: "HTTP calls that ended, by the reason that their attempt has in the history.",
		}, []string{"reason"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "schedule_call_duration_seconds", Help: "How long whole calls took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "schedule_calls_in_flight", Help: "HTTP calls under way.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.calls, m.duration, m.inFlight)
	}
	return m
}

func (m *metrics) ended(reason job.Reason, took time.Duration) {
	m.calls.WithLabelValues(reasonLabel(reason)).Inc()
	m.duration.Observe(took.Seconds())
}

// reasonLabel is the reason, or for a status that HTTP does not know its class: a target must not make up labels.
func reasonLabel(reason job.Reason) string {
	code, ok := reason.StatusCode()
	if !ok || http.StatusText(code) != "" {
		return string(reason)
	}
	return fmt.Sprintf("status_%dxx", code/100)
}
