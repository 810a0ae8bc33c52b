package queue

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// Stats tells the state of every queue, the most urgent first.
func (b *Broker) Stats(ctx context.Context) ([]job.QueueStat, error) {
	asked := make([]askedStat, 0, len(queues()))
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, queue := range queues() {
			asked = append(asked, askedStat{
				queue:     queue,
				pending:   p.LLen(ctx, b.asynqKey(queue, "pending")),
				active:    p.LLen(ctx, b.asynqKey(queue, "active")),
				scheduled: p.ZCard(ctx, b.asynqKey(queue, "scheduled")),
				retry:     p.ZCard(ctx, b.asynqKey(queue, "retry")),
				archived:  p.ZCard(ctx, b.asynqKey(queue, "archived")),
				completed: p.ZCard(ctx, b.asynqKey(queue, "completed")),
				paused:    p.Exists(ctx, b.asynqKey(queue, "paused")),
				oldest:    p.LIndex(ctx, b.asynqKey(queue, "pending"), -1),
			})
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	stats := make([]job.QueueStat, len(asked))
	for i, a := range asked {
		stats[i] = a.stat()
		if id := a.oldest.Val(); id != "" {
			if stats[i].LatencyMS, err = b.waited(ctx, a, id); err != nil {
				return nil, err
			}
		}
	}
	return stats, nil
}

// waited is how long a pending task has been waiting, in milliseconds.
func (b *Broker) waited(ctx context.Context, a askedStat, id string) (int64, error) {
	since, err := b.client.HGet(ctx, b.asynqTask(a.queue, id), "pending_since").Int64()
	if errors.Is(err, redis.Nil) {
		return 0, nil // taken in this moment
	}
	if err != nil {
		return 0, unavailable(err)
	}
	return max(int64(b.now())-since/1e6, 0), nil
}

// askedStat holds the answers of a pipeline about one queue.
type askedStat struct {
	queue                                 job.Queue
	pending, active                       *redis.IntCmd
	scheduled, retry, archived, completed *redis.IntCmd
	paused                                *redis.IntCmd
	oldest                                *redis.StringCmd
}

func (a *askedStat) stat() job.QueueStat {
	return job.QueueStat{
		Queue: a.queue, Pending: int(a.pending.Val()), Active: int(a.active.Val()),
		Scheduled: int(a.scheduled.Val()), Retry: int(a.retry.Val()),
		Archived: int(a.archived.Val()), Completed: int(a.completed.Val()),
		Paused: a.paused.Val() > 0,
	}
}
