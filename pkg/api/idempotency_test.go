package api

import (
	"testing"
	"time"
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
