package queue

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

func get(t *testing.T, h http.Handler, method, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	noError(t, err)
	return string(data)
}

func TestMonitorReachesNoOtherHostAndStillRuns(t *testing.T) {
	x := newBench(t)
	h := x.b.Monitor("/a/monitoring", true)
	for _, path := range []string{"/a/monitoring", "/a/monitoring/", "/a/monitoring/queues/default"} {
		r := get(t, h, "GET", path)
		page := body(t, r)
		policy := r.Header.Get("Content-Security-Policy")
		if r.StatusCode != 200 || !strings.Contains(page, `<div id="root">`) {
			t.Fatalf("%s: %d\n%s", path, r.StatusCode, page)
		}
		if strings.Contains(policy, "http") || strings.Contains(policy, "*") || !strings.Contains(policy, "default-src 'self'") {
			t.Errorf("the policy lets other hosts in: %s", policy)
		}
		scripts := strings.Split(page, "<script>")[1:]
		if len(scripts) != 2 {
			t.Errorf("%s has %d inline scripts, want 2", path, len(scripts))
		}
		for _, part := range scripts {
			script, _, _ := strings.Cut(part, "</script>")
			sum := sha256.Sum256([]byte(script))
			if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
				t.Errorf("%s: an inline script is not allowed: %.60s", path, script)
			}
		}
		for _, part := range strings.Split(page, `<script src="`)[1:] {
			src, _, _ := strings.Cut(part, `"`)
			if s := get(t, h, "GET", src); s.StatusCode != 200 || !strings.HasPrefix(s.Header.Get("Content-Type"), "application/javascript") {
				t.Errorf("%s: %d %s", src, s.StatusCode, s.Header.Get("Content-Type"))
			}
		}
	}
}

func TestMonitorShowsTasksWithoutCredentials(t *testing.T) {
	x := newBench(t)
	task := taskOf("run")
	task.Request.URL = "http://user:hunter2@example.com/a?b=c"
	task.Request.Headers = map[string]string{"Authorization": "Bearer hunter2", "cookie": "hunter2",
		"X-Api-Key": "hunter2", "X-Auth-Token": "hunter2", "X-Plain": "shown <&> 说"}
	noError(t, x.b.Enqueue(x.ctx, []job.Task{task}))
	h := x.b.Monitor("/monitoring", true)
	r := get(t, h, "GET", "/monitoring/api/queues/default/pending_tasks")
	text := body(t, r)
	var list struct {
		Tasks []struct{ Payload string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Tasks) != 1 {
		t.Fatalf("%d %v: %s", r.StatusCode, err, text)
	}
	shown := list.Tasks[0].Payload
	if strings.Contains(text, "hunter2") || !strings.Contains(shown, "shown <&> 说") || strings.Count(shown, job.Redacted) != 4 {
		t.Errorf("it shows: %s", shown)
	}
	var payload map[string]any
	noError(t, json.Unmarshal([]byte(shown), &payload))
	if payload["run_id"] != "run" {
		t.Errorf("the JSON is another: %s", shown)
	}
	for _, payload := range []string{"", "\x00", "hunter2", inCBOR(t, map[string]any{"v": 3, "url": "hunter2"}), inCBOR(t, []string{"hunter2"})} {
		if shown := showPayload(taskDeliver, []byte(payload)); shown == "" || strings.Contains(shown, "hunter2") {
			t.Errorf("%q is shown as %q", payload, shown)
		}
	}
}

func TestMonitorsButtonsNeedTheRightToWrite(t *testing.T) {
	x := newBench(t)
	x.enqueue("run")
	const pause = "/monitoring/api/queues/default:pause"
	if r := get(t, x.b.Monitor("/monitoring", true), "POST", pause); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("read-only: %d", r.StatusCode)
	}
	if r := get(t, x.b.Monitor("/monitoring", false), "POST", pause); r.StatusCode >= 300 {
		t.Errorf("writable: %d", r.StatusCode)
	}
	stats, err := x.b.Stats(x.ctx)
	noError(t, err)
	if !stats[1].Paused {
		t.Error("the queue is not paused")
	}
}
