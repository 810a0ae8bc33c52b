package main

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/worker"
)

// lastEvent is a Reporter that keeps the latest event.
type lastEvent struct{ job.Event }

func (l *lastEvent) Report(_ context.Context, e *job.Event) (bool, error) {
	l.Event = *e
	return false, nil
}

// A real worker calls the example, which takes what is signed, once.
func TestReceiver(t *testing.T) {
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	worked, busy := 0, true
	s, err := newReceiver(secret, func([]byte) error {
		worked++
		if busy {
			return errors.New("busy")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	target := httptest.NewServer(s)
	defer target.Close()
	told := &lastEvent{}
	w, err := worker.New(told, worker.Options{
		Now: func() job.Instant { return job.Instant(time.Now().UnixMilli()) }, Allow: []string{"loopback"}, WebhookSecret: secret,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	call := func(want job.Reason) {
		t.Helper()
		task := &job.Task{RunID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", JobID: "a", Policy: job.DefaultPolicy(),
			Request: job.Request{Method: "POST", URL: target.URL, Body: `{"a":1}`}}
		if _, err := w.Deliver(t.Context(), task); err != nil || told.Attempt == nil || told.Attempt.Reason != want {
			t.Errorf("%+v, %v; want %s", told.Attempt, err, want)
		}
	}
	call("status_503")
	busy = false
	call(job.ReasonOK)
	call(job.ReasonOK)
	if worked != 2 {
		t.Errorf("worked %d times: once too busy, once done", worked)
	}
	resp, err := http.Post(target.URL, "application/json", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || worked != 2 {
		t.Errorf("an unsigned call is answered %d", resp.StatusCode)
	}
}
