package api

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"schedule-server/pkg/api/live"
)

// watch opens a stream of events; headers come in pairs. It is closed when the test ends.
func (w *world) watch(query string, headers ...string) *eventStream {
	w.t.Helper()
	request, err := http.NewRequest("GET", w.url+"/api/v1/events"+query, nil)
	must(w.t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Client{Transport: w.client.Transport}).Do(request)
	must(w.t, err)
	w.t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" ||
		response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Accel-Buffering") != "no" {
		w.t.Fatalf("status %d, headers %v", response.StatusCode, response.Header)
	}
	s := &eventStream{t: w.t, lines: bufio.NewScanner(response.Body), contract: w.contract}
	for s.lines.Scan() && s.lines.Text() != "" { // the greeting: the watch has begun
		if id, ok := strings.CutPrefix(s.lines.Text(), "id: "); ok {
			s.id = id
		}
	}
	return s
}

// eventStream reads server-sent events as a browser does.
type eventStream struct {
	t        testing.TB
	lines    *bufio.Scanner
	contract *contract
	id       string
}

// received is one event.
type received struct {
	kind live.Kind
	data string
}

// next waits for an event.
func (s *eventStream) next() received {
	s.t.Helper()
	var e received
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			s.id = value
		case "event":
			e.kind = live.Kind(value)
		case "data":
			e.data += value
		case "":
			if e.kind != "" {
				s.check(e)
				return e
			}
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return e
}

// check holds what an event says against the document.
func (s *eventStream) check(e received) {
	s.t.Helper()
	schemas := map[live.Kind]string{live.KindRun: "RunChange", live.KindJob: "JobChange", live.KindMany: "ManyChanges"}
	if name, ok := schemas[e.kind]; ok {
		s.contract.validate(s.t, string(e.kind), map[string]any{"$ref": "#/components/schemas/" + name}, e.data)
	}
}

// wants reads the next event and fails unless it is of the kind and its data contains the parts.
func (s *eventStream) wants(kind live.Kind, parts ...string) {
	s.t.Helper()
	e := s.next()
	if e.kind != kind {
		s.t.Fatalf("got %s %s, want %s", e.kind, e.data, kind)
	}
	for _, part := range parts {
		if !strings.Contains(e.data, part) {
			s.t.Fatalf("%s does not contain %s", e.data, part)
		}
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t, worldOptions{})
	jobs := w.watch("?types=job")
	runs := w.watch("?types=run&job=a")
	other := w.watch("?job=other")
	w.call("PUT", "/api/v1/jobs/a", cronJob).is(201)
	jobs.wants(live.KindJob, `"id":"a"`, `"version":1`, `"status":"active"`, `"next_run_at":"20`, `"deleted":false`)
	run := w.run("/api/v1/jobs/a/run", "")
	runs.wants(live.KindRun, run.ID, `"state":"queued"`, `"trigger":"manual"`, `"job_id":"a"`)
	w.call("POST", "/api/v1/jobs/a/pause", "").is(200)
	jobs.wants(live.KindJob, `"status":"paused"`, `"next_run_at":null`)
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	jobs.wants(live.KindJob, `"id":"a"`, `"deleted":true`)
	runs.wants(live.KindRun, run.ID, `"state":"canceled"`, `"reason":"job_deleted"`)
	w.call("PUT", "/api/v1/jobs/other", strings.Replace(cronJob, `"id":"a",`, "", 1)).is(201)
	other.wants(live.KindJob, `"id":"other"`, `"version":1`)
}

func TestEventsAfterALostConnection(t *testing.T) {
	w := newWorld(t, worldOptions{})
	first := w.watch("")
	w.call("PUT", "/api/v1/jobs/a", cronJob).is(201)
	first.wants(live.KindJob, `"version":1`)
	w.call("POST", "/api/v1/jobs/a/pause", "").is(200)
	first.wants(live.KindJob, `"version":2`)
	w.call("POST", "/api/v1/jobs/a/resume", "").is(200)
	second := w.watch("", "Last-Event-ID", first.id)
	second.wants(live.KindJob, `"version":3`)

	for _, id := range []string{"1-0/0", "nonsense"} {
		lost := w.watch("", "Last-Event-ID", id)
		lost.wants(live.KindReset, "{}")
		if lost.id == id || lost.id == "" {
			t.Errorf("after a reset the stream stands at %q", lost.id)
		}
	}
}

func TestEventsRefuse(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("GET", "/api/v1/events?types=weather", "").problem(422, "invalid", "types")
	w.call("GET", "/api/v1/events?jobs=a", "").problem(422, "invalid", "jobs")
	if a := w.call("HEAD", "/api/v1/events", ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD answers %d %q", a.status, a.body)
	}
}

// TestEventsEndWithTheServer has streams open when the server stops, one of whose reader has stopped reading.
func TestEventsEndWithTheServer(t *testing.T) {
	w := newWorld(t, worldOptions{})
	s := w.watch("")
	w.stop()
	if s.lines.Scan() {
		t.Errorf("after the end came %q", s.lines.Text())
	}
}
