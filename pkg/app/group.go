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
	parts   []*part
}

type part struct {
	name string
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
	deadline, cancel := context.WithTimeout(context.Background(), g.timeout)
	defer cancel()
	var failed error
	for i := len(g.parts) - 1; i >= 0; i-- {
		p := g.parts[i]
		p.stop()
		select {
		case <-p.done:
			if p.err != nil && !errors.Is(p.err, context.Canceled) {
				g.logger.Error("part failed", "part", p.name, "error", p.err)
			}
		case <-deadline.Done():
			failed = errors.Join(failed, fmt.Errorf("%s did not stop within %s", p.name, g.timeout))
		}
	}
	return failed
}
