package queue

import (
	"context"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// deleters is how many tasks are deleted at once.
const deleters = 32

// Cancel marks runs as not to be called: from its return on, a call that has
// not been reported as started is not made. Tasks that still wait are deleted
// as far as that goes; one that is left ends at its mark.
func (b *Broker) Cancel(ctx context.Context, runs []job.Run) error {
	for start := 0; start < len(runs); start += askAtOnce {
		chunk := runs[start:min(start+askAtOnce, len(runs))]
		_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range chunk {
				p.Set(ctx, b.key(keyCanceled)+chunk[i].ID, 1, canceledTTL)
			}
			return nil
		})
		if err != nil {
			return unavailable(err)
		}
	}
	if err := b.deleteWaiting(ctx, runs); err != nil {
		b.log.Debug("tasks of canceled runs were left in the queue", "error", err)
	}
	return nil
}

// notHeld leaves out the runs that a worker without lease is still calling: their
// tasks wait too, and without them the call would count as lost.
func (b *Broker) notHeld(ctx context.Context, runs []job.Run) ([]job.Run, error) {
	if len(runs) == 0 {
		return nil, nil
	}
	keys := make([]string, len(runs))
	for i := range runs {
		keys[i] = b.key(keyHeld) + runs[i].ID
	}
	held, err := b.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	var free []job.Run
	for i := range runs {
		if held[i] == nil {
			free = append(free, runs[i])
		}
	}
	return free, nil
}

// deleteWaiting deletes the tasks that wait. Completed ones stay: they keep
// their run from being enqueued again.
func (b *Broker) deleteWaiting(ctx context.Context, runs []job.Run) error {
	free, err := b.notHeld(ctx, runs)
	if err != nil || len(free) == 0 {
		return err
	}
	refs := make([]taskRef, len(free))
	for i := range free {
		refs[i] = taskRef{served(free[i].Queue), free[i].ID}
	}
	states, err := b.states(ctx, refs)
	if err != nil {
		return err
	}
	return each(ctx, len(refs), min(len(refs), deleters), func(_ context.Context, i int) error {
		switch states[i] {
		case asynq.TaskStatePending.String(), asynq.TaskStateScheduled.String(), asynq.TaskStateRetry.String():
			// An error means that it has just been taken, which the mark sees to.
			_ = b.inspector.DeleteTask(b.queueName(refs[i].queue), refs[i].runID)
		}
		return nil
	})
}
