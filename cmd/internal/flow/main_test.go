package flow

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/worker"
)

func TestMain(m *testing.M) {
	if err := testserver.Overlap(4); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func now() job.Instant { return job.Instant(time.Now().UnixMilli()) }

// world is a Redis, and the accounts of runs whose events were reported to it.
type world struct {
	t      *testing.T
	redis  *testserver.Redis
	broker *queue.Broker

	mu   sync.Mutex
	runs map[string]*job.Run
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, redis: testserver.StartRedis(t), runs: map[string]*job.Run{}}
	w.broker = w.open("test:0")
	w.background(func(ctx context.Context) error { return w.broker.Results(ctx, "test", w.record) })
	return w
}

func (w *world) open(name string) *queue.Broker {
	w.t.Helper()
	b, err := queue.Open(queue.Options{URL: w.redis.URL(), Now: now, Name: name})
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, b.Close()) })
	return b
}

// background runs a part of a process until the test, or stop, ends it.
func (w *world) background(part func(context.Context) error) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("a part ended with: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// work starts a worker process.
func (w *world) work(name string, slots int, limits job.HostLimits) (stop func()) {
	w.t.Helper()
	b := w.open(name)
	wk, err := worker.New(b, worker.Options{
		Now: now, Name: name, Allow: []string{"loopback"}, Concurrency: slots, Limits: limits, Shared: b,
		Logger: slog.New(slog.DiscardHandler),
	})
	must(w.t, err)
	w.t.Cleanup(wk.Close)
	w.background(wk.Run)
	return w.background(b.NewWorkers(wk, queue.WorkerOptions{Concurrency: slots, ShutdownTimeout: time.Second}).Run)
}

// enqueue queues n runs that call the URL.
func (w *world) enqueue(prefix string, n int, url string, change ...func(*job.Task)) {
	w.t.Helper()
	tasks := make([]job.Task, n)
	w.mu.Lock()
	for i := range tasks {
		tasks[i] = job.Task{
			RunID: fmt.Sprintf("%s-%05d", prefix, i), JobID: prefix, ScheduledAt: now(), QueuedAt: now(), Queue: job.QueueDefault,
			Request: job.Request{Method: "GET", URL: url}, Policy: job.DefaultPolicy(),
		}
		for _, f := range change {
			f(&tasks[i])
		}
		w.runs[tasks[i].RunID] = &job.Run{ID: tasks[i].RunID, JobID: prefix, State: job.StateQueued, ScheduledAt: tasks[i].ScheduledAt}
	}
	w.mu.Unlock()
	must(w.t, w.broker.Enqueue(context.Background(), tasks))
}

func (w *world) record(_ context.Context, events []job.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		if run := w.runs[events[i].RunID]; run != nil {
			run.Apply(&events[i])
		}
	}
	return nil
}

// count tells how many runs of a prefix are in a state, and how many attempts all of them have made.
func (w *world) count(prefix string, state job.State) (runs, attempts int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, run := range w.runs {
		if run.JobID != prefix {
			continue
		}
		if run.State == state {
			runs++
		}
		attempts += len(run.Attempts)
	}
	return runs, attempts
}

// succeed waits until all runs of a prefix have.
func (w *world) succeed(prefix string, n int) {
	w.t.Helper()
	eventually(w.t, func() string {
		got, _ := w.count(prefix, job.StateSucceeded)
		if got == n {
			return ""
		}
		return fmt.Sprintf("%d of %d runs of %s have succeeded", got, n, prefix)
	})
}

// target counts the calls that it gets.
type target struct {
	*httptest.Server
	mu                  sync.Mutex
	calls, open, atOnce int
	begun               []time.Time
}

func newTarget(t *testing.T, handler http.HandlerFunc) *target {
	x := &target{}
	x.Server = httptest.NewServer(x.wrap(handler))
	t.Cleanup(x.Close)
	return x
}

func (x *target) wrap(handler http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		x.mu.Lock()
		x.calls++
		x.open++
		x.atOnce = max(x.atOnce, x.open)
		x.begun = append(x.begun, time.Now())
		x.mu.Unlock()
		defer func() {
			x.mu.Lock()
			x.open--
			x.mu.Unlock()
		}()
		handler(rw, r)
	}
}

func (x *target) seen() (calls, open, atOnce int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.calls, x.open, x.atOnce
}

// refusing is an address at which nothing listens yet.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until nothing is missing.
func eventually(t testing.TB, missing func() string) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited: %s", what)
		}
	}
}
