package queue

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Wake tells every process that some job changed.
func (b *Broker) Wake(ctx context.Context) error {
	_, err := b.publish(ctx, channelWake, "")
	return err
}

// Wakes gives a signal after each change, several of them as one, and after
// each new connection, since news may have been lost with the old one. The
// channel is closed when the context ends.
func (b *Broker) Wakes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		b.listen(ctx, func(*redis.Message) {
			select {
			case out <- struct{}{}:
			default:
			}
		}, b.key(channelWake))
	}()
	return out
}
