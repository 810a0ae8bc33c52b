// Package recorder owns the way from results to history: it reads what workers
// report, writes it into the accounts of the runs, and acknowledges it only
// after that. It decides nothing about a run: job.Run.Apply does.
package recorder

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
	"schedule-server/pkg/publish"
)

// Source is where results come from.
type Source interface {
	// Results hands batches of events to handle until the context ends. A batch
	// whose handle failed comes again.
	Results(ctx context.Context, consumer string, handle func(context.Context, []job.Event) error) error
}

// History is where results go.
type History interface {
	// Record takes the events into the accounts and returns the runs that changed and those that waited for them.
	Record(ctx context.Context, events []job.Event) (job.Recorded, error)
}

// Options tune a recorder.
type Options struct {
	// Name tells recorders apart; two processes never share one. Required.
	Name string
	// Now reads the clock that deadlines go by, the beats' own. Required.
	Now func() job.Instant
	// Logger takes what operators should know. Nil: nothing is logged.
	Logger *slog.Logger
	// Metrics takes the recorder's counters. Nil: they are counted and not shown.
	Metrics prometheus.Registerer
}

// Recorder records results. Make it with New.
type Recorder struct {
	source    Source
	history   History
	publisher *publish.Publisher
	logger    *slog.Logger
	name      string
	now       func() job.Instant
	events    prometheus.Counter
	ended     *prometheus.CounterVec
	lag       prometheus.Histogram
	pulse     *job.Pulse
	lateness  prometheus.Histogram
}

// New makes a recorder. The error says what is missing.
func New(source Source, history History, publisher *publish.Publisher, o Options) (*Recorder, error) {
	if source == nil || history == nil || publisher == nil || o.Name == "" || o.Now == nil {
		return nil, errors.New("recorder: source, history, publisher, Name and Now are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{
		source: source, history: history, publisher: publisher, logger: o.Logger, name: o.Name, now: o.Now, pulse: job.NewPulse(nil),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "schedule_recorded_events_total", Help: "Reports of workers that were written into the history.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "schedule_runs_ended_total", Help: "Runs that a worker's report brought to an end, by state.",
		}, []string{"state"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "schedule_run_start_lag_seconds", Help: "From when a run was due to the start of its first call.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "schedule_lateness_seconds", Help: "From the moment of an occurrence to the start of its first call; runs by hand and backfills are left out.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}),
	}
	if o.Metrics != nil {
		o.Metrics.MustRegister(r.events, r.ended, r.lag, r.lateness)
	}
	return r, nil
}

// Run records until the context ends. It returns nil unless the source gives up.
func (r *Recorder) Run(ctx context.Context) error {
	err := r.source.Results(ctx, r.name, r.record)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Check is why what workers report has not been recorded for a while; nil when it has.
func (r *Recorder) Check(context.Context) error { return r.pulse.Failing() }

func (r *Recorder) record(ctx context.Context, events []job.Event) error {
	heard := r.now()
	for i := range events {
		events[i].Heard = heard
	}
	done, err := r.history.Record(ctx, events)
	if ctx.Err() == nil {
		r.pulse.Done(err)
	}
	if err != nil {
		return err
	}
	r.count(events, done.Changed)
	if err := r.publisher.Recorded(ctx, &done); err != nil {
		// The events are recorded: what they set free is delivered by the reconciler.
		r.logger.Warn("runs that waited are not enqueued yet", "runs", len(done.Tasks), "error", err)
	}
	return nil
}

func (r *Recorder) count(events []job.Event, changed []job.Run) {
	r.events.Add(float64(len(events)))
	for i := range changed {
		run := &changed[i]
		if !run.State.Final() {
			continue
		}
		r.ended.WithLabelValues(string(run.State)).Inc()
		if run.LagMS != nil {
			r.lag.Observe(float64(*run.LagMS) / 1000)
			if run.Trigger == job.TriggerSchedule {
				r.lateness.Observe(float64(*run.LagMS) / 1000)
			}
		}
	}
}
