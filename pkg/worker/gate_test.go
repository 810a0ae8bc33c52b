package worker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/job"
)

// gateBench is a gate with a clock that is moved by hand.
type gateBench struct {
	*gate
	t     *testing.T
	clock job.Instant
}

func newGateBench(t *testing.T, slots int, shared Shared) *gateBench {
	b := &gateBench{t: t, clock: start}
	b.gate = newGate(&Options{
		Concurrency: slots, Shared: shared, Now: func() job.Instant { return b.clock }, Logger: slog.New(slog.DiscardHandler),
	})
	return b
}

func taskTo(host string) *job.Task {
	return taskFor("http://"+host+"/x", func(t *job.Task) { t.QueuedAt = start })
}

// enters wants a place at once.
func (b *gateBench) enters(host string) pass {
	b.t.Helper()
	p, until, err := b.enter(b.t.Context(), taskTo(host))
	if err != nil || until != nil {
		b.t.Fatalf("no place at %s: %v, %v", host, until, err)
	}
	return p
}

// isHeld wants no place, and answers when to ask again.
func (b *gateBench) isHeld(host string) job.Instant {
	b.t.Helper()
	_, until, err := b.enter(b.t.Context(), taskTo(host))
	if err != nil || until == nil {
		b.t.Fatalf("a place at %s, or %v", host, err)
	}
	return *until
}

func (b *gateBench) leaves(p pass, v verdict) { b.leave(b.t.Context(), taskTo(p.host.name), p, v) }

// fill takes as many places as the host gets without waiting.
func (b *gateBench) fill(host string) (passes []pass) {
	h := b.host(host)
	for b.admit(h, nil) {
		passes = append(passes, pass{host: h, began: time.Now()})
	}
	return passes
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		slots int
		slow  bool
		want  []int // places of one host after another
	}{
		{1, false, []int{1}},
		{2, false, []int{1, 1}},
		{8, false, []int{7, 1}},
		{256, false, []int{224, 28, 3}},
		{256, true, []int{192, 48, 12, 3}},
	} {
		b := newGateBench(t, c.slots, nil)
		var got []int
		for i := range c.want {
			name := string(rune('a' + i))
			if c.slow {
				b.host(name).usual = slowAfter
			}
			got = append(got, len(b.fill(name)))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d slots, slow %v: %v, want %v", c.slots, c.slow, got, c.want)
		}
	}
	unbounded := newGateBench(t, 0, nil)
	for range 1000 {
		unbounded.enters("a")
	}
}

func TestWaitAtAFastHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGateBench(t, 8, nil)
		passes := b.fill("a")
		admitted := make(chan pass)
		go func() { admitted <- b.enters("a") }()
		synctest.Wait()
		b.leaves(passes[0], verdict{reason: job.ReasonOK, news: hostWell})
		b.leaves(<-admitted, verdict{reason: job.ReasonOK, news: hostWell})
		if h := b.host("a"); h.busy != len(passes)-1 || b.busy != h.busy || len(h.waiting) != 0 {
			t.Errorf("%d places are taken, %d in all", h.busy, b.busy)
		}
	})
}

func TestHangingHostIsFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGateBench(t, 8, nil)
		b.fill("a")
		began := time.Now()
		held := make(chan job.Instant)
		for range 2 {
			go func() { held <- b.isHeld("a") }()
		}
		for range 2 {
			if at := <-held; at < start+1000 || at > start+21_000 {
				t.Errorf("held until %v", at)
			}
		}
		if took := time.Since(began); took != waitWithin {
			t.Errorf("found out after %s", took)
		}
		b.isHeld("a") // nobody waits any more
		if took := time.Since(began); took != waitWithin {
			t.Errorf("one waited once more, until %s", took)
		}
		b.enters("b")
	})
}

func TestWaitEndsWithTheDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGateBench(t, 8, nil)
		b.fill("a")
		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		if _, _, err := b.enter(ctx, taskTo("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if h := b.host("a"); len(h.waiting) != 0 || h.slow() {
			t.Errorf("%+v", h)
		}
	})
}

