package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	// Lanes is how many asynq servers share them: each takes tasks with one
	// goroutine. Zero: chosen by Concurrency.
	Lanes int
	// ShutdownTimeout is how long running calls may go on when the process is to
	// end; those that have not ended are cut off and handed back. Zero: 30s.
	ShutdownTimeout time.Duration
}

const (
	// delayedCheck is how often retries are looked for that have come due.
	delayedCheck = 250 * time.Millisecond
	healthCheck  = 2 * time.Second
	// handBack is how much longer than the calls the handing back may take.
	handBack = time.Second
)

// Workers takes tasks from Redis and delivers them.
type Workers struct {
	b *Broker
	d Deliverer
	o WorkerOptions
}

// NewWorkers makes a worker process's part of the queue.
func (b *Broker) NewWorkers(d Deliverer, o WorkerOptions) *Workers {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.Lanes <= 0 {
		o.Lanes = lanesFor(o.Concurrency)
	}
	o.Lanes = min(o.Lanes, o.Concurrency)
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = 30 * time.Second
	}
	return &Workers{b: b, d: d, o: o}
}

// lanesFor weighs what a lane can take against what it costs when idle.
func lanesFor(concurrency int) int {
	switch {
	case concurrency <= 16:
		return 1
	case concurrency <= 64:
		return 2
	}
	return 4
}

// taskCheck is the pause of an idle lane between two looks at the queues, on
// average. Lanes look each at its own time, so that many may look less often:
// a task waits 14 to 16 ms at most, 99 times of 100, whatever their number.
func taskCheck(lanes int) time.Duration {
	return time.Duration(min(5+5*lanes, 20)) * time.Millisecond
}

// Run delivers tasks until the context ends; then it takes no more, lets running
// calls end within the shutdown timeout and hands the others back. It waits for
// a Redis that is away, at the start too. The error is that of a lane that could
// not be started.
func (w *Workers) Run(ctx context.Context) error {
	if !w.b.await(ctx) {
		return nil
	}
	calls, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	h := &deliveries{b: w.b, d: w.d, calls: calls, running: map[string]context.CancelCauseFunc{}}
	h.alive = &presence{b: w.b, running: h.delivers}
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { h.listen(calls) })
	present, leave := context.WithCancel(context.WithoutCancel(ctx))
	beside.Go(func() { h.alive.run(present) })
	defer cut(nil)
	defer leave()
	h.alive.begin(ctx)
	lanes, err := w.startLanes(h)
	if err == nil {
		<-ctx.Done()
	}
	timer := time.AfterFunc(w.o.ShutdownTimeout, func() { cut(errShutdown) })
	defer timer.Stop()
	var ending sync.WaitGroup
	for _, lane := range lanes {
		lane.Stop()
		ending.Go(lane.Shutdown)
	}
	ending.Wait()
	h.drain(w.o.ShutdownTimeout + handBack)
	return err
}

var errShutdown = errors.New("the worker is shutting down")

func (w *Workers) startLanes(h *deliveries) ([]*asynq.Server, error) {
	var started []*asynq.Server
	for i := range w.o.Lanes {
		lane := w.lane(i)
		if err := lane.Start(h); err != nil {
			return started, fmt.Errorf("start lane %d of the workers: %w", i, err)
		}
		started = append(started, lane)
	}
	return started, nil
}

// lane makes the i-th asynq server with its share of the concurrency.
func (w *Workers) lane(i int) *asynq.Server {
	share := w.o.Concurrency / w.o.Lanes
	if i < w.o.Concurrency%w.o.Lanes {
		share++
	}
	weights := map[string]int{}
	for queue, weight := range job.QueueWeights() {
		weights[string(queue)] = weight
	}
	config := asynq.Config{
		Concurrency:              share,
		Queues:                   weights,
		TaskCheckInterval:        taskCheck(w.o.Lanes),
		DelayedTaskCheckInterval: delayedCheck,
		// The calls are cut off by ShutdownTimeout; asynq gives up on those that do not heed that.
		ShutdownTimeout: w.o.ShutdownTimeout + handBack,
		RetryDelayFunc:  w.b.retryDelay,
		IsFailure:       isCounted,
		Logger:          asynqLog{newLibraryLog(w.b.log, w.b.outage, "queue library")},
		LogLevel:        asynq.InfoLevel,
	}
	if i == 0 {
		config.HealthCheckInterval = healthCheck
		config.HealthCheckFunc = w.b.noteHealth
	}
	// The plain connections: measured, gathering makes each take wait for others' batches.
	return asynq.NewServerFromRedisClient(w.b.client, config)
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
