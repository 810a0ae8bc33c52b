package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"schedule-server/pkg/job"
)

const (
	// A host may have so many times the slots that all hosts together leave free:
	// one alone 7 of 8, two 7 of 15 each, and there is always one for another. A
	// host whose calls take long has to leave more, and of its places newcomers
	// leave some to those that were held back before: one of two slots in all.
	fastShare, slowShare, newShare = 7, 3, 1
	// slowAfter is how long the calls of a slow host take.
	slowAfter = time.Second
	// waitWithin is how long a delivery waits for a place at a host that is not
	// slow: its calls end every few milliseconds.
	waitWithin = 250 * time.Millisecond
	// The bounds of how long a delivery is held back before it asks again.
	minHeld, maxHeld = time.Second, 20 * time.Second
	// maxHosts is how many hosts are known before those that are not called are forgotten.
	maxHosts = 4096
)

// gate decides whether a call may begin now. What it knows of a host is in this
// process; it asks others only about limits that are set, and about hosts that
// are held back.
type gate struct {
	slots  int // calls that may be under way at once in this process; 0: any number
	limits job.HostLimits
	shared Shared
	now    func() job.Instant
	log    *slog.Logger
	counts *gateMetrics

	mu     sync.Mutex
	busy   int // calls under way
	asking int // deliveries that ask again and again for a place under a shared limit
	hosts  map[string]*host
}

// host is what this process knows of one.
type host struct {
	name    string
	busy    int         // calls under way
	waiting []chan bool // deliveries that wait for one of them to end
	usual   time.Duration
	// booked is the moment up to which the returns of deliveries that are held back are spread, in microseconds.
	booked int64
	circuit
}

func newGate(o *Options) *gate {
	g := &gate{
		slots: o.Concurrency, limits: o.Limits, shared: o.Shared, now: o.Now, log: o.Logger,
		hosts: map[string]*host{},
	}
	g.counts = newGateMetrics(o.Metrics, g)
	return g
}

// slow reports whether the host's calls take long, so that waiting for one of them to end is of no use.
func (h *host) slow() bool { return h.usual >= slowAfter }

// pass is a call's place at its host.
type pass struct {
	host *host
	// probe: the call tries whether a host that is held back is well again.
	probe bool
	// late: it is made although the host is held back, because it has waited long enough.
	late bool
	// barred: there is no place because the host is held back.
	barred bool
	// placed: it counts against a shared limit.
	placed bool
	began  time.Time
}

// verdict is what a call tells about its host.
type verdict struct {
	// reason is the attempt's; empty: no call was made, or it was cut off.
	reason job.Reason
	news   hostNews
	// after is the wait that the host asked for with a 429 or a 503.
	after time.Duration
}

// hostNews is what a call tells about its host.
type hostNews int

// The news.
const (
	hostUnknown hostNews = iota // nothing: the call did not get there
	hostWell
	hostRefuses // no connection could be made
)

// enter asks for a place for the task's next call. Until is not nil when the call
// must not begin yet: the delivery asks again at that moment. Who got a place leaves it.
func (g *gate) enter(ctx context.Context, task *job.Task) (p pass, until *job.Instant, err error) {
	name := job.TargetHost(task.Request.URL)
	g.mu.Lock()
	h := g.host(name)
	if h.cause != "" {
		g.mu.Unlock()
		if until, err = g.knock(ctx, h, task, &p); until != nil || err != nil {
			p.barred = until != nil
			return p, until, err
		}
		g.mu.Lock()
	}
	admitted := g.admit(h, task)
	g.mu.Unlock()
	if !admitted && !g.await(ctx, h, task) {
		if p.probe {
			g.unprobe(ctx, h)
		}
		return p, g.hold(h, "share"), ctx.Err()
	}
	p.host, p.began = h, time.Now()
	limits := task.Policy.Limits.Or(g.limits)
	if limits == (job.HostLimits{}) || g.shared == nil {
		return p, nil, nil
	}
	until, err = g.place(ctx, h, task, limits)
	if until != nil || err != nil {
		g.leave(ctx, task, p, verdict{})
		return p, until, err
	}
	p.placed = limits.PerHostConcurrency > 0
	p.began = time.Now() // to wait for a place is no part of the call
	return p, nil, nil
}

