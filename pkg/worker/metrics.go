package worker

import "github.com/prometheus/client_golang/prometheus"

// gateMetrics count what is held back. Hosts have no series of their own: there may be any number.
type gateMetrics struct {
	held *prometheus.CounterVec
}

func newGateMetrics(registry prometheus.Registerer, g *gate) *gateMetrics {
	m := &gateMetrics{held: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "schedule_deliveries_held_total",
		Help: "Deliveries that were held back for their host's sake, by cause: share, limit, throttled, refusing.",
	}, []string{"cause"})}
	hosts := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schedule_hosts_held", Help: "Hosts whose calls are held back, as far as this worker knows.",
	}, func() float64 { return float64(g.heldHosts()) })
	if registry != nil {
		registry.MustRegister(m.held, hosts)
	}
	return m
}

// heldHosts counts the hosts that are held back.
func (g *gate) heldHosts() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, h := range g.hosts {
		if h.cause != "" {
			n++
		}
	}
	return n
}
