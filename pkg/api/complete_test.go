package api

import (
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func TestCompleteRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	tokens := w.tokens
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	parked := func() (job.Run, string) {
		run := w.run("/api/v1/jobs/a/run", `{"force":true}`)
		until := begin.Add(time.Hour)
		_, err := w.store.Record(t.Context(), []job.Event{{RunID: run.ID, At: begin + 5, State: job.StateRunning, N: 1,
			Attempt: &job.Attempt{N: 1, StartedAt: begin, Reason: job.ReasonOK, WaitUntil: &until}}})
		must(t, err)
		return run, "/api/v1/runs/" + run.ID + "/complete?token=" + tokens.Token(run.ID, 1)
	}
	first, path := parked()
	if got := w.getRun(first.ID); got.State != job.StateRunning || got.Attempts[0].WaitUntil == nil {
		t.Fatalf("%+v", got)
	}
	w.call("POST", path, `{"state":"running"}`).problem(422, "invalid", "state")
	w.call("POST", path, `{"message":"`+strings.Repeat("x", 1001)+`"}`).problem(422, "invalid", "message")
	w.call("POST", path[:len(path)-1], "").problem(403, "forbidden")
	w.call("POST", strings.Split(path, "?")[0], "").problem(403, "forbidden")
	w.call("POST", "/api/v1/runs/other/complete?"+strings.Split(path, "?")[1], "").problem(403, "forbidden")
	w.call("POST", "/api/v1/runs/none/complete?token="+tokens.Token("none", 1), "").problem(404, "not_found")
	w.pass(time.Minute)
	var got job.Run
	w.call("POST", path, `{"state":"failed","message":"3 of 200"}`).is(200).into(&got)
	if got.State != job.StateFailed || got.Reason != job.ReasonCompletionFailed || *got.Message != "3 of 200" || *got.FinishedAt != begin.Add(time.Minute) {
		t.Errorf("%+v", got)
	}
	w.call("POST", path, "").problem(409, "conflict")
	if n := w.ended.Load(); n != 1 {
		t.Errorf("the log was told of %d runs", n)
	}
	if strings.Contains(w.logs.String(), tokens.Token(first.ID, 1)) {
		t.Error("a token is in the log")
	}

	second, path := parked()
	path = strings.Replace(path, tokens.Token(second.ID, 1), tokens.Token(second.ID, 2), 1) // of another attempt
	got = job.Run{}
	w.call("POST", path, "").is(200).into(&got)
	if got.State != job.StateSucceeded || got.Reason != job.ReasonOK || got.Message != nil {
		t.Errorf("%+v", got)
	}

	third, path := parked()
	w.call("POST", "/api/v1/runs/"+third.ID+"/cancel", "").is(200).into(&got)
	if got.State != job.StateCanceled || got.Reason != job.ReasonByHand {
		t.Errorf("%+v", got)
	}
	w.call("POST", path, "").problem(409, "conflict")
}

func TestCompleteRunWithoutAKey(t *testing.T) {
	w := newWorld(t, worldOptions{noKey: true})
	w.call("POST", "/api/v1/runs/r/complete?token=1.x", "").problem(503, "unavailable")
}