// host finds what is known of a host. The lock is held.
func (g *gate) host(name string) *host {
	h := g.hosts[name]
	if h == nil {
		if len(g.hosts) >= maxHosts {
			g.forget()
		}
		h = &host{name: name}
		g.hosts[name] = h
	}
	return h
}

// forget drops the hosts of which nothing must be remembered. The lock is held.
func (g *gate) forget() {
	for name, h := range g.hosts {
		if h.busy == 0 && len(h.waiting) == 0 && h.cause == "" {
			delete(g.hosts, name)
		}
	}
}

// admit takes a slot for the host if its share allows one more. A host with no
// call under way always gets one. Nil task: one that has waited here. The lock is held.
func (g *gate) admit(h *host, task *job.Task) bool {
	share := fastShare
	if h.slow() {
		share = slowShare
		if now := g.now(); task != nil && h.booked > int64(now)*1000 && now.Sub(dueAt(task)) < minHeld {
			share = newShare
		}
	}
	if g.slots > 0 && h.busy > 0 && h.busy+1 > share*(g.slots-g.busy-1) {
		return false
	}
	h.busy++
	g.busy++
	return true
}

// await waits for a call of the host to end, unless these take long.
func (g *gate) await(ctx context.Context, h *host, task *job.Task) bool {
	turn := make(chan bool, 1)
	g.mu.Lock()
	switch {
	case g.admit(h, task):
		g.mu.Unlock()
		return true
	case h.slow():
		g.mu.Unlock()
		return false
	}
	h.waiting = append(h.waiting, turn)
	g.mu.Unlock()
	timer := time.NewTimer(waitWithin)
	defer timer.Stop()
	select {
	case admitted := <-turn:
		return admitted
	case <-ctx.Done():
	case <-timer.C:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range h.waiting {
		if h.waiting[i] == turn {
			h.waiting = slices.Delete(h.waiting, i, i+1)
			if ctx.Err() == nil {
				h.usual = max(h.usual, slowAfter)
				g.dismiss(h)
			}
			return false
		}
	}
	return <-turn // given in this moment
}

// dismiss sends away who waits for a host that has turned out to be slow. The lock is held.
func (g *gate) dismiss(h *host) {
	for _, turn := range h.waiting {
		turn <- false
	}
	h.waiting = nil
}

// leave gives the place back and takes in what the call tells about the host.
func (g *gate) leave(ctx context.Context, task *job.Task, p pass, v verdict) {
	h := p.host
	g.mu.Lock()
	h.busy--
	g.busy--
	if v.reason != "" {
		took := time.Since(p.began)
		if h.usual == 0 {
			h.usual = took
		}
		h.usual += (took - h.usual) / 8
	}
	for len(h.waiting) > 0 && g.admit(h, nil) {
		h.waiting[0] <- true
		h.waiting = h.waiting[1:]
	}
	g.mu.Unlock()
	if p.placed {
		g.shared.GivePlace(ctx, h.name, task.RunID)
	}
	g.judge(ctx, h, p, v)
}

// hold says when a delivery that its host's share has no room for asks again:
// about when its turn comes, by how long the host's calls take.
func (g *gate) hold(h *host, cause string) *job.Instant {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.book(h, cause, g.now().Add(minHeld), h.usual/time.Duration(max(h.busy, 1)))
}

// book spreads the returns of what is held back, so that ten thousand deliveries
// do not ask all at once. The lock is held.
func (g *gate) book(h *host, cause string, first job.Instant, spacing time.Duration) *job.Instant {
	g.counts.held.WithLabelValues(cause).Inc()
	at := max(h.booked, int64(first)*1000)
	last := int64(first.Add(maxHeld)) * 1000
	if at > last { // more than can be foreseen: they ask again some time in the second half
		at = last - rand.Int64N(maxHeld.Microseconds()/2)
	} else {
		h.booked = at + max(spacing, time.Millisecond).Microseconds()
	}
	until := job.Instant(at / 1000)
	return &until
}
