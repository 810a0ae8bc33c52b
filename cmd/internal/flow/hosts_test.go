package flow

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func ok(http.ResponseWriter, *http.Request) {}

// hang answers when the test ends, or the caller goes.
func hang(t *testing.T) http.HandlerFunc {
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}
}

// Two hosts hang on all their calls; a third is called as if they were not there.
func TestHangingHostsStarveNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second, well := newTarget(t, hang(t)), newTarget(t, hang(t)), newTarget(t, ok)
	patient := func(t *job.Task) { t.Policy.AttemptTimeout = job.Duration(time.Hour) }
	w.enqueue("first", 400, first.URL, patient)
	w.enqueue("second", 400, second.URL, patient)
	w.work("test:1", 32, job.HostLimits{})
	eventually(t, func() string {
		_, open, _ := first.seen()
		_, more, _ := second.seen()
		if open > 0 && more > 0 {
			return ""
		}
		return fmt.Sprintf("%d and %d calls hang", open, more)
	})
	w.enqueue("well", 400, well.URL)
	w.succeed("well", 400)
	_, open, _ := first.seen()
	_, more, _ := second.seen()
	if open == 0 || more == 0 || open+more >= 32 {
		t.Errorf("%d and %d calls hang", open, more)
	}
	if _, attempts := w.count("first", job.StateFailed); attempts != 0 {
		t.Errorf("%d attempts of hanging calls have ended", attempts)
	}
}

// A host that throttles is left alone for as long as it asked for, by all workers; nothing that was held back failed.
func TestThrottlingHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var well atomic.Bool
	throttling := newTarget(t, func(rw http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			rw.Header().Set("Retry-After", "2")
			rw.WriteHeader(http.StatusTooManyRequests)
		}
	})
	other := newTarget(t, ok)
	w.work("test:1", 16, job.HostLimits{})
	w.work("test:2", 16, job.HostLimits{})
	w.enqueue("throttled", 1000, throttling.URL)
	w.enqueue("other", 1000, other.URL)
	w.succeed("other", 1000)
	eventually(t, func() string {
		held, err := w.broker.HeldHosts(t.Context())
		must(t, err)
		if len(held) == 1 && held[0].Cause == job.HoldThrottled && held[0].Host == job.TargetHost(throttling.URL) {
			return ""
		}
		return fmt.Sprintf("held: %+v", held)
	})
	eventually(t, func() string { // a probe was made, and held the host once more
		held, err := w.broker.HeldHosts(t.Context())
		must(t, err)
		if len(held) == 1 && held[0].Times >= 2 {
			return ""
		}
		return fmt.Sprintf("held: %+v", held)
	})
	calls, _, _ := throttling.seen()
	if calls > 64 {
		t.Errorf("%d calls were made while the host throttled", calls)
	}
	well.Store(true)
	w.succeed("throttled", 1000)
	eventually(t, func() string {
		held, err := w.broker.HeldHosts(t.Context())
		must(t, err)
		if len(held) == 0 {
			return ""
		}
		return fmt.Sprintf("held: %+v", held)
	})
	if _, attempts := w.count("throttled", ""); attempts > 1000+calls+16 {
		t.Errorf("%d attempts, %d of them throttled", attempts, calls)
	}
}

// A host that refuses connections is probed, and called again when it is back; the runs that waited made no attempt meanwhile.
func TestRefusingHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := refusing(t)
	w.work("test:1", 8, job.HostLimits{})
	patient := func(t *job.Task) {
		t.Policy.Retry = job.Retry{MaxAttempts: 20, MinBackoff: job.Duration(time.Second), MaxBackoff: job.Duration(time.Second)}
	}
	w.enqueue("refused", 300, "http://"+address, patient)
	eventually(t, func() string {
		held, err := w.broker.HeldHosts(t.Context())
		must(t, err)
		if len(held) == 1 && held[0].Cause == job.HoldRefusing && held[0].Times >= 2 {
			return ""
		}
		return fmt.Sprintf("held: %+v", held)
	})
	if _, attempts := w.count("refused", ""); attempts > 30 {
		t.Errorf("%d attempts were made at a host that refuses connections", attempts)
	}
	l, err := net.Listen("tcp", address)
	must(t, err)
	back := &target{}
	server := &http.Server{Handler: back.wrap(ok)}
	w.background(func(ctx context.Context) error {
		go func() { <-ctx.Done(); _ = server.Close() }()
		_ = server.Serve(l)
		return nil
	})
	w.succeed("refused", 300)
	if calls, _, _ := back.seen(); calls != 300 {
		t.Errorf("%d calls for 300 runs", calls)
	}
}

// A limit holds over all workers together, and all runs come to an end.
func TestSharedConcurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limited := newTarget(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(5 * time.Millisecond): // the length of the call
		case <-r.Context().Done():
		}
	})
	w.work("test:1", 16, job.HostLimits{PerHostConcurrency: 3})
	w.work("test:2", 16, job.HostLimits{PerHostConcurrency: 3})
	w.enqueue("limited", 300, limited.URL)
	w.succeed("limited", 300)
	if calls, _, atOnce := limited.seen(); calls != 300 || atOnce > 3 {
		t.Errorf("%d calls, %d at once", calls, atOnce)
	}
}

// A rate, here of the job's own policy, holds over all workers together.
func TestSharedRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limited := newTarget(t, ok)
	w.work("test:1", 16, job.HostLimits{})
	w.work("test:2", 16, job.HostLimits{})
	w.enqueue("limited", 60, limited.URL, func(t *job.Task) { t.Policy.Limits.PerHostRate = 20 })
	w.succeed("limited", 60)
	// 20 at once, and then 20 a second: what a slow machine delays only makes it slower.
	if took := limited.begun[59].Sub(limited.begun[0]); took < 1900*time.Millisecond {
		t.Errorf("60 calls within %s", took)
	}
}
