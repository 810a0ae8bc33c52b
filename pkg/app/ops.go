package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"schedule-server/internal/buildinfo"
)

// NewMetrics makes a registry that shows the process and the Go runtime.
func NewMetrics() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	info := buildinfo.Read()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "schedule_build_info", Help: "Always 1; the labels say which build this process is.",
		ConstLabels: prometheus.Labels{"version": info.Version, "commit": info.Commit, "goversion": info.Go},
	})
	build.Set(1)
	metrics.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}

// Check asks whether something that a role needs is there.
type Check func(context.Context) error

// HintPrefix begins the names of checks that tell what makes work late and stops none: they are shown without it, and do not count.
const HintPrefix = "?"

// checkTimeout bounds one answer of /readyz.
const checkTimeout = 2 * time.Second

// Ops serves what operators ask of a role. Make it with ListenOps or ListenPprof.
type Ops struct {
	listener net.Listener
	server   *http.Server
}

// ListenOps serves /healthz, /readyz and /metrics. It listens at once, so that an address in use is known before
// anything else is started. An empty address listens nowhere. The error names the flag and the address.
func ListenOps(address string, checks map[string]Check, metrics prometheus.Gatherer) (*Ops, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { serveReady(w, r, checks) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return listen("ops-listen", address, mux)
}

// ListenPprof serves profiles of the runtime under /debug/pprof/, as ListenOps listens. It has an address of its own,
// because profiles tell of memory and cost processor time, and probes do not.
func ListenPprof(address string) (*Ops, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	return listen("pprof-listen", address, mux)
}

func listen(flag, address string, handler http.Handler) (*Ops, error) {
	if address == "" {
		return &Ops{}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, &FlagError{Name: flag, Err: fmt.Errorf("cannot listen on %s: %w", address, err), Usable: true}
	}
	return &Ops{listener, &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}}, nil
}

// Shown are the attributes of the line at the start that say where it listens; none for nowhere.
func (o *Ops) Shown() []any {
	if o.listener == nil {
		return nil
	}
	return []any{"listening_on", "http://" + o.listener.Addr().String()}
}

// Run serves until the context ends.
func (o *Ops) Run(ctx context.Context) error {
	if o.listener == nil {
		<-ctx.Done()
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = o.server.Close() })
	defer stop()
	if err := o.server.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func serveReady(w http.ResponseWriter, r *http.Request, checks map[string]Check) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, answers := http.StatusOK, map[string]string{}
	for name, check := range checks {
		shown, hint := strings.CutPrefix(name, HintPrefix)
		answers[shown] = "ok"
		if err := check(ctx); err != nil {
			answers[shown] = err.Error()
			if !hint {
				status = http.StatusServiceUnavailable
			}
		}
	}
	word := "ok"
	if status != http.StatusOK {
		word = "unavailable"
	}
	writeJSON(w, status, map[string]any{"status": word, "checks": answers})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away: nobody to tell
}
