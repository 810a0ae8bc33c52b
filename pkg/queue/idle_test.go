package queue

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// Tasks whose time has come are made pending at that moment, ring the bell of this worker and of others, and
// cost nothing meanwhile.
func TestDelayedTasksAreForwardedInTime(t *testing.T) {
	x := newBench(t)
	stop := x.work(x.b, &calls{answer: done})
	eventually(t, "asynq has forwarded by the script that is watched for", func() bool {
		known, err := x.b.client.ScriptExists(x.ctx, asynqForward).Result()
		return err == nil && known[0]
	})
	stop()
	x.enqueue("run", "later", "last")
	retry, pending := x.b.asynqKey("default", "retry"), x.b.asynqKey("default", "pending")
	noError(t, x.b.client.Del(x.ctx, pending).Err())
	rung := make(chan bool, 10)
	run(t, func(ctx context.Context) error {
		x.b.listen(ctx, func(message *redis.Message) { rung <- message != nil }, x.b.key(channelBell))
		return nil
	})
	<-rung // it listens
	taker := x.b.newTaker(8, func() int { return 0 })
	forward := func(want int) {
		t.Helper()
		n, err := taker.EvalSha(x.ctx, asynqForward, []string{retry, pending}, time.Now().Unix(), x.b.asynqKey("default", "t:"), 1, "").Int()
		noError(t, err)
		if n != want {
			t.Errorf("%d were forwarded, want %d", n, want)
		}
	}
	asked := func() int64 {
		t.Helper()
		return x.calls("evalsha")
	}
	forward(0)
	before := asked()
	for range 100 {
		forward(0)
	}
	if n := asked() - before; n > 1 { // after three seconds it is asked again
		t.Errorf("Redis was asked %d times", n)
	}
	// This process put it there, by asynq's own script.
	second := time.Now().Unix()
	taker.waits(retry, second)
	noError(t, x.b.client.ZAdd(x.ctx, retry, redis.Z{Score: float64(second), Member: "run"}, redis.Z{Score: float64(second + 1000), Member: "later"}).Err())
	forward(1)
	if !<-rung || len(taker.bell) != 1 {
		t.Error("the bell did not ring")
	}
	// The look told when the next one is due, and that there may be more now.
	taker.delayedMu.Lock()
	if d := taker.delayed[retry]; !d.due[second+1000] || len(d.due) != 1 {
		t.Errorf("it is known of %v", d.due)
	}
	taker.delayedMu.Unlock()
	// A worker that has ended left something there.
	noError(t, x.b.client.ZAdd(x.ctx, retry, redis.Z{Score: 1, Member: "last"}).Err())
	taker.lookAtAll()
	forward(1)
}

// calls is how often Redis has done a command.
func (x *bench) calls(command string) int64 {
	x.t.Helper()
	stats, err := x.b.client.InfoMap(x.ctx, "commandstats").Result()
	noError(x.t, err)
	var n int64
	_, _ = fmt.Sscanf(stats["Commandstats"]["cmdstat_"+command], "calls=%d", &n)
	return n
}

// An idle service asks Redis little.
func TestAnIdleServiceAsksLittle(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	worker, api := x.open("worker:1"), x.open("api:1")
	x.work(worker, &calls{answer: done})
	run(t, func(ctx context.Context) error { return worker.Trials(ctx, nil) })
	x.record(x.b, "host:1", &record{})
	run(t, x.b.WatchWorkers)
	run(t, func(ctx context.Context) error {
		for pause(ctx, 3*time.Second) {
			_ = x.b.BeatAlive(ctx)
		}
		return nil
	})
	run(t, func(ctx context.Context) error { return api.Changes(ctx, func(string, []job.News) {}, func() {}) })
	eventually(t, "the worker gives signs", func() bool { return x.b.client.ZCard(x.ctx, x.b.key(keyWorkers)).Val() == 1 })
	count := func() (n int64) {
		_, _ = fmt.Sscan(x.b.client.InfoMap(x.ctx, "stats").Val()["Stats"]["total_commands_processed"], &n)
		return n
	}
	const seconds = 5
	before := count()
	pause(t.Context(), seconds*time.Second)
	// 26 a second were measured, a third of them for notifications; on a slow machine it is less.
	if n := count() - before; n > 35*seconds {
		t.Errorf("%d commands in %d seconds", n, seconds)
	}
}

// A read that waits ends soon when its process is to end.
func TestReadsThatWaitEndWithTheProcess(t *testing.T) {
	x := newBench(t)
	for name, part := range map[string]func(context.Context) error{
		"results": func(ctx context.Context) error {
			return x.b.Results(ctx, "host:1", func(context.Context, []job.Event) error { return nil })
		},
		"news":   func(ctx context.Context) error { return x.b.Changes(ctx, func(string, []job.News) {}, func() {}) },
		"trials": func(ctx context.Context) error { return x.b.Trials(ctx, nil) },
	} {
		blocked := func() bool {
			info := x.b.client.InfoMap(x.ctx, "clients").Val()["Clients"]["blocked_clients"]
			return info == "1"
		}
		stop := run(t, part)
		eventually(t, name+" waits", blocked)
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > waitForNews-time.Second {
			t.Errorf("%s ended after %s", name, took)
		}
	}
}

// What lies between cuts connections on which nothing happens: that is no outage.
func TestIdleConnectionsThatAreCut(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	address := newSwitched(t, x.server.port)
	b := openBroker(t, "redis://"+address.listener.Addr().String(), "host:2", x.log)
	r := &record{}
	x.record(b, "host:2", r)
	var mu sync.Mutex
	var news []job.News
	lost := 0
	run(t, func(ctx context.Context) error {
		return b.Changes(ctx, func(_ string, changes []job.News) {
			mu.Lock()
			defer mu.Unlock()
			news = append(news, changes...)
		}, func() { lost++ })
	})
	announcer := x.b.NewAnnouncer()
	run(t, announcer.Run)
	for i := range 3 {
		eventually(t, "two reads wait", func() bool {
			return x.b.client.InfoMap(x.ctx, "clients").Val()["Clients"]["blocked_clients"] == "2"
		})
		pause(x.ctx, cutIdle+200*time.Millisecond)
		address.cut()
		x.report(fmt.Sprint("run-", i))
		announcer.Announce(job.News{Run: &job.RunChange{ID: fmt.Sprint("run-", i), State: job.StateRunning}})
		eventually(t, "it is recorded and told", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return r.times()[fmt.Sprint("run-", i)] > 0 && len(news) == i+1
		})
	}
	if x.log.count("redis is away") != 0 || lost != 0 {
		t.Errorf("lost %d times, and it says:\n%s", lost, x.log)
	}
}
