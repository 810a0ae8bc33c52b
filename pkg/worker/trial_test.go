package worker

import (
	"context"
	"errors"
	"testing"

	"schedule-server/pkg/job"
)

// A trial is guarded as any call is, and reported to nobody.
func TestTry(t *testing.T) {
	target := answering(t, 418, "no")
	b := newBench(t)
	trial, err := b.Try(t.Context(), taskFor(target.URL))
	if err != nil || trial.Trigger != job.TriggerTest || trial.Attempt.Reason != "status_418" || trial.Response.Body != "no" {
		t.Errorf("%+v, %v", trial, err)
	}
	guarded := newBench(t, func(o *Options) { o.Allow = nil })
	if trial, err = guarded.Try(t.Context(), taskFor(target.URL)); err != nil || trial.Attempt.Reason != job.ReasonBlockedTarget || trial.Response != nil {
		t.Errorf("%+v, %v", trial, err)
	}
	if len(b.journal.events)+len(guarded.journal.events) != 0 {
		t.Error("a trial was reported")
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if _, err := b.Try(ended, taskFor(target.URL)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
