package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t, worldOptions{})
	unnamed := `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"https://example.com/"}}`
	key := []string{"Idempotency-Key", "k-1"}
	first := w.call("POST", "/api/v1/jobs", unnamed, key...).is(201)
	again := w.call("POST", "/api/v1/jobs", unnamed, key...).is(201)
	if again.body != first.body || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("ETag") != `"1"` {
		t.Errorf("again: %s", again.body)
	}
	if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" || w.total() != 1 {
		t.Errorf("replayed %q, %d jobs", again.header.Get("Idempotency-Replayed"), w.total())
	}
	w.call("POST", "/api/v1/jobs", intervalJob, key...).problem(422, "invalid", "Idempotency-Key")
	w.call("POST", "/api/v1/jobs/bulk", `{"action":"run","filter":{}}`, key...).problem(422, "invalid", "Idempotency-Key")
	w.call("POST", "/api/v1/jobs", unnamed, "Idempotency-Key", "a b").problem(422, "invalid", "Idempotency-Key")

	// A refusal is an answer too.
	refused := w.call("POST", "/api/v1/jobs", `{}`, "Idempotency-Key", "k-2").is(422)
	if got := w.call("POST", "/api/v1/jobs", `{}`, "Idempotency-Key", "k-2").is(422); got.header.Get("Idempotency-Replayed") != "true" || got.header.Get("Content-Type") != refused.header.Get("Content-Type") {
		t.Errorf("again: %+v", got)
	}
	w.pass(24*time.Hour + time.Second)
	w.call("POST", "/api/v1/jobs", unnamed, key...).is(201)
	if w.total() != 2 {
		t.Errorf("after a day the key is free, and there are %d jobs", w.total())
	}
}

// TestIdempotencyKeyAtOnce sends a call again while the first is under way: one is made, and the others are told to wait.
func TestIdempotencyKeyAtOnce(t *testing.T) {
	slow := &slowCreate{entered: make(chan struct{}), release: make(chan struct{})}
	w := newWorld(t, worldOptions{jobs: func(s service.Store) service.Store { slow.Store = s; return slow }})
	unnamed := `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"https://example.com/"}}`
	first := make(chan string, 1)
	go func() {
		request, err := http.NewRequest("POST", w.url+"/api/v1/jobs", strings.NewReader(unnamed))
		if err != nil {
			first <- err.Error()
			return
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", "k")
		response, err := w.client.Do(request)
		if err != nil {
			first <- err.Error()
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		first <- fmt.Sprint(response.StatusCode, string(body), err)
	}()
	<-slow.entered
	w.call("POST", "/api/v1/jobs", unnamed, "Idempotency-Key", "k").problem(409, "conflict")
	w.call("POST", "/api/v1/jobs", intervalJob, "Idempotency-Key", "k").problem(422, "invalid", "Idempotency-Key")
	close(slow.release)
	made := <-first
	again := w.call("POST", "/api/v1/jobs", unnamed, "Idempotency-Key", "k").is(201)
	if again.header.Get("Idempotency-Replayed") != "true" || made != fmt.Sprint(201, again.body, nil) || w.total() != 1 {
		t.Errorf("the first answer was %s, then %s; %d jobs", made, again.body, w.total())
	}
}

// slowCreate holds the first job back.
type slowCreate struct {
	service.Store
	entered, release chan struct{}
}

func (s *slowCreate) CreateJob(ctx context.Context, j *job.Job) error {
	close(s.entered)
	<-s.release
	return s.Store.CreateJob(ctx, j)
}
