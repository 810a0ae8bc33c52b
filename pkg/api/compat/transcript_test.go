package compat_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/trigger"
)

// exchange is one recorded call of the original and its answer.
type exchange struct {
	At      time.Time `json:"at"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Query   map[string]string `json:"query"`
		JSON    json.RawMessage   `json:"json"`
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
	} `json:"request"`
	Response recorded `json:"response"`
}

// recorded is an answer; of the two bodies one is there.
type recorded struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	JSON    json.RawMessage   `json:"json"`
	Text    string            `json:"text"`
}

func (r *recorded) body(tb testing.TB) string {
	if r.JSON != nil {
		return compact(tb, r.JSON)
	}
	return r.Text
}

func (e *exchange) send(tb testing.TB, b *bundle) reply {
	target, body := e.Request.Path, e.Request.Body
	var headers []string
	if e.Request.Query != nil {
		query := url.Values{}
		for name, value := range e.Request.Query {
			query.Set(name, value)
		}
		target += "?" + query.Encode()
	}
	if e.Request.JSON != nil {
		body = string(e.Request.JSON)
		headers = append(headers, "Content-Type", "application/json")
	}
	for name, value := range e.Request.Headers {
		headers = append(headers, name, value)
	}
	return b.call(tb, e.Request.Method, target, body, headers...)
}

// TestTranscripts replays what was recorded from the original, each file over an empty store, at the recorded
// moments. Every answer must be the recorded one but for those that instead lists, which must differ as it says.
func TestTranscripts(t *testing.T) { replayAll(t, setup) }

// TestTranscriptsThroughTheService does the same through the service and a database.
func TestTranscriptsThroughTheService(t *testing.T) { replayAll(t, setupService) }

func replayAll(t *testing.T, setup func(testing.TB) *bundle) {
	files, err := filepath.Glob("testdata/transcripts/*.json")
	if err != nil || len(files) != 11 {
		t.Fatalf("11 transcripts expected, found %d: %v", len(files), err)
	}
	right := instead()
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) { replay(t, setup(t), file, right[name]) })
		delete(right, name)
	}
	for name := range right {
		t.Errorf("what is right instead is listed for %q, which is not recorded", name)
	}
}

func replay(t *testing.T, b *bundle, file string, right map[int]correction) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []exchange
	if err := json.Unmarshal(text, &exchanges); err != nil {
		t.Fatal(err)
	}
	ids := strings.NewReplacer()
	for i := range exchanges {
		e := &exchanges[i]
		correct, listed := right[i+1]
		delete(right, i+1)
		if listed && correct.elsewhere {
			continue
		}
		b.now = trigger.InstantOf(e.At)
		got := e.send(t, b)
		if id := madeID(e, got.body); id != "" {
			ids = strings.NewReplacer(id, madeID(e, e.Response.body(t)))
		}
		got.body = ids.Replace(got.body)
		want := e.Response
		if listed {
			want = correct.answer(t, exchanges, e)
			if want.Status == e.Response.Status && want.body(t) == e.Response.body(t) {
				t.Errorf("%d: what is right instead is what was recorded", i+1)
			}
		}
		compare(t, i+1, e, got, &want)
	}
	for n := range right {
		t.Errorf("what is right instead is listed for exchange %d, which is not recorded", n)
	}
}

// madeID is the id in an answer to a job without one, empty for every other exchange.
func madeID(e *exchange, body string) string {
	var request struct {
		ID *string `json:"job_id"`
	}
	if json.Unmarshal(e.Request.JSON, &request) != nil || request.ID == nil || *request.ID != "" {
		return ""
	}
	return regexp.MustCompile(`[0-9a-f]{32}`).FindString(body)
}

func compare(t *testing.T, n int, e *exchange, got reply, want *recorded) {
	t.Helper()
	if body := want.body(t); got.StatusCode != want.Status || got.body != body {
		t.Errorf("%d %s %s\nanswered %d %s\nwant     %d %s", n, e.Request.Method, e.Request.Path,
			got.StatusCode, got.body, want.Status, body)
	}
	for _, name := range []string{"content-type", "allow", "vary", "location", "access-control-allow-origin",
		"access-control-allow-credentials", "access-control-allow-methods", "access-control-allow-headers",
		"access-control-max-age"} {
		value := want.Headers[name]
		if at, err := url.Parse(value); err == nil && name == "location" {
			value = at.RequestURI() // the original named its own host
			if at.Path == "" {
				value = ""
			}
		}
		if got := got.Header.Get(name); got != value {
			t.Errorf("%d %s %s: header %s is %q, want %q", n, e.Request.Method, e.Request.Path, name, got, value)
		}
	}
}

// tasks are the jobs in a recorded answer of get_jobs, or the one of get_job.
func tasks(tb testing.TB, text json.RawMessage) []json.RawMessage {
	var list struct {
		Data struct {
			Tasks []json.RawMessage `json:"task_list"`
		} `json:"data"`
	}
	var one struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &list); err == nil && list.Data.Tasks != nil {
		return list.Data.Tasks
	}
	if err := json.Unmarshal(text, &one); err != nil {
		tb.Fatal(err)
	}
	return []json.RawMessage{one.Data}
}

// drop leaves the jobs of some ids out.
func drop(all []json.RawMessage, ids ...string) []json.RawMessage {
	return slices.DeleteFunc(all, func(text json.RawMessage) bool {
		var one struct {
			ID string `json:"job_id"`
		}
		return json.Unmarshal(text, &one) == nil && slices.Contains(ids, one.ID)
	})
}
