package chaos

import (
	"hash/fnv"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// call is one call as the target saw it.
type call struct {
	// at and done are when it arrived and when it was answered, or cut off.
	at, done int64
	job, run string
	key      string // Idempotency-Key
	attempt  int
	due      int64 // X-Schedule-Time
	gen      int   // generation of the job's request, from its URL
	status   int   // zero: the connection was dropped
}

// target is what the jobs call. It keeps a log of its own.
type target struct {
	*httptest.Server
	mu    sync.Mutex
	calls []*call
}

func newTarget(t testing.TB) *target {
	tg := &target{}
	tg.Server = httptest.NewServer(http.HandlerFunc(tg.serve))
	t.Cleanup(tg.Close)
	return tg
}

func (tg *target) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{at: nowMS(), job: r.Header.Get("X-Schedule-Job-Id"), run: r.Header.Get("X-Schedule-Run-Id"), key: r.Header.Get("Idempotency-Key")}
	c.attempt, _ = strconv.Atoi(r.Header.Get("X-Schedule-Attempt"))
	due, _ := time.Parse(time.RFC3339, r.Header.Get("X-Schedule-Time"))
	c.due = due.UnixMilli()
	c.gen, _ = strconv.Atoi(r.URL.Query().Get("gen"))
	wait, status := behave(r.URL.Query().Get("as"), c)
	c.status = status
	tg.mu.Lock()
	tg.calls = append(tg.calls, c)
	tg.mu.Unlock()

	pause(r.Context(), wait)
	tg.mu.Lock()
	c.done = nowMS()
	tg.mu.Unlock()
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

// behave says how long a call takes and how it is answered: the same for every repeat.
func behave(as string, c *call) (wait time.Duration, status int) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.run + strconv.Itoa(c.attempt)))
	dice := h.Sum32()
	switch as {
	case "slow":
		return 200*time.Millisecond + time.Duration(dice%1300)*time.Millisecond, http.StatusOK
	case "flaky":
		if c.attempt < 2 || c.attempt == 2 && dice%2 == 0 {
			return 0, http.StatusServiceUnavailable
		}
	case "broken":
		return 0, http.StatusInternalServerError
	case "dropping":
		if dice%3 > 0 {
			return time.Duration(dice%100) * time.Millisecond, 0
		}
	}
	return 0, http.StatusOK
}

// log is a copy of all calls so far; those under way are as good as done.
func (tg *target) log() []call {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	calls := make([]call, len(tg.calls))
	for i, c := range tg.calls {
		calls[i] = *c
		if c.done == 0 {
			calls[i].done = nowMS()
		}
	}
	return calls
}
