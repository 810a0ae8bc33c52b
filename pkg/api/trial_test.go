package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// tester is a worker's part of a trial.
type tester func(task *job.Task) *job.Trial

func (f tester) Try(_ context.Context, task *job.Task) (*job.Trial, error) { return f(task), nil }

// try runs a worker that answers trials, and tells what it was given.
func (w *world) try() (given func() *job.Task) {
	var got *job.Task
	w.background(func(ctx context.Context) error {
		return w.broker.Trials(ctx, tester(func(task *job.Task) *job.Trial {
			got = task
			code := 201
			return &job.Trial{Trigger: job.TriggerTest, Attempt: job.Attempt{N: 1, StartedAt: begin, Reason: job.ReasonOK, StatusCode: &code},
				Response: &job.Response{StatusCode: code, Headers: map[string]string{}, Body: "made", BodyEncoding: "text"}}
		}))
	})
	return func() *job.Task { return got }
}

func TestTryARequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	given := w.try()
	w.call("PUT", "/api/v1/secrets/TOKEN", `{"value":"very secret"}`).is(201)
	var trial job.Trial
	w.call("POST", "/api/v1/jobs/test", `{"request":{"url":"https://example.com/x","headers":{"X-A":"{{secret.TOKEN}}"}},
		"policy":{"attempt_timeout":"10m"}}`).is(200).into(&trial)
	if trial.Trigger != job.TriggerTest || *trial.Attempt.StatusCode != 201 || trial.Response.Body != "made" {
		t.Errorf("%+v", trial)
	}
	task := given()
	if task.Request.Method != "GET" || task.Policy.AttemptTimeout != job.Duration(20*time.Second) || task.Sealed["secret.TOKEN"] == "" ||
		strings.Contains(task.Sealed["secret.TOKEN"], "very") {
		t.Errorf("%+v", task)
	}
	w.call("POST", "/api/v1/jobs/test", `{"request":{"url":"https://example.com/{{secret.NONE}}"}}`).problem(422, "invalid", "request.url")
	w.call("POST", "/api/v1/jobs/test", `{"request":{"url":""},"policy":{"attempt_timeout":"0s"}}`).
		problem(422, "invalid", "request.url", "policy.attempt_timeout")
	w.call("POST", "/api/v1/jobs/test", `{}`).problem(422, "invalid", "request.url")
	var list runList
	w.call("GET", "/api/v1/runs", "").is(200).into(&list)
	if len(list.Runs) != 0 || w.pending() != 0 {
		t.Errorf("%d runs, %d tasks", len(list.Runs), w.pending())
	}
}

func TestTryWithoutAWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	p := w.call("POST", "/api/v1/jobs/test", `{"request":{"url":"https://example.com/x"}}`).problem(503, "unavailable")
	if !strings.Contains(p.Detail, "no worker") {
		t.Errorf("detail: %s", p.Detail)
	}
}
