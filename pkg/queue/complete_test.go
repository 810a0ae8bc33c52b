package queue

import (
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// A task that has ended is remembered, so that its run is not enqueued again, and its payload is not.
func TestPayloadsOfEndedTasksAreNotKept(t *testing.T) {
	x := newBench(t)
	task := taskOf("run")
	body300 := strings.Repeat("x", 300_000)
	task.Request.Body = job.Body(body300)
	noError(t, x.b.Enqueue(x.ctx, []job.Task{task}))
	if n := x.b.client.HStrLen(x.ctx, x.b.asynqTask("default", "run"), "msg").Val(); n < 300_000 {
		t.Fatalf("the message has %d bytes before", n)
	}
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	if got := c.all(); len(got) != 1 || string(got[0].Request.Body) != body300 {
		t.Fatal("the body was not delivered")
	}
	if n := x.b.client.HStrLen(x.ctx, x.b.asynqTask("default", "run"), "msg").Val(); n > 200 {
		t.Errorf("the message has %d bytes afterwards", n)
	}
	info, err := x.inspector.GetTaskInfo("default", "run")
	noError(t, err)
	if info.Type != taskDeliver || info.Retention != retention || info.CompletedAt.IsZero() || len(info.Payload) != 0 {
		t.Errorf("asynq reads it as %+v", info)
	}
	noError(t, x.b.Enqueue(x.ctx, []job.Task{task}))
	if x.state("run") != "completed" {
		t.Error("it was enqueued again")
	}
	h := x.b.Monitor("/monitoring", true)
	for _, path := range []string{"/queues/default/completed_tasks", "/queues/default/tasks/run"} {
		if r := get(t, h, "GET", "/monitoring/api"+path); r.StatusCode != 200 {
			t.Errorf("%s: %d", path, r.StatusCode)
		} else if text := body(t, r); !strings.Contains(text, "not kept") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestWithoutPayloadLeavesWhatItCannotRead(t *testing.T) {
	for _, message := range []any{"a text", []byte("\xff"), []byte("\x12\x7fshort"), 7} {
		if got := withoutPayload(message); len(toText(got)) != len(toText(message)) {
			t.Errorf("%q became %q", message, got)
		}
	}
}

func toText(value any) string {
	switch value := value.(type) {
	case []byte:
		return string(value)
	case string:
		return value
	}
	return ""
}
