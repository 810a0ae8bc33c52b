package worker

import (
	"context"
	"time"

	"schedule-server/pkg/job"
)

const (
	// The pause between two requests for a place that others hold is half of a
	// usual call, within these bounds.
	minAsk, maxAsk = 2 * time.Millisecond, 20 * time.Millisecond
	// askWithin is how long one asks. Those that are held back return every second:
	// in between some have to be there when a place becomes free.
	askWithin = time.Second
	// reportHeadroom is how much longer than its call a place is kept, for what comes before and after the call.
	reportHeadroom = 10 * time.Second
)

// Shared is what all workers know together. Its errors mean that it does not answer.
type Shared interface {
	Places
	Circuits
}

// Places are the calls to hosts that have limits.
type Places interface {
	// TakePlace gives a place, or says how long to wait until there may be one, and
	// whether that is because all places are taken. A run that has a place is given the same again.
	TakePlace(ctx context.Context, p *job.Place) (wait time.Duration, full bool, err error)
	// GivePlace ends a place, as far as that goes: it expires anyhow.
	GivePlace(ctx context.Context, host, runID string)
}

// Circuits are the hosts that are held back.
type Circuits interface {
	HoldHost(ctx context.Context, held *job.HeldHost) error
	ReleaseHost(ctx context.Context, host string) error
	// ProbeHost reports whether the caller is the one who may call the host; nobody else may within the time.
	ProbeHost(ctx context.Context, host string, within time.Duration) (mine bool, err error)
	// WatchHosts tells all hosts that are held back, at first and whenever that may have changed, until the context ends.
	WatchHosts(ctx context.Context, learn func(all []job.HeldHost))
}

// place asks for a place under the limits. Where calls end soon, some deliveries wait for one here.
func (g *gate) place(ctx context.Context, h *host, task *job.Task, limits job.HostLimits) (*job.Instant, error) {
	ask := job.Place{
		Host: h.name, RunID: task.RunID, Limits: limits,
		Lease: attemptTimeout(&task.Policy) + reportHeadroom,
	}
	patient := g.mayAsk()
	if patient {
		defer g.asked()
	}
	for last := time.Now().Add(askWithin); ; {
		g.mu.Lock()
		usual := h.usual
		g.mu.Unlock()
		ask.Spacing = usual / time.Duration(max(limits.PerHostConcurrency, 1))
		ask.Book = !patient || usual >= slowAfter
		wait, full, err := g.shared.TakePlace(ctx, &ask)
		if err != nil || wait == 0 {
			return nil, err
		}
		if ask.Book {
			g.counts.held.WithLabelValues("limit").Inc()
			until := g.now().Add(wait)
			if full && wait < minHeld {
				until = g.now() // a place is free any moment: as soon as the queue can
			}
			return &until, nil
		}
		wait = max(wait, min(max(usual/2, minAsk), maxAsk))
		if patient = time.Now().Add(wait).Before(last); patient {
			pause(ctx, wait)
		}
	}
}

// mayAsk lets a quarter of the slots ask again and again.
func (g *gate) mayAsk() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asking >= max(g.slots/4, 1) {
		return false
	}
	g.asking++
	return true
}

func (g *gate) asked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asking--
}
