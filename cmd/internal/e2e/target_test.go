package e2e

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// hit is one call as the target saw it.
type hit struct {
	at    time.Time
	job   string
	run   string
	due   time.Time
	tries string
}

// target is what the jobs call. It keeps a log of its own.
type target struct {
	*httptest.Server
	mu      sync.Mutex
	hits    []hit
	news    chan struct{}
	crashes []time.Time
}

func newTarget(t testing.TB) *target {
	tg := &target{news: make(chan struct{})}
	tg.Server = httptest.NewServer(http.HandlerFunc(tg.serve))
	t.Cleanup(tg.Close)
	return tg
}

// serve answers at once, or after the time that the URL's "takes" asks for.
func (tg *target) serve(_ http.ResponseWriter, r *http.Request) {
	tg.note(r, time.Now())
	takes, err := time.ParseDuration(r.URL.Query().Get("takes"))
	if err != nil {
		return
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// note takes a call into the log.
func (tg *target) note(r *http.Request, at time.Time) {
	due, _ := time.Parse(time.RFC3339, r.Header.Get("X-Schedule-Time"))
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.hits = append(tg.hits, hit{at, r.Header.Get("X-Schedule-Job-Id"), r.Header.Get("Idempotency-Key"), due, r.Header.Get("X-Schedule-Attempt")})
	close(tg.news)
	tg.news = make(chan struct{})
}

// crash notes that processes are killed now: calls in their hands may be repeated.
func (tg *target) crash() {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.crashes = append(tg.crashes, time.Now())
}

// mayRepeat reports whether a call was in the hands of a process that was killed:
// under way, or made and not yet recorded.
func (tg *target) mayRepeat(call time.Time) bool {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	for _, crash := range tg.crashes {
		if before := crash.Sub(call); before > -100*time.Millisecond && before < time.Second {
			return true
		}
	}
	return false
}

// of lists the calls of a job so far.
func (tg *target) of(job string) []hit {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	var hits []hit
	for _, h := range tg.hits {
		if h.job == job {
			hits = append(hits, h)
		}
	}
	return hits
}

// wait blocks until the job was called at least n times.
func (tg *target) wait(t testing.TB, job string, n int) []hit {
	t.Helper()
	deadline := time.After(90 * time.Second)
	for {
		tg.mu.Lock()
		news := tg.news
		tg.mu.Unlock()
		if hits := tg.of(job); len(hits) >= n {
			return hits
		}
		select {
		case <-news:
		case <-deadline:
			t.Fatalf("%s was called %d times, want %d", job, len(tg.of(job)), n)
		}
	}
}
