package queue

import (
	"context"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"
)

// completion is one call of asynq's script that completes a task.
type completion struct {
	keys []string
	args []any
}

// complete completes many tasks, queue by queue.
func (t *taker) complete(batch []*completion) []error {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	errs := make([]error, len(batch))
	byQueue := map[string][]int{}
	for i, c := range batch {
		// Around midnight the counts of two days are written.
		place := c.keys[0] + c.keys[4]
		byQueue[place] = append(byQueue[place], i)
	}
	for _, places := range byQueue {
		first := batch[places[0]]
		keys := []string{first.keys[0], first.keys[1], first.keys[2], first.keys[4], first.keys[5]}
		args := []any{first.args[1], first.args[4]}
		for _, i := range places {
			keys = append(keys, batch[i].keys[3])
			args = append(args, batch[i].args[0], batch[i].args[2], withoutPayload(batch[i].args[3]))
		}
		wrong, err := t.b.scripts.complete.Run(ctx, t.UniversalClient, keys, args...).StringSlice()
		for k, i := range places {
			switch {
			case err != nil:
				errs[i] = err
			case k >= len(wrong):
				errs[i] = redisError("NO ANSWER")
			case wrong[k] != "":
				errs[i] = redisError(wrong[k])
			}
		}
	}
	return errs
}

// withoutPayload is asynq's message without what only a delivery needs. A completed
// task is kept so that its run is not enqueued again, for which its id is enough; a payload
// may have a megabyte. What cannot be read stays as it is.
func withoutPayload(message any) any {
	data, ok := message.([]byte)
	if !ok {
		return message
	}
	kept := make([]byte, 0, min(len(data), 256))
	readable := eachField(data, func(number protowire.Number, _ protowire.Type, tag, value []byte) {
		if number != messagePayload && number != messageHeaders {
			kept = append(append(kept, tag...), value...)
		}
	})
	if !readable {
		return message
	}
	return kept
}

// redisError is an answer of Redis that says no.
type redisError string

// Error is the answer.
func (e redisError) Error() string { return string(e) }

// RedisError marks it as an answer.
func (redisError) RedisError() {}

var _ redis.Error = redisError("")
