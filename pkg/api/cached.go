package api

import (
	"context"
	"sync"
	"time"
)

// cached keeps what was read for a while, the longer the more it cost, and reads
// it anew for one caller at a time. Others get what there is meanwhile, and wait
// only where there is nothing.
type cached[T any] struct {
	// fresh is how long a value counts as the present at least; it is share times
	// as long as reading it took, if that is more.
	fresh time.Duration
	share int
	read  func(ctx context.Context) (T, error)
	turn  chan struct{}

	mu    sync.Mutex
	value T
	known bool
	until time.Time
}

func newCached[T any](fresh time.Duration, share int, read func(ctx context.Context) (T, error)) *cached[T] {
	return &cached[T]{fresh: fresh, share: share, read: read, turn: make(chan struct{}, 1)}
}

// stale is how long past its time a value is still given to who need not wait.
const stale = 30 * time.Second

// get gives the value. The error is that of reading it.
func (c *cached[T]) get(ctx context.Context) (T, error) {
	value, known, current := c.look()
	if current {
		return value, nil
	}
	if known {
		select {
		case c.turn <- struct{}{}:
		default:
			return value, nil // somebody is reading it
		}
	} else {
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			return value, ctx.Err()
		}
	}
	defer func() { <-c.turn }()
	if value, _, current = c.look(); current {
		return value, nil // somebody else was faster
	}
	start := time.Now() // a distance, as all of this
	value, err := c.read(ctx)
	if err != nil {
		return value, err
	}
	c.keep(value, time.Since(start))
	return value, nil
}

func (c *cached[T]) look() (value T, known, current bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	return c.value, c.known && now.Before(c.until.Add(stale)), c.known && now.Before(c.until)
}

func (c *cached[T]) keep(value T, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, c.known = value, true
	c.until = time.Now().Add(max(c.fresh, time.Duration(c.share)*took))
}
