package queue

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Asynq looks twice a second into each set of tasks that wait for their time. Most looks
// find nothing. A worker knows when the tasks are due that it put there itself, and what a look
// told it, and looks just then. For the others it looks every few seconds.

const (
	// lookForRetries and lookForScheduled are how often a worker looks in any case. Nothing of this
	// service schedules tasks; asynq's own tools can.
	lookForRetries   = 3 * time.Second
	lookForScheduled = 30 * time.Second
	// forwardMost is how many tasks are made pending in one step, as asynq does.
	forwardMost = 100
	// dueMost bounds the moments that are remembered of one set.
	dueMost = 1000
)

// bellDelayed is what the bell says when tasks wait for their time whose worker has ended.
const bellDelayed = "delayed"

// delayed is what is known of one set of tasks that wait for their time.
type delayed struct {
	// due are the seconds at which tasks that this process put there are due.
	due map[int64]bool
	// look is when the set is looked at in any case.
	look time.Time
}

// forward runs asynq's script that makes tasks pending whose time has come, if there may be any.
func (t *taker) forward(ctx context.Context, sha string, keys []string, args []any) *redis.Cmd {
	if !t.mayBeDue(keys[0], time.Now()) {
		cmd := redis.NewCmd(ctx)
		cmd.SetVal(int64(0))
		return cmd
	}
	if !strings.HasSuffix(keys[0], ":retry") {
		return t.UniversalClient.EvalSha(ctx, sha, keys, args...)
	}
	cmd := redis.NewCmd(ctx)
	n, err := t.bringDue(ctx, keys, args[1], forwardMost)
	cmd.SetVal(int64(n))
	cmd.SetErr(err)
	return cmd
}

// bringDue makes tasks pending whose time has come, and says how many.
func (t *taker) bringDue(ctx context.Context, keys []string, tasks any, most int) (int, error) {
	now := time.Now()
	answer, err := t.b.scripts.forward.Run(ctx, t.UniversalClient, keys, now.Unix(), tasks, most, now.UnixNano()).Int64Slice()
	if err == nil && len(answer) != 2 {
		err = errAnswer
	}
	if err != nil {
		t.lookAgain(keys[0])
		return 0, err
	}
	n, next := int(answer[0]), answer[1]
	if next >= 0 {
		t.waits(keys[0], next)
	}
	if n > 0 {
		t.ring()
		_, _ = t.b.publish(ctx, channelBell, "") // others may have more free slots; they look by themselves too
	}
	return n, nil
}

// retry lets a task wait for its next delivery, and notes when that is due.
func (t *taker) retry(ctx context.Context, keys []string, args []any) *redis.Cmd {
	cmd := t.b.scripts.retry.Run(ctx, t.UniversalClient, keys, args...)
	if cmd.Err() != nil {
		return cmd
	}
	if second, ok := args[2].(int64); ok {
		t.waits(keys[3], second)
	}
	select {
	case <-t.closed: // this process will not look any more
		_, _ = t.b.publish(ctx, channelBell, bellDelayed)
	default:
	}
	return cmd
}

// mayBeDue reports whether a set is to be looked at, and notes that it was.
func (t *taker) mayBeDue(set string, now time.Time) bool {
	t.delayedMu.Lock()
	defer t.delayedMu.Unlock()
	d := t.delayedOf(set)
	may := !now.Before(d.look)
	for second := range d.due {
		if second <= now.Unix() {
			delete(d.due, second)
			may = true
		}
	}
	if may {
		every := lookForRetries
		if strings.HasSuffix(set, ":scheduled") {
			every = lookForScheduled
		}
		d.look = now.Add(every)
	}
	return may
}

// lookAgain has a set looked at the next time.
func (t *taker) lookAgain(set string) {
	t.delayedMu.Lock()
	defer t.delayedMu.Unlock()
	t.delayedOf(set).look = time.Time{}
}

// lookAtAll has all sets looked at the next time.
func (t *taker) lookAtAll() {
	t.delayedMu.Lock()
	defer t.delayedMu.Unlock()
	for _, d := range t.delayed {
		d.look = time.Time{}
	}
}

// waits notes when a task is due that this process put into a set. What is beyond
// dueMost is found by a look.
func (t *taker) waits(set string, second int64) {
	t.delayedMu.Lock()
	defer t.delayedMu.Unlock()
	if d := t.delayedOf(set); len(d.due) < dueMost {
		d.due[second] = true
	}
}

func (t *taker) delayedOf(set string) *delayed {
	d := t.delayed[set]
	if d == nil {
		d = &delayed{due: map[int64]bool{}}
		t.delayed[set] = d
	}
	return d
}
