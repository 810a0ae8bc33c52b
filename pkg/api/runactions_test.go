package api

import (
	"context"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
)

// getRun reads a run.
func (w *world) getRun(id string) job.Run {
	w.t.Helper()
	var run job.Run
	w.call("GET", "/api/v1/runs/"+id, "").is(200).into(&run)
	return run
}

// background runs a part of the service until the test ends.
func (w *world) background(part func(context.Context) error) {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Errorf("a part ended with: %v", err)
		}
	})
}

// record runs a recorder's part.
func (w *world) record() {
	w.background(func(ctx context.Context) error {
		return w.broker.Results(ctx, "test", func(ctx context.Context, events []job.Event) error {
			_, err := w.store.Record(ctx, events)
			return err
		})
	})
}

// deliverer is a worker of a function.
type deliverer func(ctx context.Context, task *job.Task) (job.Outcome, error)

func (d deliverer) Deliver(ctx context.Context, task *job.Task) (job.Outcome, error) {
	return d(ctx, task)
}

func TestCancelQueuedRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	run := w.run("/api/v1/jobs/a/run", "")
	var got job.Run
	w.call("POST", "/api/v1/runs/"+run.ID+"/cancel", "{}").is(200).into(&got)
	if got.State != job.StateCanceled || got.Reason != job.ReasonByHand || got.FinishedAt == nil || got.Request == nil {
		t.Errorf("%+v", got)
	}
	if n := w.pending(); n != 0 {
		t.Errorf("%d tasks are left", n)
	}
	w.call("POST", "/api/v1/runs/"+run.ID+"/cancel", "").problem(409, "conflict")
	w.call("POST", "/api/v1/runs/none/cancel", "").problem(404, "not_found")
	w.call("POST", "/api/v1/runs/none/cancel", `{"force":true}`).problem(422, "invalid", "force")
}

// A run that waits for the canceled one is delivered.
func TestCancelFreesTheNextRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	w.call("PATCH", "/api/v1/jobs/a", `{"policy":{"concurrency_policy":"queue"}}`).is(200)
	first, second := w.run("/api/v1/jobs/a/run", ""), w.run("/api/v1/jobs/a/run", "")
	if second.State != job.StateWaiting {
		t.Fatalf("%+v", second)
	}
	w.call("POST", "/api/v1/runs/"+first.ID+"/cancel", "").is(200)
	if got := w.getRun(second.ID); got.State != job.StateQueued || w.pending() != 1 {
		t.Errorf("%+v, %d tasks", got, w.pending())
	}
	third := w.run("/api/v1/jobs/a/run", "")
	w.call("POST", "/api/v1/runs/"+third.ID+"/cancel", "").is(200)
	if got := w.getRun(third.ID); got.State != job.StateCanceled {
		t.Errorf("%+v", got)
	}
}

// A call under way is cut off by its worker; the run says that it was by hand.
func TestCancelRunningRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.record()
	called := make(chan struct{})
	w.background(w.broker.NewWorkers(deliverer(func(ctx context.Context, task *job.Task) (job.Outcome, error) {
		if _, err := w.broker.Report(ctx, &job.Event{RunID: task.RunID, At: begin, State: job.StateRunning, N: 1}); err != nil {
			return job.Outcome{}, err
		}
		close(called)
		<-ctx.Done()
		_, err := w.broker.Report(context.WithoutCancel(ctx), &job.Event{RunID: task.RunID, At: begin + 5, State: job.StateCanceled,
			Reason: job.ReasonCanceled, N: 1, Attempt: &job.Attempt{N: 1, StartedAt: begin, Reason: job.ReasonCanceled}})
		return job.Outcome{}, err
	}), queue.WorkerOptions{Concurrency: 2}).Run)
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	run := w.run("/api/v1/jobs/a/run", "")
	<-called
	eventually(t, "the start is recorded", func() bool { return w.getRun(run.ID).State == job.StateRunning })
	a := w.call("POST", "/api/v1/runs/"+run.ID+"/cancel", "")
	if a.status != 200 && a.status != 202 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	eventually(t, "the run is canceled", func() bool { return w.getRun(run.ID).State.Final() })
	if got := w.getRun(run.ID); got.State != job.StateCanceled || got.Reason != job.ReasonByHand || len(got.Attempts) != 1 {
		t.Errorf("%+v", got)
	}
}

// What cannot be told to the queue stands in the database, for the reconciler.
func TestCancelWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	run := w.run("/api/v1/jobs/a/run", "")
	w.redis.Close()
	var got job.Run
	w.call("POST", "/api/v1/runs/"+run.ID+"/cancel", "").is(202).into(&got)
	left, err := w.store.CancelPending(t.Context(), 10)
	must(t, err)
	if got.State != job.StateQueued || len(left) != 1 || left[0].Reason != job.ReasonByHand {
		t.Errorf("%+v, %+v", got, left)
	}
	must(t, w.service.Wait(t.Context()))
}

func TestRetryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	old := w.run("/api/v1/jobs/a/run", "")
	w.call("POST", "/api/v1/runs/"+old.ID+"/retry", "").problem(409, "conflict")
	w.call("POST", "/api/v1/runs/"+old.ID+"/cancel", "").is(200)
	w.pass(time.Hour)
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"url":"https://example.com/repaired"}}`).is(200)

	a := w.call("POST", "/api/v1/runs/"+old.ID+"/retry", "{}").is(202)
	var run job.Run
	a.into(&run)
	if run.ID == old.ID || run.State != job.StateQueued || run.Trigger != job.TriggerManual || run.ScheduledAt != old.ScheduledAt ||
		*run.QueuedAt != begin.Add(time.Hour) || run.Request.URL != "https://example.com/repaired" {
		t.Errorf("%+v", run)
	}
	if got := a.header.Get("Location"); got != "/api/v1/runs/"+run.ID {
		t.Errorf("Location %q", got)
	}
	if got := w.getRun(run.ID); got.Request.URL != "https://example.com/repaired" {
		t.Errorf("kept: %+v", got.Request)
	}
	w.call("POST", "/api/v1/runs/"+old.ID+"/retry", "").problem(409, "conflict")
	w.call("POST", "/api/v1/runs/"+old.ID+"/retry", `{"force":true}`).is(202)
	w.call("POST", "/api/v1/runs/none/retry", "").problem(404, "not_found")
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	w.call("POST", "/api/v1/runs/"+old.ID+"/retry", "").problem(404, "not_found")
}
