package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Group runs the parts of a process: they start in the order in which they were
// added and stop one after another in the reverse order, so that what produces
// work stops before what takes it.
type Group struct {
	logger  *slog.Logger
	timeout time.Duration
	// end is when calls under way must have ended.
	end   time.Time
	parts []*part
}

type part struct {
	name string
	// busy counts what the part waits for before it stops; nil: it is not known.
	busy func() int
	what string
	run  func(context.Context) error
	stop context.CancelFunc
	done chan struct{}
	err  error
}

// NewGroup makes an empty group that may take the timeout to stop.
func NewGroup(logger *slog.Logger, timeout time.Duration) *Group {
	return &Group{logger: logger, timeout: timeout}
}

// Add adds a part. Its run blocks until its context ends or it fails.
func (g *Group) Add(name string, run func(context.Context) error) {
	g.parts = append(g.parts, &part{name: name, run: run, done: make(chan struct{})})
}

// AddBusy adds a part that does not stop before something has ended, "calls", which
// busy counts. The log says so while it waits.
func (g *Group) AddBusy(name, what string, busy func() int, run func(context.Context) error) {
	g.Add(name, run)
	last := g.parts[len(g.parts)-1]
	last.what, last.busy = what, busy
}

// Run starts all parts and blocks until the context ends or a part does; then
// it stops them. The error is that of the first part that failed, or says which
// part did not stop in time.
func (g *Group) Run(ctx context.Context) error {
	ended := make(chan *part, len(g.parts))
	for _, p := range g.parts {
		var partCtx context.Context
		partCtx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			defer close(p.done)
			p.err = p.run(partCtx)
			ended <- p
		}()
	}
	var failed error
	select {
	case <-ctx.Done():
		g.logger.Info("stopping", "timeout", g.timeout)
	case p := <-ended:
		failed = fmt.Errorf("%s ended by itself", p.name)
		if p.err != nil {
			failed = fmt.Errorf("%s: %w", p.name, p.err)
		}
	}
	return errors.Join(failed, g.stop())
}

// stop ends the parts in reverse order within the timeout.
func (g *Group) stop() error {
	g.end = time.Now().Add(g.timeout)
	deadline, cancel := context.WithTimeout(context.Background(), g.timeout+handOver)
	defer cancel()
	var failed error
	for i := len(g.parts) - 1; i >= 0; i-- {
		p := g.parts[i]
		p.stop()
		if !g.await(deadline, p) {
			failed = errors.Join(failed, fmt.Errorf("%s did not stop within %s", p.name, g.timeout+handOver))
			continue
		}
		if p.err != nil && !errors.Is(p.err, context.Canceled) {
			g.logger.Error("part failed", "part", p.name, "error", p.err)
		}
	}
	return failed
}

const (
	// handOver is how much longer than the timeout a stop may take: what was cut off is handed back, and recorded.
	handOver = 5 * time.Second
	// A part that stops within sayAfter is not worth a line; then there is one every sayEvery.
	sayAfter = 300 * time.Millisecond
	sayEvery = 5 * time.Second
)

// await waits until the part has ended, and says now and then for what. It reports false when the time is over.
func (g *Group) await(deadline context.Context, p *part) bool {
	timer := time.NewTimer(sayAfter)
	defer timer.Stop()
	for {
		select {
		case <-p.done:
			return true
		case <-deadline.Done():
			return false
		case <-timer.C:
			g.sayBusy(p)
			timer.Reset(sayEvery)
		}
	}
}

// sayBusy says what the part waits for.
func (g *Group) sayBusy(p *part) {
	if p.busy == nil {
		return
	}
	n := p.busy()
	if n == 0 {
		return
	}
	g.logger.Info("waiting for "+p.what+" to end; signal again to end now", "part", p.name, p.what, n,
		"time_left", max(0, time.Until(g.end)).Round(time.Second))
}
