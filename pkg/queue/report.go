package queue

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// reported is an event on its way to the results.
type reported struct {
	runID string
	data  []byte
	// starts says that it is the start of a call, canceled that the call must not be made.
	starts, canceled bool
}

// Report adds an event to the results. For the start of a call
// canceled says that the call must not be made. After an error the event may or
// may not have been added; reporting it again does no harm.
func (b *Broker) Report(ctx context.Context, e *job.Event) (canceled bool, err error) {
	data, err := encodeEvent(e)
	if err != nil {
		return false, &job.Error{Code: job.CodeInternal, Detail: "an event cannot be encoded", Err: err}
	}
	if err := ctx.Err(); err != nil {
		return false, unavailable(err)
	}
	r := &reported{runID: e.RunID, data: data, starts: e.Starts()}
	if err := b.reports.one(ctx, r); err != nil {
		return false, unavailable(err)
	}
	return r.canceled, nil
}

// report adds events to the results, and then looks which runs are canceled. In
// this order: whoever set the mark and then read the results to their end has
// seen every call that was made in spite of it. Who makes the calls is noted beside them.
func (b *Broker) report(events []*reported) []error {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	added := make([]*redis.StringCmd, len(events))
	var marks []string
	var makers []any
	for _, e := range events {
		if e.starts {
			marks = append(marks, b.key(keyCanceled)+e.runID)
			makers = append(makers, e.runID, b.life)
		}
	}
	var noted *redis.IntCmd
	var marked *redis.SliceCmd
	_, _ = b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, e := range events {
			added[i] = p.XAdd(ctx, &redis.XAddArgs{Stream: b.key(keyResults), Values: []any{fieldFormat, formatCBOR, fieldEvent, e.data}})
		}
		if len(marks) > 0 {
			noted = p.HSet(ctx, b.key(keyCalls), makers...)
			marked = p.MGet(ctx, marks...)
		}
		return nil
	}) // each command tells its own error
	errs := make([]error, len(events))
	start := 0
	for i, e := range events {
		errs[i] = added[i].Err()
		if !e.starts {
			continue
		}
		if err := errors.Join(noted.Err(), marked.Err()); err != nil {
			errs[i] = err
		} else {
			e.canceled = marked.Val()[start] != nil
		}
		start++
	}
	return errs
}
