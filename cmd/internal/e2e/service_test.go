package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// service is a running schedule-server, seen from outside.
type service struct {
	t   testing.TB
	url string
	// key is shown with every call. Empty: none is.
	key string
}

// onEachDatabase runs a test side by side on a new database of each kind.
func onEachDatabase(t *testing.T, check func(t *testing.T, database string)) {
	t.Parallel()
	databases := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "jobs.db") },
		"postgres": func(t *testing.T) string { return testserver.StartPostgres(t).CreateDatabase(t, "schedule") },
	}
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, database(t))
		})
	}
}

// account is a run as the API tells it.
type account struct {
	ID          string
	State       string
	Reason      string
	ScheduledAt time.Time `json:"scheduled_at"`
	Trigger     string
	LagMS       *int64     `json:"lag_ms"`
	MissedCount int        `json:"missed_count"`
	MissedTo    *time.Time `json:"missed_to"`
	Attempts    []struct {
		N          int
		StatusCode *int `json:"status_code"`
	}
}

func (s *service) call(method, path string, body any) (int, []byte) {
	s.t.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if s.key != "" {
		request.Header.Set("Authorization", "Bearer "+s.key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return response.StatusCode, answer
}

// must makes a call that has to succeed.
func (s *service) must(method, path string, body, into any) {
	s.t.Helper()
	status, answer := s.call(method, path, body)
	if status < 200 || status > 299 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// ready waits until all parts of the service are there.
func (s *service) ready() {
	s.t.Helper()
	s.until("the service is ready", func() (bool, string) {
		status, answer := s.call("GET", "/readyz?full", nil)
		return status == http.StatusOK, string(answer)
	})
}

// until asks again and again, for a minute at most.
func (s *service) until(what string, ok func() (bool, string)) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		done, why := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s: %s", what, why)
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatal(s.t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// runs lists all runs of a job, newest first.
func (s *service) runs(job string) []account {
	s.t.Helper()
	var all []account
	cursor := ""
	for {
		var page struct {
			Runs       []account
			NextCursor string `json:"next_cursor"`
		}
		s.must("GET", fmt.Sprintf("/api/v1/jobs/%s/runs?limit=500&cursor=%s", url.PathEscape(job), url.QueryEscape(cursor)), nil, &page)
		all = append(all, page.Runs...)
		if page.NextCursor == "" {
			return all
		}
		cursor = page.NextCursor
	}
}

// settled waits until no run of the job is open, and lists them.
func (s *service) settled(job string) []account {
	s.t.Helper()
	var runs []account
	s.until("no run of "+job+" is open", func() (bool, string) {
		runs = s.runs(job)
		for _, r := range runs {
			switch r.State {
			case "queued", "running", "retrying", "waiting":
				return false, r.ID + " is " + r.State
			}
		}
		return true, ""
	})
	return runs
}
