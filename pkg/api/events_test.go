package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/api/live"
	"schedule-server/pkg/job"
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
	t.Parallel()
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
	t.Parallel()
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

// TestHeartbeat: a silent stream shows that it is alive, and where it stands.
func TestHeartbeat(t *testing.T) {
	if heartbeat != 15*time.Second {
		t.Errorf("every %s", heartbeat)
	}
	w := newWorld(t, worldOptions{heartbeat: time.Millisecond})
	s := w.watch("?job=none")
	w.call("PUT", "/api/v1/jobs/a", cronJob).is(201) // not what it watches
	beats, place := 0, ""
	for (beats < 2 || place == "") && s.lines.Scan() {
		if line := s.lines.Text(); line == ": alive" {
			beats++
		} else if id, ok := strings.CutPrefix(line, "id: "); ok {
			place = id
		} else if line != "" {
			t.Fatalf("the stream says %q", line)
		}
	}
	w.watch("", "Last-Event-ID", place)
	must(t, s.lines.Err())
}

func TestEventsRefuse(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("GET", "/api/v1/events?types=weather", "").problem(422, "invalid", "types")
	w.call("GET", "/api/v1/events?jobs=a", "").problem(422, "invalid", "jobs")
	if a := w.call("HEAD", "/api/v1/events", ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD answers %d %q", a.status, a.body)
	}
}

// newsroom is a source of news that a test writes.
type newsroom struct {
	take  func(id string, news []job.News)
	ready chan struct{}
	n     int
}

func (n *newsroom) Changes(ctx context.Context, take func(string, []job.News), _ func()) error {
	n.take = take
	close(n.ready)
	<-ctx.Done()
	return nil
}

// tell has runs of a job change.
func (n *newsroom) tell(jobID string, runs int) {
	n.n++
	news := make([]job.News, runs)
	for i := range news {
		news[i] = job.News{Run: &job.RunChange{
			ID: fmt.Sprint(n.n), JobID: jobID, Trigger: job.TriggerSchedule, State: job.StateQueued}}
	}
	n.take(fmt.Sprintf("%d-0", n.n), news)
}

// stuckReader asks for all events and reads none of them.
func (w *world) stuckReader() {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	must(w.t, conn.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprint(conn, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	must(w.t, err)
}

// TestManyReadersAndASlowOne: the one that does not read is cut off, and the others miss nothing meanwhile.
func TestManyReadersAndASlowOne(t *testing.T) {
	const readers, rounds = 200, 100
	room := &newsroom{ready: make(chan struct{})}
	w := newWorld(t, worldOptions{changes: room, writeWait: 2 * time.Second})
	<-room.ready
	var streams []*eventStream
	for range readers {
		streams = append(streams, w.watch("?job=quiet"))
	}
	w.stuckReader()
	eventually(t, "all are there", func() bool { return w.server.streams.count() == readers+1 })
	before := liveHeap()
	loud := strings.Repeat("loud", 100)
	round := func() {
		room.tell("quiet", 1)
		room.tell(loud, 200)
		for _, s := range streams { // so none falls behind
			s.wants(live.KindRun, `"job_id":"quiet"`)
		}
	}
	for range rounds {
		round()
	}
	eventually(t, "the slow one is cut off", func() bool {
		round()
		return w.server.streams.count() == readers
	})
	if grown := liveHeap() - before; grown > 32<<20 {
		t.Errorf("the memory has grown by %d MiB", grown>>20)
	}
	room.tell("quiet", 1)
	for _, s := range streams {
		s.wants(live.KindRun, `"job_id":"quiet"`)
	}
}

// liveHeap is the memory in use, in bytes.
func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestEventsEndWithTheServer stops a server with open streams, the reader of one of which is stuck.
func TestEventsEndWithTheServer(t *testing.T) {
	t.Parallel()
	room := &newsroom{ready: make(chan struct{})}
	w := newWorld(t, worldOptions{changes: room, writeWait: time.Hour})
	<-room.ready
	s := w.watch("?job=quiet")
	w.stuckReader()
	eventually(t, "both are there", func() bool { return w.server.streams.count() == 2 })
	for range 100 {
		room.tell(strings.Repeat("loud", 100), 200)
	}
	w.stop()             // fails when that is not in order
	for s.lines.Scan() { // what was under way
	}
	must(t, s.lines.Err())
	eventually(t, "no stream goes on", func() bool { return w.server.streams.count() == 0 })
}
