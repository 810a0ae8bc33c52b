package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// longTarget takes calls and says that it goes on working for them.
type longTarget struct {
	*httptest.Server
	links chan string
}

func newLongTarget(t *testing.T, wait string) *longTarget {
	lt := &longTarget{links: make(chan string, 10)}
	lt.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Schedule-Wait", wait)
		w.WriteHeader(http.StatusAccepted)
		lt.links <- r.Header.Get("X-Schedule-Completion-Url")
	}))
	t.Cleanup(lt.Close)
	return lt
}

// complete reports the end of the work, and gives the answer's status.
func (lt *longTarget) complete(t *testing.T, link string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", link, strings.NewReader(`{"state":"succeeded"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// A run whose target works on outlasts its worker and what Redis knew, is called
// once, and ends with its target's word.
func TestALongJobOutlastsItsWorkerAndRedis(t *testing.T) {
	t.Parallel()
	x := newSeparate(t, "a passphrase for both of them")
	lt := newLongTarget(t, "5m")
	x.s.must("POST", "/api/v1/jobs", object{"id": "long", "schedule": object{"type": "date", "at": time.Now().UTC().Format(time.RFC3339)},
		"request": object{"url": lt.URL}}, nil)
	link := <-lt.links
	x.s.until("the run waits for its target", func() (bool, string) {
		runs := x.s.runs("long")
		return len(runs) == 1 && runs[0].State == "running" && len(runs[0].Attempts) == 1, ""
	})
	x.caller.kill()
	x.redis.Must(t, "FLUSHALL")
	x.worker(x.redis.URL())
	// A run that the reconciler looks after is called again within that time.
	pass(t, 15*time.Second)
	if runs := x.s.runs("long"); len(runs) != 1 || runs[0].State != "running" || len(lt.links) != 0 {
		t.Fatalf("%+v, further calls: %d", runs, len(lt.links))
	}
	if status := lt.complete(t, link); status != http.StatusOK {
		t.Errorf("completing it answers %d", status)
	}
	if runs := x.s.settled("long"); runs[0].State != "succeeded" {
		t.Errorf("the run is %s, %s", runs[0].State, runs[0].Reason)
	}
	if status := lt.complete(t, link); status != http.StatusConflict {
		t.Errorf("completing it again answers %d", status)
	}
}

// A run that its target never completes fails at the end of the time it asked for.
func TestALongJobThatIsNeverCompleted(t *testing.T) {
	t.Parallel()
	x := newSeparate(t, "a passphrase for both of them")
	lt := newLongTarget(t, "2s")
	x.s.must("POST", "/api/v1/jobs", object{"id": "long", "schedule": object{"type": "date", "at": time.Now().UTC().Format(time.RFC3339)},
		"request": object{"url": lt.URL}, "policy": object{"retry": object{"max_attempts": 1}}}, nil)
	link := <-lt.links
	if runs := x.s.settled("long"); runs[0].State != "failed" || runs[0].Reason != "completion_timeout" {
		t.Errorf("the run is %s, %s", runs[0].State, runs[0].Reason)
	}
	if status := lt.complete(t, link); status != http.StatusConflict {
		t.Errorf("completing it too late answers %d", status)
	}
}

// What the API asks to be tried, a worker in a process of its own tries.
func TestARequestIsTriedByAWorker(t *testing.T) {
	t.Parallel()
	x := newSeparate(t)
	var trial struct {
		Attempt struct {
			Reason     string
			StatusCode *int `json:"status_code"`
			Worker     string
		}
	}
	x.s.must("POST", "/api/v1/jobs/test", object{"request": object{"url": x.tg.URL}}, &trial)
	if a := trial.Attempt; a.Reason != "ok" || a.StatusCode == nil || *a.StatusCode != 200 || a.Worker == "" {
		t.Errorf("%+v", a)
	}
	x.s.must("POST", "/api/v1/jobs/test", object{"request": object{"url": "http://169.254.169.254/"}}, &trial)
	if trial.Attempt.Reason != "blocked_target" {
		t.Errorf("%+v", trial.Attempt)
	}
	x.caller.kill()
	x.s.until("nobody makes it", func() (bool, string) {
		status, answer := x.s.call("POST", "/api/v1/jobs/test", object{"request": object{"url": x.tg.URL}, "policy": object{"attempt_timeout": "1s"}})
		return status == http.StatusServiceUnavailable && strings.Contains(string(answer), "worker"), string(answer)
	})
}