// Ten thousand deliveries that are held back do not ask again at once, and none waits for longer than 20 seconds.
func TestReturnsAreSpread(t *testing.T) {
	b := newGateBench(t, 8, nil)
	b.host("a").usual = 30 * time.Second
	b.fill("a")
	perSecond := map[job.Instant]int{}
	for range 10_000 {
		at := b.isHeld("a")
		if at < start+1000 || at > start+21_000 {
			t.Fatalf("held for %d ms", at-start)
		}
		perSecond[(at-start)/1000]++
	}
	for second, n := range perSecond {
		if n > 1200 {
			t.Errorf("%d come back in second %d", n, second)
		}
	}
}

// At a slow host a run that was held back gets its place before those that came later.
func TestHeldBackComeFirst(t *testing.T) {
	b := newGateBench(t, 256, nil)
	b.host("a").usual = 30 * time.Second
	passes := b.fill("a")
	leaves := func(n int) {
		for range n {
			b.leaves(passes[0], verdict{})
			passes = passes[1:]
		}
	}
	newcomer := func() (held bool) {
		task := taskTo("a")
		task.QueuedAt = b.clock
		p, until, err := b.enter(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		if until == nil {
			b.leaves(p, verdict{})
		}
		return until != nil
	}
	b.isHeld("a")
	leaves(50)
	b.clock += job.Instant(minHeld.Milliseconds())
	if !newcomer() {
		t.Error("a newcomer has a place before the one that was held back")
	}
	b.leaves(b.enters("a"), verdict{})
	b.enters("b")
	leaves(len(passes) - 100)
	if newcomer() {
		t.Error("a newcomer is held back although there is room for all")
	}
	passes = append(passes, b.fill("a")...)
	leaves(50)
	b.clock += job.Instant(maxHeld.Milliseconds())
	if newcomer() {
		t.Error("a newcomer is held back although nobody is to return")
	}
}

func TestRefusingHost(t *testing.T) {
	b := newGateBench(t, 8, nil)
	refuse := func() { b.leaves(b.enters("a"), verdict{reason: job.ReasonConnectRefused, news: hostRefuses}) }
	for range refusedTimes - 1 {
		refuse()
	}
	b.leaves(b.enters("a"), verdict{reason: "status_500", news: hostWell}) // it answers: the count begins anew
	for range refusedTimes {
		refuse()
	}
	for _, wait := range []job.Instant{2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000} {
		if at := b.isHeld("a"); at < b.clock+wait || at > b.clock+wait+1000 {
			t.Fatalf("held for %d ms, want %d", at-b.clock, wait)
		}
		b.clock += wait
		probe := b.enters("a")
		if !probe.probe {
			t.Fatal("the call after a hold is no probe")
		}
		b.isHeld("a") // one at a time
		b.leaves(probe, verdict{reason: job.ReasonConnectTimeout, news: hostRefuses})
	}
	b.clock += 60_000
	b.leaves(b.enters("a"), verdict{reason: "status_404", news: hostWell})
	b.enters("a")
	b.enters("a")
}

func TestThrottlingHost(t *testing.T) {
	b := newGateBench(t, 8, nil)
	first, second := b.enters("a"), b.enters("a")
	b.leaves(first, verdict{reason: "status_429", news: hostWell, after: 30 * time.Second})
	b.leaves(second, verdict{reason: job.ReasonOK, news: hostWell}) // was under way: says nothing
	if at := b.isHeld("a"); at < start+30_000 || at > start+31_000 {
		t.Errorf("held for %d ms", at-start)
	}
	b.enters("b")
	b.clock += 30_000
	b.leaves(b.enters("a"), verdict{}) // the probe was not made: another is
	b.isHeld("a")
	b.clock += 1000
	b.leaves(b.enters("a"), verdict{reason: "status_503", news: hostWell, after: time.Hour})
	if at := b.isHeld("a"); at < b.clock+300_000 || at > b.clock+301_000 {
		t.Errorf("held for %d ms", at-b.clock)
	}
	// Who has waited for five minutes is called all the same, and its success ends the hold.
	b.clock = start.Add(maxHold)
	b.leaves(b.enters("a"), verdict{reason: "status_429", news: hostWell, after: time.Minute})
	b.leaves(b.enters("a"), verdict{reason: job.ReasonOK, news: hostWell})
	b.clock = start
	b.enters("a")
}

// news is Shared of one worker beside others.
type news struct {
	Shared
	held     []string
	released []string
	mine     bool
	err      error
}

func (n *news) HoldHost(_ context.Context, h *job.HeldHost) error {
	n.held = append(n.held, h.Host)
	return n.err
}

func (n *news) ReleaseHost(_ context.Context, host string) error {
	n.released = append(n.released, host)
	return n.err
}

func (n *news) ProbeHost(context.Context, string, time.Duration) (bool, error) { return n.mine, n.err }

func TestOtherWorkersHold(t *testing.T) {
	n := &news{}
	b := newGateBench(t, 8, n)
	b.learn([]job.HeldHost{{Host: "a", Cause: job.HoldThrottled, Until: start + 5000, Times: 1}})
	if at := b.isHeld("a"); at < start+5000 {
		t.Errorf("held for %d ms", at-start)
	}
	b.clock += 5000
	b.isHeld("a") // another probes
	b.clock += 1000
	n.err = errors.New("away")
	if _, _, err := b.enter(t.Context(), taskTo("a")); !errors.Is(err, n.err) {
		t.Errorf("error %v", err)
	}
	n.err, n.mine = nil, true
	b.clock += 1000
	b.leaves(b.enters("a"), verdict{reason: job.ReasonOK, news: hostWell})
	equal(t, "released", n.released, []string{"a"})
	b.learn([]job.HeldHost{{Host: "a", Cause: job.HoldThrottled, Until: start + 5000, Times: 1}}) // old news
	b.enters("a")

	b.learn([]job.HeldHost{{Host: "b", Cause: job.HoldRefusing, Until: b.clock + 5000, Times: 3}})
	b.isHeld("b")
	b.learn(nil)
	b.enters("b")
}

func TestHostsAreForgotten(t *testing.T) {
	b := newGateBench(t, 8, nil)
	b.enters("busy")
	b.learn([]job.HeldHost{{Host: "held", Cause: job.HoldRefusing, Until: start + 5000}})
	for i := range 3 * maxHosts {
		b.host(string(rune(0x4e00 + i)))
	}
	if len(b.hosts) > maxHosts || b.hosts["busy"] == nil || b.hosts["held"] == nil {
		t.Errorf("%d hosts are known", len(b.hosts))
	}
	if b.heldHosts() != 1 {
		t.Errorf("%d are held", b.heldHosts())
	}
}

// fullAtFirst has no place for so many requests, and then one for each.
type fullAtFirst struct {
	Shared
	requests int
}

func (f *fullAtFirst) TakePlace(context.Context, *job.Place) (wait time.Duration, full bool, err error) {
	if f.requests--; f.requests >= 0 {
		return time.Millisecond, true, nil
	}
	return 0, false, nil
}

func (f *fullAtFirst) GivePlace(context.Context, string, string) {}

// A host does not count as slow because its limit makes others wait for it.
func TestToWaitForAPlaceIsNoPartOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newGateBench(t, 8, &fullAtFirst{requests: 20})
		const usual = 8 * time.Millisecond
		b.host("a").usual = usual
		task := taskTo("a")
		task.Policy.Limits.PerHostConcurrency = 1
		began := time.Now()
		p, until, err := b.enter(t.Context(), task)
		if err != nil || until != nil || time.Since(began) < 20*minAsk {
			t.Fatalf("a place after %s, or held until %v, %v", time.Since(began), until, err)
		}
		b.leave(t.Context(), task, p, verdict{reason: job.ReasonOK, news: hostWell})
		if got := b.host("a").usual; got > usual {
			t.Errorf("a call that took no time made a usual one last %s instead of %s", got, usual)
		}
	})
}
