package service

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// jobHeader names the job that calls, ours and the peers' alike.
const jobHeader = "X-Schedule-Job-Id"

// arrival is one call as the target saw it.
type arrival struct {
	at  time.Time
	job string
	due string
}

// target is what all subjects call. It answers at once and notes when it was called.
type target struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals []arrival
}

func newTarget(b *testing.B) *target {
	t := &target{arrivals: make([]arrival, 0, 100_000)}
	t.Server = httptest.NewServer(t)
	b.Cleanup(t.Close)
	return t
}

// ServeHTTP notes the call.
func (t *target) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	at := time.Now()
	job, due := r.Header.Get(jobHeader), r.Header.Get("X-Schedule-Time")
	t.mu.Lock()
	t.arrivals = append(t.arrivals, arrival{at, job, due})
	t.mu.Unlock()
}

// count is how many calls there were.
func (t *target) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.arrivals)
}

// take empties the list of calls.
func (t *target) take() []arrival {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.arrivals
	t.arrivals = make([]arrival, 0, cap(taken))
	return taken
}

// await waits until there were n calls, for a while at most, and then a moment
// longer for calls that should not be.
func (t *target) await(b *testing.B, n int, most time.Duration) []arrival {
	b.Helper()
	deadline := time.Now().Add(most)
	for t.count() < n && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond)
	return t.take()
}

// lateness of calls after one moment.
func lateness(arrivals []arrival, due time.Time) []time.Duration {
	late := make([]time.Duration, len(arrivals))
	for i := range arrivals {
		late[i] = arrivals[i].at.Sub(due)
	}
	return late
}

// ownLateness of calls after the moments that they name.
func ownLateness(b *testing.B, arrivals []arrival) []time.Duration {
	b.Helper()
	late := make([]time.Duration, len(arrivals))
	for i := range arrivals {
		due, err := time.Parse(time.RFC3339, arrivals[i].due)
		if err != nil {
			b.Fatalf("a call names no moment: %v", err)
		}
		late[i] = arrivals[i].at.Sub(due)
	}
	return late
}

// accounts tells how many of n jobs were not called, and how many calls were too many.
func accounts(arrivals []arrival, n int) (lost, twice int) {
	seen := make(map[string]bool, n)
	for i := range arrivals {
		if seen[arrivals[i].job] {
			twice++
		}
		seen[arrivals[i].job] = true
	}
	return n - len(seen), twice
}
