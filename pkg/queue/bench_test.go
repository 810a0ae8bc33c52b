package queue

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
)

// meter reports how many things were done in a second, and what processor time
// each took here and in Redis, which says more on a machine that is not idle.
type meter struct {
	x           *bench
	self, redis float64
}

func (x *bench) meter() *meter {
	m := &meter{x: x}
	m.self, m.redis = m.read()
	return m
}

// read gives the processor time used so far, in microseconds.
func (m *meter) read() (self, redis float64) {
	self = float64(testserver.CPUTime(m.x.t)) / 1e3
	for _, lines := range m.x.b.client.InfoMap(m.x.ctx, "cpu").Val() {
		for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
			var seconds float64
			_, _ = fmt.Sscan(lines[name], &seconds)
			redis += seconds * 1e6
		}
	}
	return self, redis
}

func (m *meter) report(b *testing.B, n int) {
	self, redis := m.read()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "/s")
	b.ReportMetric((self-m.self)/float64(n), "cpu-µs/each")
	b.ReportMetric((redis-m.redis)/float64(n), "redis-cpu-µs/each")
}

// BenchmarkEnqueue hands tasks over one by one, and in batches of 1000.
func BenchmarkEnqueue(b *testing.B) {
	for _, size := range []int{1, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			x := newBench(b)
			tasks := make([]job.Task, size)
			n, m := 0, x.meter()
			for b.Loop() {
				b.StopTimer()
				for i := range tasks {
					tasks[i] = taskOf(fmt.Sprintf("run-%020d", n))
					n++
				}
				b.StartTimer()
				noError(b, x.b.Enqueue(x.ctx, tasks))
			}
			m.report(b, n)
			b.ReportMetric(x.memory()/float64(n), "redis-B/task")
		})
	}
}

// BenchmarkFind looks at tasks that wait, a thousand at once, as the reconciler does with open runs without news.
func BenchmarkFind(b *testing.B) {
	x := newBench(b)
	tasks := make([]job.Task, 20_000)
	for i := range tasks {
		tasks[i] = taskOf(fmt.Sprintf("run-%020d", i))
	}
	noError(b, x.b.Enqueue(x.ctx, tasks))
	runs := openOf(tasks)
	n, m := 0, x.meter()
	for b.Loop() {
		at := n % len(runs)
		_, err := x.b.Find(x.ctx, runs[at:at+askAtOnce], false)
		noError(b, err)
		n += askAtOnce
	}
	m.report(b, n)
}

// memory is what Redis uses for its data, in bytes.
func (x *bench) memory() float64 {
	var used float64
	for _, line := range x.b.client.InfoMap(x.ctx, "memory").Val() {
		_, _ = fmt.Sscan(line["used_memory_dataset"], &used)
	}
	return used
}

// BenchmarkDeliver lets workers that call nothing empty a full queue.
func BenchmarkDeliver(b *testing.B) {
	b.Run("redis-server", func(b *testing.B) {
		x := newBench(b)
		x.deliver(b, func(context.Context, *job.Task) error { return nil })
	})
	b.Run("embedded", func(b *testing.B) {
		e, err := NewEmbedded()
		noError(b, err)
		b.Cleanup(e.Close)
		x := &bench{t: b, ctx: context.Background(), log: &logBook{}}
		x.b = openBroker(b, e.URL(), "host:1", x.log)
		x.deliver(b, func(context.Context, *job.Task) error { return nil })
	})
}

