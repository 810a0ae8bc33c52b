package queue

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/job"
)

// onEach runs a test on a real Redis and on the embedded one.
func onEach(t *testing.T, test func(t *testing.T, b *Broker)) {
	t.Run("redis", func(t *testing.T) { test(t, newBench(t).b) })
	t.Run("embedded", func(t *testing.T) {
		redis, err := NewEmbedded()
		noError(t, err)
		t.Cleanup(redis.Close)
		test(t, openBroker(t, redis.URL(), "host:1", &logBook{}))
	})
}

// place asks for one and answers how long to wait.
func (p *placeAsker) place(run string, book bool) (time.Duration, bool) {
	p.t.Helper()
	wait, full, err := p.b.TakePlace(p.t.Context(), &job.Place{
		Host: "a:1", RunID: run, Limits: p.limits, Lease: time.Hour, Spacing: 10 * time.Second, Book: book,
	})
	noError(p.t, err)
	return wait, full
}

type placeAsker struct {
	t      *testing.T
	b      *Broker
	limits job.HostLimits
}

func TestPlacesUnderAConcurrencyLimit(t *testing.T) {
	onEach(t, func(t *testing.T, b *Broker) {
		p := &placeAsker{t, b, job.HostLimits{PerHostConcurrency: 2}}
		for _, run := range []string{"r1", "r2", "r2"} { // the same run has its place already
			if wait, full := p.place(run, false); wait != 0 || full {
				t.Fatalf("%s waits %s", run, wait)
			}
		}
		for range 3 {
			if wait, full := p.place("r3", false); wait != time.Microsecond || !full {
				t.Fatalf("the third waits %s", wait)
			}
		}
		for i, low := range []time.Duration{0, 5 * time.Second, 12 * time.Second} { // each has a moment of its own
			if wait, full := p.place(fmt.Sprint("b", i), true); wait <= low || wait > 30*time.Second || !full {
				t.Fatalf("the %d-th that comes back waits %s", i, wait)
			}
		}
		b.GivePlace(t.Context(), "a:1", "r1")
		if wait, _ := p.place("r3", true); wait != 0 {
			t.Fatalf("it waits %s for a place that was given back", wait)
		}
		for range 1000 {
			if wait, _ := p.place("r4", true); wait > 61*time.Second {
				t.Fatalf("a wait of %s", wait)
			}
		}
	})
}

func TestPlacesExpire(t *testing.T) {
	x := newBench(t)
	p := &placeAsker{t, x.b, job.HostLimits{PerHostConcurrency: 1}}
	_, _, err := x.b.TakePlace(t.Context(), &job.Place{Host: "a:1", RunID: "lost", Limits: p.limits, Lease: time.Millisecond})
	noError(t, err)
	eventually(t, "the place of a worker that died is free", func() bool { wait, _ := p.place("next", false); return wait == 0 })
}

func TestPlacesUnderARate(t *testing.T) {
	onEach(t, func(t *testing.T, b *Broker) {
		p := &placeAsker{t, b, job.HostLimits{PerHostRate: 0.05}}
		if wait, _ := p.place("r1", true); wait != 0 {
			t.Fatalf("the first waits %s", wait)
		}
		first, full := p.place("r2", true)
		second, _ := p.place("r3", true)
		if first <= 10*time.Second || first > 20*time.Second || full || second-first < 10*time.Second || second > 40*time.Second {
			t.Fatalf("they wait %s and %s", first, second)
		}
	})
}

func TestHeldHosts(t *testing.T) {
	onEach(t, func(t *testing.T, b *Broker) {
		var mu sync.Mutex
		var known []job.HeldHost
		run(t, func(ctx context.Context) error {
			b.WatchHosts(ctx, func(all []job.HeldHost) { mu.Lock(); known = all; mu.Unlock() })
			return nil
		})
		first := job.HeldHost{Host: "a.example:8080", Cause: job.HoldThrottled, Until: now() + 60_000, Times: 1}
		second := job.HeldHost{Host: "b.example", Cause: job.HoldRefusing, Until: now() + 90_000, Times: 4}
		noError(t, b.HoldHost(t.Context(), &first))
		noError(t, b.HoldHost(t.Context(), &second))
		knows := func(want ...job.HeldHost) {
			t.Helper()
			eventually(t, fmt.Sprintf("%d hosts are known", len(want)), func() bool {
				mu.Lock()
				defer mu.Unlock()
				return cmp.Equal(known, want)
			})
		}
		knows(second, first)
		for _, want := range []bool{true, false} {
			if mine, err := b.ProbeHost(t.Context(), first.Host, time.Minute); err != nil || mine != want {
				t.Fatalf("probe: %v, %v", mine, err)
			}
		}
		noError(t, b.HoldHost(t.Context(), &first)) // the probe failed: another may begin
		if mine, err := b.ProbeHost(t.Context(), first.Host, time.Minute); err != nil || !mine {
			t.Fatalf("probe: %v, %v", mine, err)
		}
		noError(t, b.ReleaseHost(t.Context(), first.Host))
		knows(second)
	})
}

// What nobody can read, and what nobody has called for long, is dropped; too many are not kept.
func TestHeldHostsAreBounded(t *testing.T) {
	x := newBench(t)
	noError(t, x.b.client.HSet(x.ctx, x.b.key(keyHosts), "broken", "{", "other", `{"host":"b"}`).Err())
	noError(t, x.b.HoldHost(x.ctx, &job.HeldHost{Host: "old", Cause: job.HoldRefusing, Until: now().Add(-2 * hostForgotten)}))
	held, err := x.b.HeldHosts(x.ctx)
	if noError(t, err); len(held) != 0 {
		t.Errorf("%+v", held)
	}
	for i := range hostsMax + 10 {
		noError(t, x.b.HoldHost(x.ctx, &job.HeldHost{Host: strings.Repeat("x", i), Cause: job.HoldRefusing, Until: now() + 1000}))
	}
	held, err = x.b.HeldHosts(x.ctx)
	if noError(t, err); len(held) != hostsMax {
		t.Errorf("%d hosts are kept", len(held))
	}
}
