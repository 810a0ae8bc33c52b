package queue

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"schedule-server/pkg/job"
)

const (
	// enqueuers is how many tasks are on their way at once: enough for the
	// gathering connection to fill its batches.
	enqueuers = 128
	// askAtOnce bounds how many questions go into one pipeline.
	askAtOnce = 1000
)

// Enqueue hands tasks to the workers. A task whose run Redis knows already,
// waiting, running or ended within the last five minutes, is left as it is, so
// calling again with the same batch is safe. After an outage that was longer
// than that, go by Missing instead: a run may have ended before it. At the first
// failure the rest is attempted no further.
func (b *Broker) Enqueue(ctx context.Context, tasks []job.Task) error {
	f, err := b.fast()
	if err != nil {
		return err
	}
	if len(tasks) == 1 {
		return f.enqueue(ctx, &tasks[0])
	}
	return each(ctx, len(tasks), func(ctx context.Context, i int) error {
		return f.enqueue(ctx, &tasks[i])
	})
}

// each calls do for 0 to n-1 from many goroutines, until one fails.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(n, enqueuers) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return unavailable(err)
				}
				if err := do(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func (f *fast) enqueue(ctx context.Context, task *job.Task) error {
	payload, err := encodeTask(task)
	if err != nil {
		return &job.Error{Code: job.CodeInternal, Detail: "a task cannot be encoded", Err: err}
	}
	_, err = f.tasks.EnqueueContext(ctx, asynq.NewTask(taskDeliver, payload),
		asynq.TaskID(task.RunID),
		asynq.Queue(string(served(task.Queue))),
		asynq.MaxRetry(max(task.Policy.Retry.MaxAttempts, 1)+lostWorkers),
		asynq.Timeout(time.Duration(task.Policy.AttemptTimeout)+timeoutHeadroom),
		asynq.Retention(retention))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return unavailable(err)
}

// Missing tells which of the runs Redis knows no task of, and which task it has
// given up (archived): neither will be delivered.
func (b *Broker) Missing(ctx context.Context, tasks []job.Task) (missing, archived []job.Task, err error) {
	runs := make([]taskRef, len(tasks))
	for i := range tasks {
		runs[i] = taskRef{served(tasks[i].Queue), tasks[i].RunID}
	}
	states, err := b.states(ctx, runs)
	if err != nil {
		return nil, nil, err
	}
	for i, state := range states {
		switch state {
		case "":
			missing = append(missing, tasks[i])
		case asynq.TaskStateArchived.String():
			archived = append(archived, tasks[i])
		}
	}
	return missing, archived, nil
}

// taskRef names a task of asynq.
type taskRef struct {
	queue job.Queue
	runID string
}

// states reads the states of tasks, in asynq's words; empty for one that is not there.
func (b *Broker) states(ctx context.Context, refs []taskRef) ([]string, error) {
	states := make([]string, 0, len(refs))
	for len(refs) > 0 {
		n := min(len(refs), askAtOnce)
		replies, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, ref := range refs[:n] {
				p.HGet(ctx, asynqTask(ref.queue, ref.runID), "state")
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, unavailable(err)
		}
		for _, reply := range replies {
			state, err := reply.(*redis.StringCmd).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, unavailable(err)
			}
			states = append(states, state)
		}
		refs = refs[n:]
	}
	return states, nil
}
