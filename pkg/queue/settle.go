package queue

import (
	"context"
	"time"
)

// Settle waits until every event that is in Redis now has been recorded. It
// lasts as long as the recorders take: bound it by the context.
func (b *Broker) Settle(ctx context.Context) error {
	last, err := b.client.XRevRangeN(ctx, keyResults, "+", "-", 1).Result()
	if err != nil {
		return unavailable(err)
	}
	if len(last) == 0 {
		return nil // what has been recorded is deleted
	}
	if err := b.client.Set(ctx, keySettling, b.name, yieldMost).Err(); err != nil {
		return unavailable(err)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		left, err := b.client.XRangeN(ctx, keyResults, "-", last[0].ID, 1).Result()
		if err != nil {
			return unavailable(err)
		}
		if len(left) == 0 {
			return nil
		}
		if !pause(ctx, wait) {
			return unavailable(ctx.Err())
		}
	}
}
