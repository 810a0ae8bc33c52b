package queue

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

const (
	// listenFirst and listenAgain are when what is listened to is asked for again: a
	// connection whose rights were taken away, and given back, would stay silent.
	listenFirst = 5 * time.Second
	listenAgain = 30 * time.Second
)

// channels is what is known of this process's rights to use channels.
type channels struct {
	mu sync.Mutex
	// mute: Redis refused to publish. deaf: Redis did not confirm a subscription. hearing: it once did.
	mute, deaf, hearing bool
}

// publish tells a channel something. What Redis refuses to publish is lost, which is
// no error: everybody looks for news by themselves as well.
func (b *Broker) publish(ctx context.Context, channel name, message string) (refused bool, err error) {
	err = b.client.Publish(ctx, b.key(channel), message).Err()
	refused = refusal(err) != ""
	if err == nil || refused {
		b.noteChannels(func(c *channels) { c.mute = refused })
	}
	if refused {
		return true, nil
	}
	return false, unavailable(err)
}

// silent reports whether channels cannot be used.
func (b *Broker) silent() bool {
	b.channels.mu.Lock()
	defer b.channels.mu.Unlock()
	return b.channels.mute || b.channels.deaf
}

// CheckChannels is an error when channels cannot be used, which makes work late and stops none.
func (b *Broker) CheckChannels(context.Context) error {
	if b.silent() {
		return job.Errorf(job.CodeUnavailable, "refused: work is looked for again and again, and may be up to a second late; give the Redis user &%sschedule:* and &asynq:cancel", b.prefix)
	}
	return nil
}

// hears reports whether this process can rely on what is published.
func (b *Broker) hears() bool {
	b.channels.mu.Lock()
	defer b.channels.mu.Unlock()
	return b.channels.hearing && !b.channels.mute && !b.channels.deaf
}

// noteChannels changes what is known of channels, and tells operators when they can no more, or can again, be used.
func (b *Broker) noteChannels(change func(*channels)) {
	c := &b.channels
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.mute || c.deaf
	change(c)
	switch after := c.mute || c.deaf; {
	case after && !before:
		b.log.Warn("redis lets this process use no channels: work is looked for again and again instead; give its user the rights to them",
			"acl", "&"+b.prefix+"schedule:* &asynq:cancel")
	case before && !after:
		b.log.Info("redis lets this process use its channels again")
	}
}

// listen hands over what is published on channels until the context ends. A nil
// message says that listening began, or began anew: something may have been missed.
func (b *Broker) listen(ctx context.Context, handle func(*redis.Message), names ...string) {
	b.listenEvery(ctx, listenFirst, listenAgain, handle, names...)
}

func (b *Broker) listenEvery(ctx context.Context, first, every time.Duration, handle func(*redis.Message), names ...string) {
	subscription := b.client.Subscribe(ctx, names...)
	in := subscription.ChannelWithSubscriptions()
	defer func() {
		_ = subscription.Close()
		for range in { // its goroutine may be about to send
		}
	}()
	again := time.NewTimer(first)
	defer again.Stop()
	confirmed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if !confirmed && b.client.Ping(ctx).Err() == nil {
				b.noteChannels(func(c *channels) { c.deaf = true })
			}
			confirmed = false
			_ = subscription.Subscribe(ctx, names...) // what fails is tried again
			again.Reset(every)
		case one, open := <-in:
			if !open {
				return
			}
			switch one := one.(type) {
			case *redis.Subscription:
				confirmed = true
				b.noteChannels(func(c *channels) { c.deaf, c.hearing = false, true })
				handle(nil)
			case *redis.Message:
				handle(one)
			}
		}
	}
}
