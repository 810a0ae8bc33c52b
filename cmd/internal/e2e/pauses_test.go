package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestPausesBeginAndEndByThemselves: what the service does to a job of its own accord is told to those who watch, and
// written down.
func TestPausesBeginAndEndByThemselves(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(gone.Close)
	address := freeAddress(t)
	start(t, "standalone", "--listen", address, "--data-dir", t.TempDir())
	s := &service{t: t, url: "http://" + address}
	s.ready()
	events := watchJobs(t, s.url)
	s.must("POST", "/api/v1/jobs", object{"id": "gone", "schedule": object{"type": "interval", "every": "1s"}, "request": object{"url": gone.URL}}, nil)
	s.must("POST", "/api/v1/jobs", object{"id": "rests", "schedule": object{"type": "interval", "every": "1h"}, "request": object{"url": gone.URL}}, nil)
	s.must("POST", "/api/v1/jobs/rests/pause", object{"until": time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339Nano)}, nil)
	said := map[string]string{}
	s.until("the news that the answer 410 paused the one job, and that the pause of the other ended", func() (bool, string) {
		for {
			select {
			case e := <-events:
				said[e.ID] += " " + e.Status
			default:
				return strings.HasSuffix(said["gone"], " paused") && strings.HasSuffix(said["rests"], " paused active"), fmt.Sprint(said)
			}
		}
	})
	for target, action := range map[string]string{"gone": "job.pause", "rests": "job.resume"} {
		var log struct {
			Entries []struct{ Target, Action string }
		}
		s.must("GET", "/api/v1/audit?actor=automatic&target="+target, nil, &log)
		if len(log.Entries) != 1 || log.Entries[0].Action != action {
			t.Errorf("%s: the audit log says %+v", target, log.Entries)
		}
	}
}

// jobEvent is the part of the news of a job that counts here.
type jobEvent struct{ ID, Status string }

// watchJobs reads the news of jobs until the test ends.
func watchJobs(t *testing.T, url string) <-chan jobEvent {
	t.Helper()
	response, err := http.Get(url + "/api/v1/events?types=job")
	if err != nil {
		t.Fatal(err)
	}
	events, ended := make(chan jobEvent, 1000), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			var e jobEvent
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &e) == nil {
				events <- e
			}
		}
	}()
	t.Cleanup(func() {
		_ = response.Body.Close()
		<-ended
	})
	return events
}
