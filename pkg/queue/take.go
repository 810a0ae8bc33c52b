package queue

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

const (
	// takeMost is how many tasks a worker takes at once, if it can begin them at once.
	takeMost = 32
	// lookEvery is how often an idle worker looks for tasks by itself: for those whose
	// bell was lost, and for those that somebody made pending by hand. lookSilent, where no bell can be heard.
	lookEvery  = 3 * time.Second
	lookSilent = 250 * time.Millisecond
	// keptTooLong is how long a task that was taken waits for a slot before it is given back.
	keptTooLong = time.Second
	// handOutWithin is how old a task may be, since it was taken, to be handed to asynq. It
	// is older if the process was stopped or its machine asleep: others may have taken it over.
	handOutWithin = 5 * time.Second
	// lookAfterError is how long a queue is left alone that Redis refused to give from. Asynq asks again at once.
	lookAfterError = 250 * time.Millisecond
	// batchTimeout bounds one batch that goes to Redis for many.
	batchTimeout = 10 * time.Second
)

// taker is the connection of one asynq server. Where asynq takes tasks one by one
// it takes as many as there are free slots, and hands them out; where asynq would
// look again and again it waits for the bell; and it completes many at once.
// Everything else goes through as it is.
type taker struct {
	redis.UniversalClient
	b *Broker
	// slots is how many deliveries there may be at once; busy, how many there are.
	slots int
	busy  func() int

	completions gatherer[*completion]
	bell        chan struct{}
	closed      chan struct{}

	// pulse tells whether tasks can be taken.
	pulse *job.Pulse

	mu    sync.Mutex
	taken map[string]*stock // by the key of the pending tasks
	// handed counts the tasks that asynq was given, begun those that it began.
	handed, begun int
	// soon are the queues whose tasks that were held back are about to be brought.
	soon map[job.Queue]bool

	delayedMu sync.Mutex
	delayed   map[string]*delayed // by the key of the set
}

// stock are the tasks taken from one queue.
type stock struct {
	keys     []string // pending, paused, active, lease
	prefix   string
	ids      []string
	messages []string
	since    time.Time
	// emptyUntil is how long Redis need not be asked again, unless the bell rings.
	emptyUntil time.Time
}

func (b *Broker) newTaker(slots int, busy func() int) *taker {
	t := &taker{
		UniversalClient: b.client, b: b, slots: slots, busy: busy, pulse: job.NewPulse(nil),
		bell: make(chan struct{}, 1), closed: make(chan struct{}), taken: map[string]*stock{}, soon: map[job.Queue]bool{},
		delayed: map[string]*delayed{},
	}
	t.completions.do = t.complete
	return t
}

// EvalSha runs a script. The Cmd is what asynq expects of its own.
func (t *taker) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	switch {
	case (sha == asynqForward || sha == asynqExpired) && t.b.clockOff(ctx): // it would act on others' tasks too early
		cmd := redis.NewCmd(ctx)
		cmd.SetVal(map[string]any{asynqForward: int64(0), asynqExpired: []any{}}[sha])
		return cmd
	case sha == asynqTake && len(keys) == 4 && len(args) == 2:
		cmd := redis.NewCmd(ctx)
		message, err := t.take(ctx, keys, args)
		cmd.SetVal(message)
		cmd.SetErr(err)
		return cmd
	case sha == asynqComplete && len(keys) == 6 && len(args) == 5:
		cmd := redis.NewCmd(ctx)
		cmd.SetVal("OK")
		cmd.SetErr(t.completions.one(ctx, &completion{keys, args}))
		return cmd
	case sha == asynqRetry && len(keys) == 8 && len(args) == 6:
		return t.retry(ctx, keys, args)
	case sha == asynqForward && len(keys) == 2:
		return t.forward(ctx, sha, keys, args)
	}
	return t.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

