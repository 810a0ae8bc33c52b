package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// known asks a server which of asynq's scripts it has been given.
func (x *bench) known() []bool {
	x.t.Helper()
	known, err := x.b.client.ScriptExists(x.ctx, asynqEnqueue, asynqTake, asynqComplete, asynqRetry).Result()
	noError(x.t, err)
	return known
}

// dump tells what lies in Redis for one task and its queue. Moments, and the message they are part of, are left out.
func (x *bench) dump(runID string) map[string]any {
	x.t.Helper()
	all := map[string]any{}
	c := x.b.client
	for _, name := range []string{"pending", "active"} {
		all[name] = c.LRange(x.ctx, x.b.asynqKey("default", name), 0, -1).Val()
	}
	for _, name := range []string{"lease", "retry", "completed"} {
		all[name] = c.ZRange(x.ctx, x.b.asynqKey("default", name), 0, -1).Val()
	}
	task := c.HGetAll(x.ctx, x.b.asynqTask("default", runID)).Val()
	all["fields"] = slices.Sorted(maps.Keys(task))
	all["state"] = task["state"]
	for _, name := range []string{"processed", "failed"} {
		day := x.b.asynqKey("default", name+":"+time.Now().UTC().Format(time.DateOnly))
		all[name] = c.Get(x.ctx, x.b.asynqKey("default", name)).Val()
		all[name+" today"], all[name+", kept for a while"] = c.Get(x.ctx, day).Val(), c.TTL(x.ctx, day).Val() > 24*time.Hour
	}
	return all
}

// A task must lie in Redis as asynq's own scripts would have it, wherever it stands: asynq's
// recoverer, forwarder and monitor, and workers of an older version, go by that. And the
// scripts that are replaced must be those of this asynq: it would work on without, and be slow.
func TestBatchesLeaveWhatAsynqLeaves(t *testing.T) {
	ours, plain := newBench(t), newBench(t)
	options := []asynq.Option{asynq.TaskID("run"), asynq.Retention(retention), asynq.Timeout(time.Minute)}
	payload, err := encodeTask(new(taskOf("run")), "")
	noError(t, err)
	_, err = asynq.NewClientFromRedisClient(plain.b.client).Enqueue(asynq.NewTask(taskDeliver, payload), options...)
	noError(t, err)
	noError(t, ours.b.Enqueue(ours.ctx, []job.Task{taskOf("run")}))
	compare := func(when string, more ...string) {
		t.Helper()
		want := plain.dump("run")
		want["fields"] = slices.Sorted(slices.Values(append(want["fields"].([]string), more...)))
		if diff := cmp.Diff(want, ours.dump("run")); diff != "" {
			t.Errorf("%s (-asynq +ours):\n%s", when, diff)
		}
	}
	compare("pending")

	entered, release := make(chan bool, 2), make(chan *job.Instant)
	enter := func() *job.Instant { entered <- true; return <-release }
	server := asynq.NewServerFromRedisClient(plain.b.client, asynq.Config{Concurrency: 1, LogLevel: asynq.FatalLevel, TaskCheckInterval: time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour }})
	noError(t, server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if enter() != nil {
			return errors.New("failed")
		}
		return nil
	})))
	defer server.Shutdown()
	ours.work(ours.b, deliverer(func(context.Context, *job.Task) (job.Outcome, error) {
		return job.Outcome{RetryAt: enter()}, nil
	}))
	<-entered
	<-entered
	compare("active", fieldTaker, "pending_since")
	later := now() + 3_600_000
	release <- &later
	release <- &later
	for _, x := range []*bench{ours, plain} {
		eventually(t, "it waits for its next attempt", func() bool { return x.state("run") == "retry" })
	}
	compare("retry", fieldTaker, "pending_since", fieldOutcome)
	for _, x := range []*bench{ours, plain} {
		noError(t, x.inspector.RunTask("default", "run"))
		<-entered
	}
	close(release)
	for _, x := range []*bench{ours, plain} {
		eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	}
	compare("completed", fieldTaker, "pending_since") // and without what was saved

	if got := plain.known(); slices.Contains(got, false) {
		t.Errorf("asynq has other scripts than those that are replaced: %v", got)
	}
	if got := ours.known(); slices.Contains(got, true) {
		t.Errorf("asynq's own scripts were used: %v", got)
	}
}

// What cannot be begun at once is left to others, at the end of a worker too.
func TestTasksThatWaitForASlotAreGivenBack(t *testing.T) {
	x := newBench(t)
	taker := x.b.newTaker(8, func() int { return 0 })
	noError(t, x.b.Enqueue(x.ctx, tasksOf(20)))
	keys := takeKeys(x.b)
	message, err := takeOne(taker)
	noError(t, err)
	if !strings.Contains(message, "run-00000") {
		t.Errorf("the first task was not the oldest: %q", message)
	}
	if n := x.b.client.LLen(x.ctx, keys[2]).Val(); n != 8 {
		t.Errorf("%d tasks were taken for 8 slots", n)
	}
	taker.giveBack(x.ctx, time.Now())
	if active := x.b.client.LRange(x.ctx, keys[2], 0, -1).Val(); !slices.Equal(active, []string{"run-00000"}) {
		t.Errorf("still taken: %v", active)
	}
	var next []string
	for _, id := range slices.Backward(x.b.client.LRange(x.ctx, keys[0], 0, -1).Val()) {
		next = append(next, id)
	}
	for i, id := range next {
		if want := fmt.Sprintf("run-%05d", i+1); id != want {
			t.Fatalf("place %d holds %s, want %s: the order changed", i, id, want)
		}
	}
	if len(next) != 19 || x.state("run-00001") != "pending" {
		t.Errorf("%d tasks wait, the first of them %s", len(next), x.state("run-00001"))
	}
	stop := run(t, func(ctx context.Context) error { taker.watch(ctx); return nil })
	stop()
	if _, err := takeOne(taker); err == nil {
		t.Error("a worker that is to end takes more")
	}
}

