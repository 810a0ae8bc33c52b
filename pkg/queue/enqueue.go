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
	// enqueueAtOnce is how many tasks go to Redis in one script, enqueuers how many of these are made ready at once.
	enqueueAtOnce = 100
	enqueuers     = 4
	// askAtOnce bounds how many questions go into one pipeline.
	askAtOnce = 1000
)

// Enqueue hands tasks to the workers. A task whose run Redis knows already,
// waiting, running or ended within the last five minutes, is left as it is, so
// calling again with the same batch is safe. After an outage that was longer
// than that, go by Find instead: a run may have ended before it. At the first
// failure the rest is attempted no further.
func (b *Broker) Enqueue(ctx context.Context, tasks []job.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	chunks := (len(tasks) + enqueueAtOnce - 1) / enqueueAtOnce
	return each(ctx, chunks, min(chunks, enqueuers), func(ctx context.Context, i int) error {
		return b.enqueueChunk(ctx, tasks[i*enqueueAtOnce:min(len(tasks), (i+1)*enqueueAtOnce)])
	})
}

// each calls do for 0 to n-1 from some goroutines, until one fails.
func each(ctx context.Context, n, goroutines int, do func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range goroutines {
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

// enqueueChunk has asynq enqueue tasks one by one, but holds back what it sends,
// and sends that together; then it rings the workers' bell.
func (b *Broker) enqueueChunk(ctx context.Context, tasks []job.Task) error {
	h := &parcel{}
	holding := context.WithValue(ctx, parcelKey{}, h)
	for i := range tasks {
		if err := b.hand(holding, &tasks[i]); err != nil {
			return err
		}
	}
	for _, batch := range h.batches {
		if err := b.scripts.enqueue.Run(ctx, b.client, batch.keys, batch.args...).Err(); err != nil {
			return unavailable(err)
		}
	}
	_, err := b.publish(ctx, channelBell, "")
	return err
}

// hand enqueues one task by asynq's client.
func (b *Broker) hand(ctx context.Context, task *job.Task) error {
	payload, err := b.encode(task)
	if err != nil {
		return &job.Error{Code: job.CodeInternal, Detail: "a task cannot be encoded", Err: err}
	}
	_, err = b.tasks.EnqueueContext(ctx, asynq.NewTask(taskDeliver, payload),
		asynq.TaskID(task.RunID),
		asynq.Queue(b.queueName(served(task.Queue))),
		asynq.MaxRetry(max(task.Policy.Retry.MaxAttempts, 1)+lostWorkers),
		asynq.Timeout(time.Duration(task.Policy.AttemptTimeout)+timeoutHeadroom),
		asynq.Retention(retention))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return unavailable(err)
}

// holder is the connection of asynq's client. What the client sends to enqueue a
// task is held back, where the context asks for it.
type holder struct{ redis.UniversalClient }

type parcelKey struct{}

// parcel is what was held back, queue by queue.
type parcel struct{ batches []*enqueueBatch }

// enqueueBatch are the keys and arguments of enqueueScript.
type enqueueBatch struct {
	keys []string
	args []any
}

// EvalSha answers that the task is new: one that is not stays as it is, and is no error either.
func (h *holder) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	held, ok := ctx.Value(parcelKey{}).(*parcel)
	if !ok || sha != asynqEnqueue || len(keys) != 2 || len(args) != 3 {
		return h.UniversalClient.EvalSha(ctx, sha, keys, args...)
	}
	batch := held.of(keys[1], args[2])
	batch.keys = append(batch.keys, keys[0])
	batch.args = append(batch.args, args[1], args[0])
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(int64(1))
	return cmd
}

// of is the batch for the pending tasks of one queue.
func (h *parcel) of(pending string, now any) *enqueueBatch {
	for _, batch := range h.batches {
		if batch.keys[0] == pending {
			return batch
		}
	}
	batch := &enqueueBatch{keys: []string{pending}, args: []any{now}}
	h.batches = append(h.batches, batch)
	return batch
}

// taskRef names a task of asynq.
type taskRef struct {
	queue job.Queue
	runID string
}

// refOf names the task of a run.
func refOf(task *job.Task) taskRef { return taskRef{served(task.Queue), task.RunID} }

// states reads the states of tasks, in asynq's words; empty for one that is not there.
func (b *Broker) states(ctx context.Context, refs []taskRef) ([]string, error) {
	states := make([]string, 0, len(refs))
	for len(refs) > 0 {
		n := min(len(refs), askAtOnce)
		replies, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, ref := range refs[:n] {
				p.HGet(ctx, b.asynqTask(ref.queue, ref.runID), "state")
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