// take hands out one task of a queue; redis.Nil when there is none. Asynq asks
// for it only when it has a free slot.
func (t *taker) take(ctx context.Context, keys []string, args []any) (message string, err error) {
	if t.b.clockOff(ctx) {
		t.mu.Lock()
		for _, s := range t.taken {
			if len(s.ids) > 0 {
				t.giveBackAll(ctx, s)
			}
		}
		t.mu.Unlock()
		t.listen(ctx, lookSilent)
		return "", redis.Nil
	}
	if wait := t.idle(); wait > 0 {
		t.listen(ctx, wait)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.closed:
		return "", redis.Nil
	default:
	}
	s := t.taken[keys[0]]
	if s == nil {
		prefix, _ := args[1].(string)
		s = &stock{keys: keys, prefix: prefix}
		t.taken[keys[0]] = s
	}
	if len(s.ids) > 0 && time.Since(s.since) > handOutWithin {
		t.giveBackAll(ctx, s)
	}
	if len(s.ids) == 0 && time.Now().After(s.emptyUntil) {
		if err := t.fetch(ctx, s, args[0]); err != nil {
			return "", err
		}
	}
	if len(s.ids) == 0 {
		return "", redis.Nil
	}
	message = s.messages[0]
	s.ids, s.messages = s.ids[1:], s.messages[1:]
	t.handed++
	return message, nil
}

// fetch takes tasks from Redis for the free slots that no task waits for.
func (t *taker) fetch(ctx context.Context, s *stock, leaseEnd any) error {
	free := t.slots - t.busy() - max(0, t.handed-t.begun)
	waiting := 0
	for _, other := range t.taken {
		waiting += len(other.ids)
	}
	if waiting > 0 && free <= waiting {
		return nil
	}
	n := max(1, min(takeMost, free-waiting))
	answer, err := t.b.scripts.take.Run(ctx, t.UniversalClient, s.keys, leaseEnd, s.prefix, n, t.b.life).StringSlice()
	t.pulse.Done(unavailable(err))
	if err != nil {
		s.emptyUntil = time.Now().Add(lookAfterError)
		return err
	}
	s.since = time.Now()
	there := 0
	if len(answer) > 0 {
		there, _ = strconv.Atoi(answer[0]) // as our script wrote it
	}
	if there < n {
		s.emptyUntil = s.since.Add(t.every())
	}
	for i := 1; i+1 < len(answer); i += 2 {
		s.ids, s.messages = append(s.ids, answer[i]), append(s.messages, answer[i+1])
	}
	return nil
}

// every is how often an idle worker looks for tasks by itself.
func (t *taker) every() time.Duration {
	if t.b.hears() {
		return lookEvery
	}
	return lookSilent
}

// idle says how long every queue is known to be empty; zero: at least one may hold something.
func (t *taker) idle() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.taken) < len(queues()) {
		return 0
	}
	now, wait := time.Now(), t.every()
	for _, s := range t.taken {
		if len(s.ids) > 0 {
			return 0
		}
		wait = min(wait, s.emptyUntil.Sub(now))
	}
	return max(0, wait)
}

// listen waits for the bell, but not longer than that.
func (t *taker) listen(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-t.bell:
	case <-timer.C:
	case <-t.closed:
	case <-ctx.Done():
	}
}

// ring says that tasks were enqueued: every queue is asked again.
func (t *taker) ring() {
	t.mu.Lock()
	for _, s := range t.taken {
		s.emptyUntil = time.Time{}
	}
	t.mu.Unlock()
	select {
	case t.bell <- struct{}{}:
	default:
	}
}

// began notes that asynq began with a task.
func (t *taker) began() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun++
}

// watch gives back what waits too long for a slot, until the context ends; then
// no more is taken, and all is given back.
func (t *taker) watch(ctx context.Context) {
	ticker := time.NewTicker(keptTooLong)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			t.giveBack(ctx, now.Add(-keptTooLong))
		case <-ctx.Done():
			close(t.closed)
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
			defer cancel()
			t.giveBack(last, time.Now())
			return
		}
	}
}

// giveBack returns the tasks that were taken before a moment.
func (t *taker) giveBack(ctx context.Context, before time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.taken {
		if len(s.ids) > 0 && !s.since.After(before) {
			t.giveBackAll(ctx, s)
		}
	}
}

// giveBackAll returns the tasks of a stock. What cannot be returned comes back when its lease ends.
func (t *taker) giveBackAll(ctx context.Context, s *stock) {
	keys := []string{s.keys[2], s.keys[3], s.keys[0]}
	args := []any{t.b.life}
	for _, id := range slices.Backward(s.ids) { // the first taken is to be the next one again
		keys = append(keys, s.prefix+id)
		args = append(args, id)
	}
	if err := t.b.scripts.giveBack.Run(ctx, t.UniversalClient, keys, args...).Err(); err != nil {
		t.b.log.Warn("tasks that were taken could not be given back", "tasks", len(s.ids), "error", err)
	}
	_, _ = t.b.publish(ctx, channelBell, "") // others look by themselves too
	s.ids, s.messages = nil, nil
}