// What a process took before it was stopped for long is not begun, and given back
// only if nobody has taken it over.
func TestWhatWasTakenLongAgoIsNotBegun(t *testing.T) {
	x := newBench(t)
	taker := x.b.newTaker(4, func() int { return 0 })
	noError(t, x.b.Enqueue(x.ctx, tasksOf(4)))
	_, err := takeOne(taker)
	noError(t, err)
	noError(t, x.b.client.HSet(x.ctx, x.b.asynqTask("default", "run-00002"), fieldTaker, deadLife).Err())
	taker.taken[takeKeys(x.b)[0]].since = time.Now().Add(-2 * handOutWithin)
	noError(t, x.b.client.Set(x.ctx, x.b.asynqKey("default", "paused"), 1, 0).Err()) // so that nothing is taken again
	if message, err := takeOne(taker); !errors.Is(err, redis.Nil) {
		t.Errorf("it hands out %q, %v", message, err)
	}
	for id, want := range map[string]string{"run-00000": "active", "run-00001": "pending", "run-00002": "active", "run-00003": "pending"} {
		if got := x.state(id); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}

// takeKeys are the keys that asynq takes a task of the default queue by.
func takeKeys(b *Broker) []string {
	return []string{b.asynqKey("default", "pending"), b.asynqKey("default", "paused"), b.asynqKey("default", "active"), b.asynqKey("default", "lease")}
}

// takeOne takes a task as asynq does.
func takeOne(t *taker) (message string, err error) {
	return t.EvalSha(context.Background(), asynqTake, takeKeys(t.b), time.Now().Add(time.Minute).Unix(), t.b.asynqKey("default", "t:")).Text()
}

// A task that is already being delivered fills a slot: no other is taken for it.
func TestNoMoreIsTakenThanCanBegin(t *testing.T) {
	x := newBench(t)
	release := make(chan bool)
	c := &calls{answer: func(context.Context, *job.Task, int) (job.Outcome, error) { <-release; return job.Outcome{}, nil }}
	noError(t, x.b.Enqueue(x.ctx, tasksOf(60)))
	x.work(x.b, c)
	eventually(t, "all slots are busy", func() bool { return c.count() == 20 })
	if n := x.b.client.LLen(x.ctx, x.b.asynqKey("default", "pending")).Val(); n != 40 {
		t.Errorf("%d of 60 tasks wait in Redis while 20 are delivered", n)
	}
	close(release)
	eventually(t, "all delivered", func() bool { return c.count() == 60 })
}

// What one task is refused is no matter of the others.
func TestOneOfABatchMayFail(t *testing.T) {
	x := newBench(t)
	taker := x.b.newTaker(8, func() int { return 0 })
	noError(t, x.b.Enqueue(x.ctx, tasksOf(2)))
	_, err := takeOne(taker)
	noError(t, err)
	complete := func(id string) *completion {
		return &completion{
			keys: []string{x.b.asynqKey("default", "active"), x.b.asynqKey("default", "lease"), x.b.asynqKey("default", "completed"),
				x.b.asynqTask("default", id), x.b.asynqKey("default", "processed:2000-01-01"), x.b.asynqKey("default", "processed")},
			args: []any{id, time.Now().Add(time.Hour).Unix(), time.Now().Add(time.Hour).Unix(), "message of " + id, "9223372036854775807"},
		}
	}
	errs := taker.complete([]*completion{complete("run-00000"), complete("unknown"), complete("run-00001")})
	if errs[0] != nil || errs[1] == nil || errs[1].Error() != "NOT FOUND" || errs[2] != nil {
		t.Errorf("completed with %v", errs)
	}
	if n := x.b.client.Get(x.ctx, x.b.asynqKey("default", "processed")).Val(); n != "2" {
		t.Errorf("%s were counted", n)
	}
}

// What is held back and may be asked for again at any moment does not wait for asynq's forwarder, which does not run here.
func TestWhatIsHeldBackForAMomentIsBroughtSoon(t *testing.T) {
	x := newBench(t)
	noError(t, x.b.Enqueue(x.ctx, tasksOf(20)))
	retry, pending := x.b.asynqKey("default", "retry"), x.b.asynqKey("default", "pending")
	noError(t, x.b.client.Del(x.ctx, pending).Err())
	later := float64(time.Now().Add(time.Hour).Unix())
	for i, task := range tasksOf(20) {
		due := redis.Z{Score: 1, Member: task.RunID}
		if i >= 15 {
			due.Score = later
		}
		noError(t, x.b.client.ZAdd(x.ctx, retry, due).Err())
	}
	taker := x.b.newTaker(8, func() int { return 0 })
	taker.bringSoon(job.QueueDefault)
	eventually(t, "all that are due are pending", func() bool { return x.b.client.LLen(x.ctx, pending).Val() == 15 })
	eventually(t, "nothing more is looked for", func() bool {
		taker.mu.Lock()
		defer taker.mu.Unlock()
		return len(taker.soon) == 0
	})
	if n := x.b.client.ZCard(x.ctx, retry).Val(); n != 5 || len(taker.bell) != 1 {
		t.Errorf("%d are left for later, the bell rang %d times", n, len(taker.bell))
	}
	if state := x.state("run-00000"); state != "pending" {
		t.Errorf("it is %s", state)
	}
}
