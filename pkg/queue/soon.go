package queue

import (
	"context"
	"time"

	"schedule-server/pkg/job"
)

// soonAfter is how long a task that was held back, and may ask again at any moment, waits until it is
// pending again. Asynq's own forwarder looks twice a second: a host whose calls take milliseconds would be idle in between.
const soonAfter = 20 * time.Millisecond

// bringSoon makes tasks of a queue pending again whose time to be retried has come, until there are none: each time as
// many as may find a place at once, a quarter of the slots, which is how many may wait for one.
func (t *taker) bringSoon(queue job.Queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.soon[queue] {
		return
	}
	t.soon[queue] = true
	time.AfterFunc(soonAfter, func() {
		t.mu.Lock()
		delete(t.soon, queue)
		t.mu.Unlock()
		if t.bring(queue) {
			t.bringSoon(queue) // there may be more
		}
	})
}

// bring reports whether it brought any. After an error, or at the worker's end, asynq's forwarder is left to do it.
func (t *taker) bring(queue job.Queue) bool {
	select {
	case <-t.closed:
		return false
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	n, err := t.bringDue(ctx, []string{t.b.asynqKey(queue, "retry"), t.b.asynqKey(queue, "pending")}, t.b.asynqKey(queue, "t:"), max(t.slots/4, 1))
	return err == nil && n > 0
}
