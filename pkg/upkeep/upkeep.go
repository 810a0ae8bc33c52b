// Package upkeep owns when the chores are done that keep the database small:
// one process at a time does each of them, a little at a time, so that what is
// due never waits for it. What a chore does is its owner's business.
package upkeep

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
)

// Chore is something that is done now and then.
type Chore struct {
	// Name tells chores apart, in all processes and versions.
	Name string
	// Every is how long it rests after it was done.
	Every time.Duration
	// Step does a little of it, from the place that the step before answered; empty:
	// from its beginning. It may be called again for the same place.
	Step func(ctx context.Context, now job.Instant, place string) (job.ChoreStep, error)
}

// Guard sees to it that one process at a time does a chore.
type Guard interface {
	// TakeChore makes the holder the only one to do a chore until a moment, unless it is not due or another does it.
	TakeChore(ctx context.Context, name, holder string, now, until job.Instant) (place string, taken bool, err error)
	// KeepChore notes how far it has come, and when it is due again; held is false when another took it over.
	KeepChore(ctx context.Context, name, holder, place string, until, due job.Instant) (held bool, err error)
}

// Options tune the upkeep.
type Options struct {
	// Name tells processes apart. Required.
	Name string
	// Now reads the clock. Required.
	Now func() job.Instant
	// Logger takes what operators should know. Nil: nothing is logged.
	Logger *slog.Logger
	// Metrics takes the counters. Nil: they are counted and not shown.
	Metrics prometheus.Registerer
}

const (
	// lookEvery is how often chores are looked for that are due.
	lookEvery = 10 * time.Second
	// lease is how long a chore stays with a process that no longer says that it goes
	// on with it, which it does every noteEvery.
	lease     = time.Minute
	noteEvery = 5 * time.Second
	// minRest is the least pause after a step. It is as long as the step, if that took
	// longer: half of the time belongs to others.
	minRest = 5 * time.Millisecond
)

// Upkeep does chores. Make it with New.
type Upkeep struct {
	guard   Guard
	chores  []Chore
	name    string
	now     func() job.Instant
	logger  *slog.Logger
	removed *prometheus.CounterVec
	steps   *prometheus.HistogramVec
}

// New makes the upkeep of some chores. The error says what is missing.
func New(guard Guard, chores []Chore, o Options) (*Upkeep, error) {
	if guard == nil || o.Name == "" || o.Now == nil {
		return nil, errors.New("upkeep: guard, Name and Now are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	u := &Upkeep{
		guard: guard, chores: chores, name: o.Name, now: o.Now, logger: o.Logger,
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "schedule_pruned_rows_total", Help: "Rows that were removed or emptied, by chore.",
		}, []string{"chore"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "schedule_chore_step_seconds", Help: "How long a step of a chore took, its waits included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"chore"}),
	}
	if o.Metrics != nil {
		o.Metrics.MustRegister(u.removed, u.steps)
	}
	return u, nil
}

// Run does the chores that are due until the context ends; a database that is
// away is waited for. It returns nil.
func (u *Upkeep) Run(ctx context.Context) error {
	down := false
	for {
		failed := false
		for i := range u.chores {
			if err := u.do(ctx, &u.chores[i]); err != nil && ctx.Err() == nil {
				failed = true
				if !down {
					u.logger.Warn("a chore cannot be done", "chore", u.chores[i].Name, "error", err)
				}
			}
		}
		down = failed
		if !pause(ctx, lookEvery) {
			return nil
		}
	}
}

// do does one chore, if it is due, until it rests.
func (u *Upkeep) do(ctx context.Context, c *Chore) error {
	now := u.now()
	place, taken, err := u.guard.TakeChore(ctx, c.Name, u.name, now, now.Add(lease))
	if err != nil || !taken {
		return err
	}
	total, noted := 0, time.Now() // a distance, as all that is measured here
	for {
		start := time.Now()
		step, err := c.Step(ctx, u.now(), place)
		took := time.Since(start)
		u.removed.WithLabelValues(c.Name).Add(float64(step.Removed))
		u.steps.WithLabelValues(c.Name).Observe(took.Seconds())
		if err != nil {
			return errors.Join(err, u.let(ctx, c, place, now))
		}
		place, total = step.Place, total+step.Removed
		if step.Done {
			u.logger.Debug("chore done", "chore", c.Name, "removed", total)
			return u.let(ctx, c, place, u.now().Add(c.Every))
		}
		if time.Since(noted) > noteEvery {
			noted, now = time.Now(), u.now()
			held, err := u.guard.KeepChore(ctx, c.Name, u.name, place, now.Add(lease), now)
			if err != nil || !held {
				return err
			}
		}
		if !pause(ctx, max(minRest, took)) {
			return u.let(ctx, c, place, now)
		}
	}
}

// let gives the chore up, for anybody to take when it is due; also when this
// process is about to end.
func (u *Upkeep) let(ctx context.Context, c *Chore, place string, due job.Instant) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer stop()
	_, err := u.guard.KeepChore(ctx, c.Name, u.name, place, u.now(), due)
	return err
}

// pause reports whether the context lasted so long.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
