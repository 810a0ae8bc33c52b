package api

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

func (w *world) run(path, body string) job.Run {
	w.t.Helper()
	var run job.Run
	w.call("POST", path, body).is(202).into(&run)
	return run
}

func (w *world) pending() int {
	w.t.Helper()
	stats, err := w.broker.Stats(w.t.Context())
	must(w.t, err)
	n := 0
	for _, s := range stats {
		n += s.Pending
	}
	return n
}

func TestRunByHand(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	run := w.run("/api/v1/jobs/a/run", "")
	if run.Trigger != job.TriggerManual || run.State != job.StateQueued || run.ScheduledAt != begin || *run.QueuedAt != begin || run.Request.URL != "https://example.com/a" {
		t.Errorf("%+v", run)
	}
	if n := w.pending(); n != 1 {
		t.Errorf("%d tasks in the queues", n)
	}
	p := w.call("POST", "/api/v1/jobs/a/run", "{}").problem(409, "conflict")
	if !strings.Contains(p.Detail, "force") {
		t.Errorf("detail: %s", p.Detail)
	}
	w.run("/api/v1/jobs/a/run", `{"force":true}`)
	w.call("PATCH", "/api/v1/jobs/a", `{"policy":{"concurrency_policy":"allow"}}`).is(200)
	w.run("/api/v1/jobs/a/run", `{"force":null}`)
	w.call("POST", "/api/v1/jobs/a/pause", "").is(200)
	w.run("/api/v1/jobs/a/run", "")
	if n := w.pending(); n != 4 {
		t.Errorf("%d tasks in the queues", n)
	}

	w.call("POST", "/api/v1/jobs", dateJob("d", begin+1000)).is(201)
	w.call("POST", "/api/v1/jobs/d/pause", "").is(200)
	w.pass(time.Minute)
	if j := w.call("POST", "/api/v1/jobs/d/resume", "").is(200).job(); j.Status != job.StatusCompleted {
		t.Fatalf("%+v", j)
	}
	w.run("/api/v1/jobs/d/run", "")

	var list runList
	w.call("GET", "/api/v1/runs?limit=2", "").is(200).into(&list)
	if len(list.Runs) != 2 || list.Runs[0].JobID != "d" || list.NextCursor == nil {
		t.Fatalf("%+v", list)
	}
	w.call("GET", "/api/v1/runs?limit=500&state=queued&trigger=manual&cursor="+*list.NextCursor, "").is(200).into(&list)
	if len(list.Runs) != 3 || list.NextCursor != nil {
		t.Errorf("%+v", list)
	}
	w.call("GET", "/api/v1/jobs/a/runs?since="+begin.String()+"&until="+begin.String(), "").is(200).into(&list)
	if len(list.Runs) != 4 {
		t.Errorf("%+v", list)
	}
	w.call("GET", "/api/v1/jobs/a/runs?trigger=schedule", "").is(200).into(&list)
	if len(list.Runs) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	run := w.run("/api/v1/jobs/a/run", "")
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	w.call("DELETE", "/api/v1/jobs/a", "").problem(404, "not_found")
	var kept job.Run
	w.call("GET", "/api/v1/runs/"+run.ID, "").is(200).into(&kept)
	if kept.State != job.StateCanceled || kept.Reason != job.ReasonJobDeleted || kept.FinishedAt == nil || kept.Request == nil {
		t.Errorf("%+v", kept)
	}
	if n := w.pending(); n != 0 {
		t.Errorf("%d tasks are left", n)
	}
	if j := w.call("POST", "/api/v1/jobs", cronJob).is(201).job(); j.Version < 2 {
		t.Errorf("version %d of a job made again", j.Version)
	}
}

