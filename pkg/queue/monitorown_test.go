package queue

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"schedule-server/pkg/job"
)

// Asynq keeps all queues and servers of one Redis under shared keys: what is not ours is neither shown nor touched.
func TestTheMonitorLeavesOthersAlone(t *testing.T) {
	x := newBench(t)
	foreign := asynq.NewServerFromRedisClient(x.b.client, asynq.Config{Concurrency: 1, LogLevel: asynq.FatalLevel,
		Queues: map[string]int{"mail": 1, "default": 1}})
	block := make(chan struct{})
	noError(t, foreign.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { <-block; return nil })))
	t.Cleanup(func() { close(block); foreign.Shutdown() })
	client := asynq.NewClientFromRedisClient(x.b.client)
	for range 2 {
		_, err := client.Enqueue(asynq.NewTask("mail:send", []byte("confidential")), asynq.Queue("mail"))
		noError(t, err)
	}
	staging := openPrefixed(t, x.server.url(), "staging", "host:2", x.log)
	noError(t, staging.BeatAlive(x.ctx))
	noError(t, staging.Enqueue(x.ctx, []job.Task{taskOf("of staging")}))
	eventually(t, "the other server is listed", func() bool {
		servers, err := x.inspector.Servers()
		return err == nil && len(servers) == 1 && len(servers[0].ActiveWorkers) == 1
	})
	if _, workers, err := x.b.Alive(x.ctx); err != nil || workers != 0 {
		t.Errorf("%d workers are alive, %v", workers, err)
	}

	noError(t, x.b.BeatAlive(x.ctx))
	x.work(x.b, &calls{answer: done})
	eventually(t, "our worker is listed", func() bool { _, workers, err := x.b.Alive(x.ctx); return err == nil && workers == 1 })
	h := x.b.Monitor("/monitoring", false)
	for path, want := range map[string]string{
		"/queues": "critical default low notify", "/queue_stats": "critical default low notify", "/servers": "1", "/scheduler_entries": "0",
	} {
		text := body(t, get(t, h, "GET", "/monitoring/api"+path))
		if got := listed(t, text); got != want || strings.Contains(text, "mail") || strings.Contains(text, "staging") || strings.Contains(text, "confidential") {
			t.Errorf("%s lists %q, want %q: %s", path, got, want, text)
		}
	}
	for _, one := range [][2]string{
		{"GET", "/queues/mail"}, {"GET", "/queues/mail/pending_tasks"}, {"GET", "/queues/staging:default"}, {"POST", "/queues/mail:pause"},
		{"POST", "/queues/staging:default:pause"}, {"DELETE", "/queues/mail"}, {"DELETE", "/queues/mail/pending_tasks:delete_all"},
		{"GET", "/scheduler_entries/x/enqueue_events"},
	} {
		if r := get(t, h, one[0], "/monitoring/api"+one[1]); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", one[0], one[1], r.StatusCode, body(t, r))
		}
	}
	if info, err := x.inspector.GetQueueInfo("mail"); err != nil || info.Paused || info.Pending != 1 {
		t.Errorf("the queue of others: %+v, %v", info, err)
	}
	// Under a prefix the monitor serves the queues by the names that they have in Redis.
	if r := get(t, staging.Monitor("/monitoring", false), "POST", "/monitoring/api/queues/staging:default:pause"); r.StatusCode >= 300 {
		t.Errorf("our own cannot be paused: %d", r.StatusCode)
	}
	stats, err := staging.Stats(x.ctx)
	noError(t, err)
	if stats[1].Queue != job.QueueDefault || !stats[1].Paused || stats[1].Pending != 1 {
		t.Errorf("%+v", stats[1])
	}
}

// listed are the names of the queues of an answer, or how many servers or entries it has.
func listed(t *testing.T, text string) string {
	t.Helper()
	var answer struct {
		Queues  []struct{ Queue string }
		Stats   map[string]any
		Servers []any
		Entries []any
	}
	noError(t, json.Unmarshal([]byte(text), &answer))
	names := map[string]bool{}
	for _, queue := range answer.Queues {
		names[queue.Queue] = true
	}
	for name := range answer.Stats {
		names[name] = true
	}
	switch {
	case len(names) > 0:
		return strings.Join(slices.Sorted(maps.Keys(names)), " ")
	case answer.Entries != nil:
		return string(rune('0' + len(answer.Entries)))
	}
	return string(rune('0' + len(answer.Servers)))
}

// While Redis is away the monitor says so, instead of that there are no queues.
func TestTheMonitorSaysThatRedisIsAway(t *testing.T) {
	x := newBench(t)
	h := x.b.Monitor("/monitoring", true)
	x.server.kill()
	for _, path := range []string{"/queues", "/queue_stats", "/servers"} {
		if r := get(t, h, "GET", "/monitoring/api"+path); r.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// A task of another program that was put into a queue of ours waits there for that program.
func TestTasksOfAnotherProgramAreLeft(t *testing.T) {
	x := newBench(t)
	client := asynq.NewClientFromRedisClient(x.b.client)
	info, err := client.Enqueue(asynq.NewTask("mail:send", []byte("x")), asynq.Queue("default"), asynq.MaxRetry(1))
	noError(t, err)
	stop := x.work(x.b, &calls{answer: done})
	eventually(t, "it is handed back", func() bool { return x.state(info.ID) == "retry" })
	stop()
	if x.log.count("of another program that uses asynq") != 1 || x.log.count("newer version") != 0 {
		t.Errorf("it says:\n%s", x.log)
	}
	noError(t, x.inspector.RunTask("default", info.ID))
	got := make(chan string, 1)
	theirs := asynq.NewServerFromRedisClient(x.b.client, asynq.Config{Concurrency: 1, LogLevel: asynq.FatalLevel, TaskCheckInterval: time.Millisecond})
	noError(t, theirs.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error { got <- task.Type(); return nil })))
	t.Cleanup(theirs.Shutdown)
	if kind := <-got; kind != "mail:send" {
		t.Errorf("they got %s", kind)
	}
}
