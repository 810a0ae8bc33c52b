package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"

	"schedule-server/pkg/job"
)

// Deliverer makes the calls of runs.
type Deliverer interface {
	// Deliver makes the next attempt of a run and reports it. The outcome is
	// handed to the next delivery. An error means that nothing was settled: the
	// task is delivered again, and no attempt is lost.
	Deliver(ctx context.Context, task *job.Task) (job.Outcome, error)
}

// WorkerOptions shape a worker process.
type WorkerOptions struct {
	// Concurrency is how many calls are made at once. Zero: 64.
	Concurrency int
	// ShutdownTimeout is how long running calls may go on when the process is to
	// end; those that have not ended are cut off and handed back. Zero: 30s.
	ShutdownTimeout time.Duration
}

const (
	// delayedCheck is how often retries are looked for that have come due.
	delayedCheck = 500 * time.Millisecond
	healthCheck  = 2 * time.Second
	// handBack is how much longer than the calls the handing back may take.
	handBack = time.Second
)

// Workers takes tasks from Redis and delivers them.
type Workers struct {
	b *Broker
	d Deliverer
	o WorkerOptions
	// now are the deliveries of a running worker.
	now atomic.Pointer[deliveries]
}

// Busy is how many runs are being delivered.
func (w *Workers) Busy() int {
	if now := w.now.Load(); now != nil {
		return now.count()
	}
	return 0
}

// Check is why this process takes no tasks; nil when it does.
func (w *Workers) Check(context.Context) error {
	if now := w.now.Load(); now != nil && now.taker != nil {
		return now.taker.pulse.Failing()
	}
	return job.Errorf(job.CodeUnavailable, "not begun yet")
}

// NewWorkers makes a worker process's part of the queue.
func (b *Broker) NewWorkers(d Deliverer, o WorkerOptions) *Workers {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = 30 * time.Second
	}
	return &Workers{b: b, d: d, o: o}
}

// Run delivers tasks until the context ends; then it takes no more, lets running
// calls end within the shutdown timeout and hands the others back. It waits for
// a Redis that is away, at the start too. The error is that of an asynq server that
// could not be started.
func (w *Workers) Run(ctx context.Context) error {
	if !w.b.await(ctx) {
		return nil
	}
	calls, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	h := &deliveries{b: w.b, d: w.d, calls: calls, running: map[string]context.CancelCauseFunc{}}
	h.alive = &presence{b: w.b, running: h.delivers, all: h.inHand}
	h.taker = w.b.newTaker(w.o.Concurrency, h.count)
	w.now.Store(h)
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { h.listen(calls) })
	beside.Go(func() { h.lookForCuts(calls) })
	present, leave := context.WithCancel(context.WithoutCancel(ctx))
	beside.Go(func() { h.alive.run(present) })
	defer cut(nil)
	defer leave()
	h.alive.begin(ctx)
	server := w.server(h.taker)
	if err := server.Start(h); err != nil {
		return fmt.Errorf("start the workers: %w", err)
	}
	beside.Go(func() { h.taker.watch(ctx) })
	<-ctx.Done()
	timer := time.AfterFunc(w.o.ShutdownTimeout, func() {
		if n := h.count(); n > 0 {
			w.b.log.Warn("calls were cut off and will be made again", "calls", n, "shutdown_timeout", w.o.ShutdownTimeout)
		}
		cut(errShutdown)
	})
	defer timer.Stop()
	server.Shutdown()
	h.drain(w.o.ShutdownTimeout + handBack)
	return nil
}

var errShutdown = errors.New("the worker is shutting down")

// server makes the asynq server.
func (w *Workers) server(t *taker) *asynq.Server {
	weights := map[string]int{}
	for queue, weight := range job.QueueWeights() {
		weights[w.b.queueName(queue)] = weight
	}
	return asynq.NewServerFromRedisClient(t, asynq.Config{
		Concurrency: w.o.Concurrency,
		Queues:      weights,
		// The taker waits for tasks: asynq need not.
		TaskCheckInterval:        time.Millisecond,
		DelayedTaskCheckInterval: delayedCheck,
		// The calls are cut off by ShutdownTimeout; asynq gives up on those that do not heed that.
		ShutdownTimeout:     w.o.ShutdownTimeout + handBack,
		RetryDelayFunc:      w.b.retryDelay,
		IsFailure:           isCounted,
		Logger:              asynqLog{newLibraryLog(w.b.log, w.b.outage, "queue library")},
		LogLevel:            asynq.InfoLevel,
		HealthCheckInterval: healthCheck,
		HealthCheckFunc:     w.b.noteHealth,
	})
}

func (b *Broker) noteHealth(err error) {
	if err != nil {
		b.outage.failed(err)
		return
	}
	b.outage.answered()
}

// await waits until Redis answers; false when the context ended first.
func (b *Broker) await(ctx context.Context) bool {
	for failures := 0; ctx.Err() == nil; failures++ {
		err := b.Ping(ctx)
		if ctx.Err() != nil {
			return false
		}
		b.noteHealth(err)
		if err == nil {
			return true
		}
		pause(ctx, backoff(failures))
	}
	return false
}
