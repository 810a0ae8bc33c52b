package queue

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// sentinelHook says in words why no master can be had from the sentinels. The
// library's own error for a master that they do not know is redis.Nil in
// disguise, which readers of a key would take for a key that is not there.
type sentinelHook struct{ master string }

// DialHook looks at the errors of dialing, asking the sentinels included.
func (h sentinelHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := next(ctx, network, address)
		if err == nil {
			return conn, nil
		}
		if errors.Is(err, redis.Nil) {
			return nil, job.Errorf(job.CodeUnavailable, "the sentinels know no master called %q; correct ?master= in redis-url", h.master)
		}
		if word := refusal(err); word != "" {
			return nil, &job.Error{Code: job.CodeUnavailable, Err: err,
				Detail: fmt.Sprintf("the sentinels refuse to answer (%s); their user and password are those before the @ of redis-url", word)}
		}
		return nil, err
	}
}

// ProcessHook changes nothing.
func (sentinelHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook changes nothing.
func (sentinelHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
