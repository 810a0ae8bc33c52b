package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/job"
)

func TestEnqueueHandsOverOnceWhateverIsRepeated(t *testing.T) {
	x := newBench(t)
	tasks := tasksOf(2500)
	tasks[0].Queue, tasks[1].Queue, tasks[2].Queue = job.QueueCritical, job.QueueLow, "no such queue"
	noError(t, x.b.Enqueue(x.ctx, tasks[:1]))
	noError(t, x.b.Enqueue(x.ctx, tasks))
	noError(t, x.b.Enqueue(x.ctx, tasks))
	noError(t, x.open("host:2").Enqueue(x.ctx, tasks))
	noError(t, x.b.Enqueue(x.ctx, nil))

	want := map[job.Queue]int{job.QueueCritical: 1, job.QueueDefault: 2498, job.QueueLow: 1}
	stats, err := x.b.Stats(x.ctx)
	noError(t, err)
	for _, s := range stats {
		if s.Pending != want[s.Queue] {
			t.Errorf("%s holds %d tasks, want %d", s.Queue, s.Pending, want[s.Queue])
		}
	}
}

func TestEnqueuedTaskCarriesEverything(t *testing.T) {
	x := newBench(t)
	until := now() + 60_000
	text := "说 <&>"
	task := taskOf("run")
	task.RetryUntil, task.Made = &until, []job.Attempt{{N: 1, StartedAt: now(), Error: &text, Reason: job.ReasonTimeout}}
	task.Policy.Retry.MaxAttempts, task.Policy.AttemptTimeout = 7, job.Duration(90*time.Second)
	task.Policy.MisfireGraceTime = job.Unlimited
	task.Request = job.Request{Method: "POST", URL: "http://例え.jp/?q=1&r=\"", Headers: map[string]string{"A": "b"}, Body: "{\"x\": 1}"}
	noError(t, x.b.Enqueue(x.ctx, []job.Task{task}))

	info, err := x.inspector.GetTaskInfo("default", "run")
	noError(t, err)
	if info.MaxRetry != 7+lostWorkers || info.Timeout != 90*time.Second+timeoutHeadroom || info.Retention != retention {
		t.Errorf("max retry %d, timeout %s, retention %s", info.MaxRetry, info.Timeout, info.Retention)
	}
	got, err := readTask(info.Type, info.Payload)
	noError(t, err)
	if diff := cmp.Diff(&task, got); diff != "" {
		t.Errorf("another task came out (-in +out):\n%s", diff)
	}
}

func TestWithoutRedisEveryCallSaysSo(t *testing.T) {
	x := newBench(t)
	x.server.kill()
	tasks := tasksOf(300)
	calls := map[string]func() error{
		"Ping":      func() error { return x.b.Ping(x.ctx) },
		"Enqueue 1": func() error { return x.b.Enqueue(x.ctx, tasks[:1]) },
		"Enqueue":   func() error { return x.b.Enqueue(x.ctx, tasks) },
		"Find":      func() error { _, err := x.b.Find(x.ctx, openOf(tasks), false); return err },
		"Redeliver": func() error { _, err := x.b.Redeliver(x.ctx, tasks[:1], []string{""}); return err },
		"Discard":   func() error { _, err := x.b.Discard(x.ctx, tasks[:1], []string{""}); return err },
		"InHand":    func() error { _, err := x.b.InHand(x.ctx, []string{"r"}); return err },
		"Cancel":    func() error { return x.b.Cancel(x.ctx, []job.Run{{ID: "r"}}) },
		"Wake":      func() error { return x.b.Wake(x.ctx) },
		"Report":    func() error { _, err := x.b.Report(x.ctx, &job.Event{RunID: "r", State: job.StateRunning}); return err },
		"Report end": func() error {
			_, err := x.b.Report(x.ctx, &job.Event{RunID: "r", State: job.StateFailed})
			return err
		},
		"Settle":    func() error { return x.b.Settle(x.ctx) },
		"BeatAlive": func() error { return x.b.BeatAlive(x.ctx) },
		"Alive":     func() error { _, _, err := x.b.Alive(x.ctx); return err },
		"Stats":     func() error { _, err := x.b.Stats(x.ctx); return err },
	}
	for name, call := range calls {
		if err := call(); job.CodeOf(err) != job.CodeUnavailable {
			t.Errorf("%s: %v, want unavailable", name, err)
		}
	}
	x.server.start()
	for name, call := range calls {
		if name == "Settle" {
			continue // the reports above wait for a recorder
		}
		if err := call(); err != nil {
			t.Errorf("%s when redis is back: %v", name, err)
		}
	}
}

func TestEnqueueEndsWithItsContext(t *testing.T) {
	x := newBench(t)
	ctx, cancel := context.WithCancel(x.ctx)
	cancel()
	if err := x.b.Enqueue(ctx, tasksOf(1000)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
}

func TestOurKeysOfAsynqAreItsOwn(t *testing.T) {
	x := newBench(t)
	noError(t, x.b.Enqueue(x.ctx, tasksOf(4)))
	noError(t, x.inspector.ArchiveTask("default", "run-00001"))
	noError(t, x.inspector.PauseQueue("default"))
	info, err := x.inspector.GetQueueInfo("default")
	noError(t, err)
	stats, err := x.b.Stats(x.ctx)
	noError(t, err)
	got := stats[1]
	want := job.QueueStat{Queue: job.QueueDefault, Pending: info.Pending, Active: info.Active, Scheduled: info.Scheduled,
		Retry: info.Retry, Archived: info.Archived, Completed: info.Completed, Paused: info.Paused, LatencyMS: got.LatencyMS}
	if diff := cmp.Diff(want, got); diff != "" || got.Pending != 3 || got.Archived != 1 || !got.Paused {
		t.Errorf("%+v (-asynq +ours):\n%s", got, diff)
	}

	// A flush takes asynq's list of queues with it, which a process writes only once.
	noError(t, x.b.client.FlushAll(x.ctx).Err())
	noError(t, x.b.BeatAlive(x.ctx))
	names, err := x.inspector.Queues()
	noError(t, err)
	if len(names) != 4 {
		t.Errorf("the monitor sees the queues %v after a flush, want %d", names, 4)
	}
}
