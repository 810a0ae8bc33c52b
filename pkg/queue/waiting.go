package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// waitForResults, waitForNews and waitForTrials are how long Redis holds a read for which there is nothing yet.
	waitForResults = 2 * time.Second
	waitForNews    = 5 * time.Second
	waitForTrials  = 5 * time.Second
	// lastRead is how long a read may go on when the context has ended: one that Redis
	// has answered already is not to be lost.
	lastRead = 300 * time.Millisecond
	// cutIdle is how long a read must have waited for its failure to be taken for a
	// connection that something in between cut because it was idle.
	cutIdle = time.Second
)

// waiter is a client of its own for reads that wait. Its end interrupts one that
// does, soon after the context has ended. End it in any case.
func (b *Broker) waiter(ctx context.Context) (client redis.UniversalClient, end func()) {
	client = b.dial(2) // one that waits, and one in its place when that is cut
	client.AddHook(b.admission)
	ended, closed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(closed)
		defer client.Close()
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		timer := time.NewTimer(lastRead)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
		}
	}()
	return client, sync.OnceFunc(func() {
		close(ended)
		<-closed
	})
}

// wasIdle reports whether a read that began then and failed is likely to have met
// an idle connection that was cut. Redis may be there all the same: that is found out by the next one.
func wasIdle(begun time.Time, err error) bool {
	return err != nil && !errors.Is(err, redis.Nil) && refusal(err) == "" && time.Since(begun) >= cutIdle
}
