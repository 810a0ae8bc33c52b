package queue

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Wake tells every process that some job changed.
func (b *Broker) Wake(ctx context.Context) error {
	return unavailable(b.client.Publish(ctx, channelWake, "").Err())
}

// Wakes gives a signal after each change, several of them as one, and after
// each new connection, since news may have been lost with the old one. The
// channel is closed when the context ends.
func (b *Broker) Wakes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		subscription := b.client.Subscribe(ctx, channelWake)
		in := subscription.ChannelWithSubscriptions(redis.WithChannelSize(1))
		defer func() {
			_ = subscription.Close()
			for range in { // its goroutine may be about to send
			}
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case _, ok := <-in:
				if !ok {
					return
				}
				select {
				case out <- struct{}{}:
				default:
				}
			}
		}
	}()
	return out
}
