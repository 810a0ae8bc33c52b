package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestChaos breaks a running service at random and checks what it promised.
// CHAOS_SEED repeats a storm's choices, CHAOS_SECONDS is how long it lasts (20),
// CHAOS_SEEDS how many storms there are (1), one after the other.
func TestChaos(t *testing.T) {
	seconds, seeds := number(t, "CHAOS_SECONDS", 20), number(t, "CHAOS_SEEDS", 1)
	first := number(t, "CHAOS_SEED", rand.Int64N(1_000_000))
	var sum totals
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			for _, kind := range []string{"sqlite", "postgres"} {
				t.Run(kind, func(t *testing.T) {
					t.Parallel()
					t.Logf("again with: CHAOS_SEED=%d CHAOS_SECONDS=%d go test -run TestChaos ./cmd/internal/chaos", seed, seconds)
					sum.add(storm(t, kind, uint64(seed), time.Duration(seconds)*time.Second))
				})
			}
		})
		if n := 2 * (seed - first + 1); n > 2 {
			t.Logf("all %d storms so far:\n%s", n, sum.table())
		}
	}
}

func number(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("%s is not a number above zero: %q", name, text)
	}
	return n
}

// long storms wait until the queue itself notices a dead worker, which takes two
// minutes; short ones end with an empty Redis, after which it takes seconds.
const long = 40 * time.Second

// storm is one run of everything.
func storm(t *testing.T, kind string, seed uint64, lasts time.Duration) *figures {
	lane := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	w := newWorld(t, kind, 2+int(seed%2), 2+int(seed/2%2))
	ctx := context.WithoutCancel(t.Context())
	act := &actor{client: w.client, target: w.target.URL, random: lane(1), done: map[string]int{},
		jobs: mix(lane(2), moreKinds(ctx, w), lasts)}
	act.registerAll(ctx)
	watch := newProbe(ctx, w.client)

	bad, over := context.WithTimeout(ctx, lasts)
	var all sync.WaitGroup
	all.Go(func() { act.run(bad) })
	for n := range uint64(2) {
		all.Go(func() { (&agitator{w: w, random: lane(3 + n)}).run(bad) })
	}
	if lasts >= long {
		all.Go(func() { w.stopBeyondLease(bad, lane(9)) })
	}
	all.Wait()
	over()

	heal(ctx, w, act, lasts)
	w.settle(4 * time.Minute)
	watch.stop()
	return examine(t, w, act, watch)
}

// heal waits until everything is there again, lets it work, and then lets nothing more fall due.
func heal(ctx context.Context, w *world, act *actor, lasted time.Duration) {
	w.checkAlive()
	w.ready()
	if lasted < long {
		now := nowMS()
		w.flush()
		w.faults.add(fault{kind: "FLUSHALL", who: "redis", from: now, till: nowMS()})
	}
	pause(ctx, 4*time.Second)
	act.pauseAll(ctx)
}

// stopBeyondLease stops a worker for longer than asynq leases a task.
func (w *world) stopBeyondLease(ctx context.Context, random *rand.Rand) {
	a := &agitator{w: w, random: random}
	a.stopRole(ctx, a.any("worker"), 31*time.Second+a.upTo(4*time.Second))
}

// settle waits until no run is open.
func (w *world) settle(most time.Duration) {
	w.until(most, "no run is open", func() string {
		w.checkAlive()
		for _, state := range []string{"running", "queued", "retrying", "waiting"} {
			a := w.client.clear(w.t.Context(), "GET", "/api/v1/runs?limit=1&state="+state, nil)
			if a.status != 200 || !strings.Contains(string(a.body), `"runs":[]`) {
				return string(a.body[:min(len(a.body), 400)])
			}
		}
		return ""
	})
}

// moreKinds are the concurrency policies beyond the first two that this service takes.
func moreKinds(ctx context.Context, w *world) []string {
	var kinds []string
	for _, kind := range []string{"replace", "queue"} {
		probe := subject{id: "probe-" + kind, kind: "interval", seconds: 3600, as: "fast", policy: object{"concurrency_policy": kind}}
		if w.client.clear(ctx, "POST", "/api/v1/jobs", probe.definition(w.target.URL)).status == 201 {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
