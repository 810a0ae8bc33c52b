package e2e

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestConcurrencyPolicies runs one job of each policy every second against a
// target that takes two and a half.
func TestConcurrencyPolicies(t *testing.T) {
	t.Parallel()
	slow := newSlowTarget(t)
	address := freeAddress(t)
	start(t, "standalone", "--listen", address, "--data-dir", t.TempDir())
	s := &service{t: t, url: "http://" + address}
	s.ready()
	policies := []string{"forbid", "allow", "replace", "queue"}
	for _, policy := range policies {
		s.must("POST", "/api/v1/jobs", object{
			"id": policy, "schedule": object{"type": "interval", "every": "1s"}, "request": object{"url": slow.URL + "/" + policy},
			"policy": object{"concurrency_policy": policy, "retry": object{"max_attempts": 1}},
		}, nil)
	}
	// What each policy must have done before its job is paused.
	enough := map[string]func(states map[string]int) bool{
		"forbid":  func(n map[string]int) bool { return n["succeeded"] >= 2 && n["skipped"] >= 2 },
		"allow":   func(n map[string]int) bool { return n["succeeded"] >= 4 },
		"replace": func(n map[string]int) bool { return n["canceled"] >= 3 },
		"queue":   func(n map[string]int) bool { return n["succeeded"] >= 3 && n["skipped"] >= 2 },
	}
	for _, policy := range policies {
		s.until(policy+" has shown what it does", func() (bool, string) {
			n := count(s.runs(policy))
			return enough[policy](n), ""
		})
		s.must("POST", "/api/v1/jobs/"+policy+"/pause", nil, nil)
	}
	for _, policy := range policies {
		runs := s.settled(policy)
		n := count(runs)
		t.Logf("%s: %v, at most %d at once", policy, n, slow.most(policy))
		for _, r := range runs {
			if r.Reason == "" || r.State == "canceled" && r.Reason != "replaced" {
				t.Errorf("%s: a run is %s for %q", policy, r.State, r.Reason)
			}
		}
		if n["failed"] > 0 {
			t.Errorf("%s: %d runs failed", policy, n["failed"])
		}
	}
	if slow.most("allow") < 2 {
		t.Error("allow: never two calls at once")
	}
	for _, policy := range []string{"forbid", "queue"} {
		if most := slow.most(policy); most != 1 {
			t.Errorf("%s: %d calls at once", policy, most)
		}
	}
	if last := s.runs("replace")[0]; last.State != "succeeded" {
		t.Errorf("replace: the newest run is %s %s", last.State, last.Reason)
	}
}

func count(runs []account) map[string]int {
	n := map[string]int{}
	for _, r := range runs {
		n[r.State]++
	}
	return n
}

// slowTarget counts the calls that are open at once, by path.
type slowTarget struct {
	*httptest.Server
	mu   sync.Mutex
	open map[string][]int
}

func newSlowTarget(t *testing.T) *slowTarget {
	s := &slowTarget{open: map[string][]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.add(r.URL.Path[1:], 1)
		defer s.add(r.URL.Path[1:], -1)
		waitFor(r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *slowTarget) add(path string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	levels := s.open[path]
	level := n
	if len(levels) > 0 {
		level += levels[len(levels)-1]
	}
	s.open[path] = append(levels, level)
}

// most is how many calls of the path were open at once.
func (s *slowTarget) most(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open[path]) == 0 {
		return 0
	}
	return slices.Max(s.open[path])
}

// waitFor keeps a call open for two and a half seconds, or until its caller hangs up.
func waitFor(r *http.Request) {
	timer := time.NewTimer(2500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
