package worker

import (
	"context"
	"time"

	"schedule-server/pkg/job"
)

const (
	// refusedTimes is how often in a row no connection to a host can be made before its calls are held back.
	refusedTimes = 5
	// The holds of a host that refuses connections double from the one to the other.
	minRefused, maxRefused = 2 * time.Second, time.Minute
	// maxThrottled bounds how long a host can have its calls held back by a Retry-After.
	maxThrottled = 5 * time.Minute
	// maxHold is how long a call is held back for its host's sake. Then it is made
	// all the same: a run must come to an end, and say why it failed.
	maxHold = 5 * time.Minute
	// heldSpacing lies between the returns of deliveries to a host that is held back.
	heldSpacing = 10 * time.Millisecond
	// probeAgain is how long a host is left alone when another worker, or nobody, could say how it is.
	probeAgain = time.Second
	// tellWithin bounds how long a call's end waits for the other workers to be told.
	tellWithin = time.Second
	// ownNews is how long this process knows better than what all workers know.
	ownNews = 3 * time.Second
)

// circuit is whether a host is called at all. The zero value is: it is.
type circuit struct {
	// cause is why its calls are held back; empty: they are not.
	cause job.HoldCause
	// until is when a call may probe it.
	until job.Instant
	// times counts the holds in a row, strikes the calls in a row that got no connection.
	times, strikes int
	probing        bool
	// changed is when this process last opened or closed it.
	changed job.Instant
}

// knock asks, at a host that is held back, whether the task's call may be made:
// as the one that probes it, or because it has waited long enough.
func (g *gate) knock(ctx context.Context, h *host, task *job.Task, p *pass) (*job.Instant, error) {
	now := g.now()
	g.mu.Lock()
	switch {
	case h.cause == "": // well again in this moment
		g.mu.Unlock()
		return nil, nil
	case now.Sub(dueAt(task)) >= maxHold:
		g.mu.Unlock()
		p.late = true
		return nil, nil
	case now < h.until || h.probing:
		defer g.mu.Unlock()
		return g.book(h, string(h.cause), max(h.until, now.Add(minHeld)), heldSpacing), nil
	}
	h.probing = true
	g.mu.Unlock()
	mine := true
	if g.shared != nil {
		var err error
		mine, err = g.shared.ProbeHost(ctx, h.name, attemptTimeout(&task.Policy)+tellWithin)
		if err != nil {
			g.unprobe(ctx, h)
			return nil, err
		}
	}
	if mine {
		p.probe = true
		return nil, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	h.probing = false
	if h.cause == "" {
		return nil, nil
	}
	h.until = max(h.until, now.Add(probeAgain))
	return g.book(h, string(h.cause), h.until, heldSpacing), nil
}

// unprobe lets another call probe the host.
func (g *gate) unprobe(ctx context.Context, h *host) {
	g.mu.Lock()
	h.probing = false
	held := job.HeldHost{Host: h.name, Cause: h.cause, Until: g.now().Add(probeAgain), Times: h.times}
	h.until = held.Until
	g.mu.Unlock()
	if held.Cause != "" {
		g.tell(ctx, &held)
	}
}

// dueAt is when the task's next call was to be made.
func dueAt(task *job.Task) job.Instant {
	if last := lastMade(task.Made); last != nil && last.NextRetryAt != nil {
		return *last.NextRetryAt
	}
	if task.QueuedAt > 0 {
		return task.QueuedAt
	}
	return task.ScheduledAt
}

// judge opens or closes the circuit of a host by what a call found out about it.
func (g *gate) judge(ctx context.Context, h *host, p pass, v verdict) {
	switch v.news {
	case hostRefuses:
		g.refused(ctx, h, p)
		return
	case hostUnknown:
		if p.probe {
			g.unprobe(ctx, h)
		}
		return
	}
	if v.after > 0 {
		g.open(ctx, h, p, job.HoldThrottled, min(v.after, maxThrottled))
		return
	}
	g.mu.Lock()
	h.strikes = 0
	well := h.cause != "" && (p.probe || p.late)
	if well {
		h.circuit = circuit{changed: g.now()}
		h.booked = 0
	}
	g.mu.Unlock()
	if well {
		g.tell(ctx, &job.HeldHost{Host: h.name})
	}
}

// refused counts a call that got no connection.
func (g *gate) refused(ctx context.Context, h *host, p pass) {
	g.mu.Lock()
	h.strikes++
	enough := h.strikes >= refusedTimes || p.probe
	wait := min(minRefused<<min(h.times, 5), maxRefused)
	g.mu.Unlock()
	if enough {
		g.open(ctx, h, p, job.HoldRefusing, wait)
	}
}

// open holds the calls of a host back from now on. Calls that were under way when
// it was opened, and end alike, do not open it once more.
func (g *gate) open(ctx context.Context, h *host, p pass, cause job.HoldCause, wait time.Duration) {
	now := g.now()
	g.mu.Lock()
	until := now.Add(wait)
	if h.cause != "" && !p.probe && (cause == job.HoldRefusing || until <= h.until.Add(time.Second)) {
		g.mu.Unlock()
		return
	}
	h.cause, h.until, h.probing, h.changed = cause, until, false, now
	h.times++
	held := job.HeldHost{Host: h.name, Cause: cause, Until: until, Times: h.times}
	g.mu.Unlock()
	g.log.Warn("a host is held back", "host", h.name, "cause", cause, "for", wait, "times", held.Times)
	g.tell(ctx, &held)
}

// tell lets the other workers know. What cannot be told they find out by themselves.
func (g *gate) tell(ctx context.Context, held *job.HeldHost) {
	if g.shared == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
	defer stop()
	var err error
	if held.Cause == "" {
		err = g.shared.ReleaseHost(ctx, held.Host)
	} else {
		err = g.shared.HoldHost(ctx, held)
	}
	if err != nil {
		g.log.Debug("the other workers do not know how a host is", "host", held.Host, "error", err)
	}
}

// learn takes in which hosts are held back as all workers know it.
func (g *gate) learn(all []job.HeldHost) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	known := make(map[string]bool, len(all))
	for i := range all {
		held := &all[i]
		known[held.Host] = true
		h := g.host(held.Host)
		if now.Sub(h.changed) >= ownNews || h.cause != "" && held.Until > h.until {
			h.cause, h.until, h.times = held.Cause, held.Until, held.Times
		}
	}
	for name, h := range g.hosts {
		if h.cause != "" && !known[name] && now.Sub(h.changed) >= ownNews {
			h.circuit, h.booked = circuit{strikes: h.strikes}, 0
		}
	}
}
