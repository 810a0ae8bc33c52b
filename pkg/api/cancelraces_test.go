package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/worker"
)

// raceTarget answers as the path says, /answer/milliseconds, and notes when each run was called.
type raceTarget struct {
	*httptest.Server
	mu        sync.Mutex
	calls     map[string][]raceCall
	completed map[string]int // run id → what the API said to its completion
	reports   sync.WaitGroup
}

type raceCall struct {
	at time.Time
	n  int
}

func newRaceTarget(t *testing.T) *raceTarget {
	tg := &raceTarget{calls: map[string][]raceCall{}, completed: map[string]int{}}
	tg.Server = httptest.NewServer(http.HandlerFunc(tg.serve))
	t.Cleanup(tg.Close)
	return tg
}

func (tg *raceTarget) serve(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("Idempotency-Key")
	n, _ := strconv.Atoi(r.Header.Get("X-Schedule-Attempt"))
	tg.mu.Lock()
	tg.calls[id] = append(tg.calls[id], raceCall{time.Now(), n})
	tg.mu.Unlock()
	path := strings.Split(r.URL.Path, "/")
	ms, _ := strconv.Atoi(path[2])
	takes := time.Duration(ms) * time.Millisecond
	if path[1] == "park" {
		w.Header().Set("X-Schedule-Wait", "1h")
		w.WriteHeader(http.StatusAccepted)
		url := r.Header.Get("X-Schedule-Completion-Url")
		tg.reports.Go(func() { tg.complete(id, url, takes) })
		return
	}
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
	}
	if path[1] == "fail" || path[1] == "again" && n < 3 {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (tg *raceTarget) complete(id, url string, after time.Duration) {
	time.Sleep(after)
	response, err := http.Post(url, "application/json", nil)
	if err != nil {
		return
	}
	response.Body.Close()
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.completed[id] = response.StatusCode
}

func (tg *raceTarget) of(id string) (calls []raceCall, completed int) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return append(calls, tg.calls[id]...), tg.completed[id]
}

// TestCancelRaces cancels runs at any point of their way: queued, in a call, between
// two attempts, while their target works on, at their end. A run has one end and
// keeps it, an answer that tells an end tells that one, no call begins after a cancel was
// answered with the end, and each call is one attempt in the account.
func TestCancelRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.record()
	keys, err := job.ParseKeys(strings.Repeat("0f", 32))
	must(t, err)
	caller, err := worker.New(w.broker, worker.Options{
		Now: w.clock, Rand: rand.Float64, Name: "test:1", Allow: []string{"loopback"}, Keys: keys, PublicURL: w.url,
	})
	must(t, err)
	t.Cleanup(caller.Close)
	w.background(w.broker.NewWorkers(caller, queue.WorkerOptions{}).Run)
	tg := newRaceTarget(t)
	answers, takes := []string{"ok", "again", "fail", "park"}, []int{0, 3, 15}
	for _, a := range answers {
		for _, ms := range takes {
			w.call("POST", "/api/v1/jobs", fmt.Sprintf(`{"id":"%[1]s-%[2]d","schedule":{"type":"interval","every":"24h"},
				"request":{"url":"%[3]s/%[1]s/%[2]d"},"policy":{"concurrency_policy":"allow",
				"retry":{"max_attempts":4,"min_backoff":"20ms"}}}`, a, ms, tg.URL)).is(201)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := fmt.Sprintf("%s-%d", rapid.SampledFrom(answers).Draw(rt, "answer"), rapid.SampledFrom(takes).Draw(rt, "takes"))
		after := rapid.IntRange(0, 3).Draw(rt, "cancel after the nth call has begun")
		later := time.Duration(rapid.IntRange(0, 25_000).Draw(rt, "and so many µs")) * time.Microsecond
		run := w.run("/api/v1/jobs/"+name+"/run", "")
		eventually(t, "the calls before the cancel", func() bool {
			calls, _ := tg.of(run.ID)
			return len(calls) >= after || w.getRun(run.ID).State.Final()
		})
		time.Sleep(later)
		a := w.call("POST", "/api/v1/runs/"+run.ID+"/cancel", "")
		answered := time.Now()
		var told job.Run
		if a.status != http.StatusConflict {
			a.into(&told)
		} else if told = w.getRun(run.ID); !told.State.Final() {
			rt.Fatalf("a conflict, and the run is %s", told.State)
		}
		w.checkRace(rt, tg, run.ID, &told, answered)
	})
}

// checkRace waits for the run's end and for the account of its calls, and holds them against what was told.
func (w *world) checkRace(rt *rapid.T, tg *raceTarget, id string, told *job.Run, answered time.Time) {
	var end job.Run
	eventually(w.t, "the run has ended and every call is in its account", func() bool {
		end = w.getRun(id)
		calls, _ := tg.of(id)
		return end.State.Final() && accounted(calls, end.Attempts)
	})
	tg.reports.Wait()
	must(w.t, w.broker.Settle(w.t.Context()))
	calls, completed := tg.of(id)
	last := w.getRun(id)
	switch {
	case last.State != end.State || last.Reason != end.Reason:
		rt.Fatalf("the run ended twice: %s %s, then %s %s", end.State, end.Reason, last.State, last.Reason)
	case told.State.Final() && (told.State != last.State || told.Reason != last.Reason):
		rt.Fatalf("told %s %s, in the end %s %s", told.State, told.Reason, last.State, last.Reason)
	case completed == http.StatusOK && last.State != job.StateSucceeded:
		rt.Fatalf("completed with 200, in the end %s %s", last.State, last.Reason)
	case last.State == job.StateCanceled && last.Reason != job.ReasonByHand:
		rt.Fatalf("canceled for %s", last.Reason)
	case !accounted(calls, last.Attempts):
		rt.Fatalf("calls %v, attempts %+v", calls, last.Attempts)
	}
	for _, c := range calls {
		if told.State == job.StateCanceled && c.at.After(answered) {
			rt.Fatalf("call %d began %v after the answer that the run is canceled", c.n, c.at.Sub(answered))
		}
	}
}

// accounted reports whether each call is one attempt, and none was made twice.
func accounted(calls []raceCall, attempts []job.Attempt) bool {
	known := map[int]int{}
	for _, a := range attempts {
		known[a.N]++
	}
	for _, c := range calls {
		if known[c.n]--; known[c.n] != 0 {
			return false
		}
	}
	return true
}
