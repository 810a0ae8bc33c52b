package queue

import (
	"context"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// startScript adds the start of a call to the results, and then looks whether
// the run is canceled. In this order: whoever set the mark and then read the
// results to their end has seen every call that was made in spite of it. Who makes the
// call is noted beside it.
const startScript = `
redis.call("XADD", KEYS[1], "*", ARGV[1], ARGV[2], ARGV[3], ARGV[4])
redis.call("HSET", KEYS[3], ARGV[5], ARGV[6])
return redis.call("EXISTS", KEYS[2])`

// Report adds an event to the results. For the start of a call
// canceled says that the call must not be made. After an error the event may or
// may not have been added; reporting it again does no harm.
func (b *Broker) Report(ctx context.Context, e *job.Event) (canceled bool, err error) {
	text, err := encodeEvent(e)
	if err != nil {
		return false, &job.Error{Code: job.CodeInternal, Detail: "an event cannot be encoded", Err: err}
	}
	if err := ctx.Err(); err != nil {
		return false, unavailable(err)
	}
	f, err := b.fast()
	if err != nil {
		return false, err
	}
	if e.Starts() {
		marks, err := b.start.Run(ctx, f.client, []string{keyResults, keyCanceled + e.RunID, keyCalls},
			fieldFormat, format, fieldEvent, text, e.RunID, b.life).Int()
		return marks > 0, unavailable(err)
	}
	err = f.client.XAdd(ctx, &redis.XAddArgs{
		Stream: keyResults, Values: []any{fieldFormat, format, fieldEvent, text},
	}).Err()
	return false, unavailable(err)
}