// BenchmarkDeliverAndReport does the same with the two events of a call, and records them.
func BenchmarkDeliverAndReport(b *testing.B) {
	x := newBench(b)
	stop := run(b, func(ctx context.Context) error {
		return x.b.Results(ctx, "host:1", func(context.Context, []job.Event) error { return nil })
	})
	defer stop()
	x.deliver(b, func(ctx context.Context, task *job.Task) error {
		if _, err := x.b.Report(ctx, &job.Event{RunID: task.RunID, At: now(), State: job.StateRunning, N: 1}); err != nil {
			return err
		}
		a := attempt(1)
		_, err := x.b.Report(ctx, &job.Event{RunID: task.RunID, At: now(), State: job.StateSucceeded, N: 1, Attempt: &a,
			Response: &job.Response{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/plain"}, Body: "ok"}})
		return err
	})
}

// BenchmarkNearAttempt tells how long after their moment retries come that are due within a quarter of a second.
func BenchmarkNearAttempt(b *testing.B) {
	x := newBench(b)
	late := make(chan job.Instant, 1)
	stop := run(b, x.b.NewWorkers(deliverer(func(_ context.Context, task *job.Task) (job.Outcome, error) {
		if len(task.Made) > 0 {
			late <- now() - *task.Made[0].NextRetryAt
			return job.Outcome{}, nil
		}
		first, at := attempt(1), now()+250
		first.NextRetryAt = &at
		return job.Outcome{RetryAt: &at, Made: []job.Attempt{first}}, nil
	}), WorkerOptions{}).Run)
	defer stop()
	var sum, worst job.Instant
	n := 0
	for b.Loop() {
		noError(b, x.b.Enqueue(x.ctx, []job.Task{taskOf(fmt.Sprintf("run-%d", n))}))
		took := <-late
		sum, worst, n = sum+took, max(worst, took), n+1
	}
	b.ReportMetric(float64(sum)/float64(n), "late-ms")
	b.ReportMetric(float64(worst), "worst-ms")
}

func (x *bench) deliver(b *testing.B, call func(context.Context, *job.Task) error) {
	b.StopTimer()
	for left := b.N; left > 0; left -= min(left, 10_000) {
		tasks := make([]job.Task, min(left, 10_000))
		for i := range tasks {
			tasks[i] = taskOf(fmt.Sprintf("run-%010d", left-i))
		}
		noError(b, x.b.Enqueue(x.ctx, tasks))
	}
	var delivered atomic.Int64
	all := make(chan struct{})
	w := x.b.NewWorkers(deliverer(func(ctx context.Context, task *job.Task) (job.Outcome, error) {
		err := call(ctx, task)
		if err == nil && delivered.Add(1) == int64(b.N) {
			close(all)
		}
		return job.Outcome{}, err
	}), WorkerOptions{Concurrency: 128, ShutdownTimeout: time.Second})
	m := x.meter()
	b.StartTimer()
	stop := run(b, w.Run)
	<-all
	b.StopTimer()
	m.report(b, b.N)
	stop()
}

// BenchmarkReport reports calls from many goroutines: a start and an end each.
func BenchmarkReport(b *testing.B) {
	x := newBench(b)
	var n atomic.Int64
	m := x.meter()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := fmt.Sprint("run-", n.Add(1))
			for _, state := range []job.State{job.StateRunning, job.StateSucceeded} {
				if _, err := x.b.Report(x.ctx, &job.Event{RunID: id, At: now(), State: state, N: 1}); err != nil {
					b.Error(err)
				}
			}
		}
	})
	m.report(b, 2*b.N)
}

// BenchmarkResults reads a full stream of events.
func BenchmarkResults(b *testing.B) {
	x := newBench(b)
	noError(b, each(x.ctx, b.N, 64, func(ctx context.Context, i int) error {
		a := attempt(1)
		_, err := x.b.Report(ctx, &job.Event{RunID: fmt.Sprint("run-", i), At: now(), State: job.StateSucceeded, N: 1, Attempt: &a})
		return err
	}))
	read, m := 0, x.meter()
	all := make(chan struct{})
	b.ResetTimer()
	stop := run(b, func(ctx context.Context) error {
		return x.b.Results(ctx, "host:1", func(_ context.Context, events []job.Event) error {
			if read += len(events); read == b.N {
				close(all)
			}
			return nil
		})
	})
	<-all
	b.StopTimer()
	m.report(b, b.N)
	stop()
}

// BenchmarkCodec writes and reads a task and the event of an ended call.
func BenchmarkCodec(b *testing.B) {
	task, a := taskOf("run"), attempt(1)
	event := job.Event{RunID: "run", At: now(), State: job.StateSucceeded, Reason: job.ReasonOK, N: 1, Attempt: &a,
		Response: &job.Response{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/plain"}, Body: "ok"}}
	payload, err := encodeTask(&task, "")
	noError(b, err)
	data, err := encodeEvent(&event)
	noError(b, err)
	fields := map[string]any{fieldFormat: fmt.Sprint(formatCBOR), fieldEvent: string(data)}
	for name, do := range map[string]func() error{
		"task/write":  func() error { _, err := encodeTask(&task, ""); return err },
		"task/read":   func() error { _, err := readTask(taskDeliver, payload); return err },
		"event/write": func() error { _, err := encodeEvent(&event); return err },
		"event/read":  func() error { _, err := decodeEvent(fields); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				noError(b, do())
			}
		})
	}
}