// TestRedisAway stops Redis: definitions change as ever, and what could not be told is in the database.
func TestRedisAway(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	first := w.run("/api/v1/jobs/a/run", "")
	w.redis.Close()
	w.call("PUT", "/api/v1/jobs/a", cronJob).is(200)
	w.call("POST", "/api/v1/jobs/a/pause", "").is(200)
	second := w.run("/api/v1/jobs/a/run", `{"force":true}`)
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	for _, run := range []job.Run{first, second} {
		if err := w.service.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		kept, err := w.store.GetRun(t.Context(), run.ID)
		must(t, err)
		if kept.State != job.StateQueued {
			t.Errorf("%+v", kept)
		}
	}
	left, err := w.store.CancelPending(t.Context(), 10)
	must(t, err)
	if len(left) != 2 {
		t.Errorf("%d runs are left for the reconciler to cancel, want 2", len(left))
	}
	var r readiness
	w.call("GET", "/readyz", "").is(503).into(&r)
	if r.Checks["database"] != "ok" || r.Checks["redis"] == "ok" || r.Checks["beat"] == "ok" || r.Checks["worker"] == "ok" {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"beat not woken", "runs not enqueued yet", "runs not canceled yet"} {
		if !strings.Contains(w.logs.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

// TestWakes sees every kind of change reach beat.
func TestWakes(t *testing.T) {
	var calls atomic.Int32
	w := newWorld(t, worldOptions{queue: func(q service.Queue) service.Queue { return counting{q, &calls} }})
	for _, c := range [][3]string{
		{"POST", "/api/v1/jobs", intervalJob}, {"PUT", "/api/v1/jobs/i", intervalJob}, {"PATCH", "/api/v1/jobs/i", "{}"},
		{"POST", "/api/v1/jobs/i/pause", ""}, {"POST", "/api/v1/jobs/i/resume", ""}, {"DELETE", "/api/v1/jobs/i", ""},
	} {
		before := calls.Load()
		if a := w.call(c[0], c[1], c[2]); a.status >= 300 {
			t.Fatalf("%s %s: %s", c[0], c[1], a.body)
		}
		eventually(t, c[0]+" "+c[1]+" wakes beat", func() bool { return calls.Load() > before })
	}
}

type counting struct {
	service.Queue
	calls *atomic.Int32
}

func (c counting) Wake(ctx context.Context) error {
	c.calls.Add(1)
	return c.Queue.Wake(ctx)
}

// TestDeleteOfStartedRun deletes a job whose run has started, while that is told by the result stream only: a call
// that is being made is not accounted as canceled.
func TestDeleteOfStartedRun(t *testing.T) {
	t.Parallel()
	settling := make(chan struct{})
	w := newWorld(t, worldOptions{queue: func(q service.Queue) service.Queue { return telling{q, settling} }})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	run := w.run("/api/v1/jobs/a/run", "")
	if canceled, err := w.broker.Report(t.Context(), &job.Event{RunID: run.ID, At: begin, State: job.StateRunning, N: 1}); err != nil || canceled {
		t.Fatal(canceled, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	recorded := make(chan error, 1)
	go func() {
		recorded <- w.broker.Results(ctx, "test", func(ctx context.Context, events []job.Event) error {
			select {
			case <-settling:
			case <-ctx.Done():
				return ctx.Err()
			}
			_, err := w.store.Record(ctx, events)
			return err
		})
	}()
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	var kept job.Run
	w.call("GET", "/api/v1/runs/"+run.ID, "").is(200).into(&kept)
	if kept.State != job.StateRunning {
		t.Errorf("the run is %s", kept.State)
	}
	if canceled, err := w.broker.Report(t.Context(), &job.Event{RunID: run.ID, At: begin, State: job.StateRunning, N: 2}); err != nil || !canceled {
		t.Errorf("a further attempt may begin: %v %v", canceled, err)
	}
	stop()
	if err := <-recorded; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// telling says when the wait for the results begins.
type telling struct {
	service.Queue
	settling chan struct{}
}

func (q telling) Settle(ctx context.Context) error {
	close(q.settling)
	return q.Queue.Settle(ctx)
}
