package job_test

import (
	"errors"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// faultsOf lists the fields that an error names, each with its code.
func faultsOf(err error) string {
	var e *job.Error
	if !errors.As(err, &e) {
		return ""
	}
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Code
	}
	return strings.Join(parts, ", ")
}

// jobWith is a job with members of its request.
func jobWith(request string) string {
	return `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://a.test/",` + request + `}}`
}

func TestHeaderTwinsAreRefused(t *testing.T) {
	_, err := decode(jobWith(`"headers":{"authorization":"Bearer OLD","Authorization":"Bearer NEW","AUTHORIZATION":"x","X-A":"1","x_a":"1"}`))
	want := "request.headers.Authorization duplicate, request.headers.authorization duplicate"
	if got := faultsOf(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err == nil || !strings.Contains(err.Error(), "authorization and AUTHORIZATION are the same header") {
		t.Errorf("the message names both: %v", err)
	}
	if _, err := job.DecodeTrial([]byte(`{"request":{"url":"http://a.test/","headers":{"A":"1","a":"2"}}}`), now); faultsOf(err) != "request.headers.a duplicate" {
		t.Errorf("a trial: %v", err)
	}
}

func TestReservedHeaders(t *testing.T) {
	for name, want := range map[string]bool{
		"Idempotency-Key": true, "idempotency_key": true, "X-Schedule-Run-Id": true, "X_Schedule_Run_Id": true, "x-SCHEDULE_anything": true,
		"Webhook_Signature": true, "Content_Length": true, "Transfer-encoding": true, "Proxy-Authorization": true,
		"X-Scheduled": false, "X-Schedule": false, "Webhook-Id-2": false, "Content-Type": false, "Content_Type": false, "Host": false, "": false,
	} {
		if got := job.ReservedHeader(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	_, err := decode(jobWith(`"headers":{"X_Schedule_Run_Id":"x"}`))
	if got := faultsOf(err); got != "request.headers.X_Schedule_Run_Id invalid" {
		t.Error(got)
	}
}

// Older jobs may hold names that differ only in case: one of them counts, always the same one.
func TestHeaderOfTwins(t *testing.T) {
	r := job.Request{Headers: map[string]string{"content-type": "c", "Content-Type": "b", "CONTENT-TYPE": "a"}}
	for range 20 {
		if got := r.Header("content-Type"); got != "a" {
			t.Fatalf("got %q", got)
		}
	}
	if r.Sends("Content-Type") || !r.Sends("CONTENT-TYPE") || r.Sends("x_schedule_time") || r.Header("Accept") != "" {
		t.Error("the first in byte order is sent, and nothing that the service sets itself")
	}
}
