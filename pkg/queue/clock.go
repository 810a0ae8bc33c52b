package queue

import (
	"context"
	"sync"
	"time"

	"schedule-server/pkg/job"
)

// The clock of Redis is the one that all processes share. Leases of tasks and moments of retries are
// written and read by the clocks of many workers, and schedules are fired by the clocks of
// beats: one that is far off would take others' calls for lost, or fire too early.

const (
	// clockApart is how far the clock of a process may be from that of Redis.
	clockApart = 5 * time.Second
	// clockEvery is how often the two are compared.
	clockEvery = 2 * time.Second
)

// clockwork is what is known of the clock of this process.
type clockwork struct {
	mu       sync.Mutex
	known    bool
	compared time.Time
	off      *job.Error
}

// CheckClock is an error while the clock of this process differs too much from that of Redis, by which all
// go. What Redis does not tell now leaves what is known as it is; nothing known is an error, too.
func (b *Broker) CheckClock(ctx context.Context) error {
	if !b.watchClock {
		return nil
	}
	c := &b.clockwork
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); !c.known || now.Sub(c.compared) >= clockEvery {
		if err := b.compareClock(ctx, c); err != nil && !c.known {
			return err
		}
		c.compared = now
	}
	if c.off != nil {
		return c.off
	}
	return nil
}

// compareClock asks Redis for its time. The answer lies between the two moments at which it was asked for and came.
func (b *Broker) compareClock(ctx context.Context, c *clockwork) error {
	ctx, stop := context.WithTimeout(ctx, clockApart)
	defer stop()
	before := b.now()
	there, err := b.client.Time(ctx).Result()
	after := b.now()
	if err != nil {
		return unavailable(err)
	}
	redis := job.Instant(there.UnixMilli())
	apart, side := time.Duration(0), ""
	switch {
	case redis < before:
		apart, side = before.Sub(redis), "ahead of"
	case redis > after:
		apart, side = redis.Sub(after), "behind"
	}
	was := c.off
	c.known, c.off = true, nil
	if apart > clockApart {
		c.off = job.Errorf(job.CodeUnavailable, "the clock of this machine is %s %s that of Redis: set both by NTP; until then this process takes and fires nothing",
			job.Duration(apart.Round(time.Second)), side)
	}
	switch {
	case c.off != nil && was == nil:
		b.log.Error("nothing is taken and fired", "error", c.off)
	case c.off == nil && was != nil:
		b.log.Info("the clock of this machine is right again")
	}
	return nil
}

// clockOff is CheckClock where what is not known does not count.
func (b *Broker) clockOff(ctx context.Context) bool {
	err := b.CheckClock(ctx)
	if err == nil {
		return false
	}
	b.clockwork.mu.Lock()
	defer b.clockwork.mu.Unlock()
	return b.clockwork.off != nil
}
