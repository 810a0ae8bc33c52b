package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// as is the address for a user of the server.
func (s *redisServer) as(user string) string {
	return fmt.Sprintf("redis://%s:secret@127.0.0.1:%d/0", user, s.port)
}

// The rights that docs/redis.md names are enough for everything, the monitor included but for its page about Redis itself.
func TestTheLeastRightsAreEnough(t *testing.T) {
	for name, tc := range map[string]struct {
		prefix string
		rights []any
	}{
		"no prefix": {"", []any{"~asynq:*", "~{schedule}:*", "&schedule:*", "&asynq:cancel"}},
		"a prefix": {"staging", []any{"~asynq:{staging:*", "~asynq:queues", "~asynq:servers*", "~asynq:workers*", "~{staging:schedule}:*",
			"&staging:schedule:*", "&asynq:cancel"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startRedis(t)
			s.command(append(append([]any{"ACL", "SETUSER", "least", "on", ">secret"}, tc.rights...), "+@all", "-@dangerous", "+info")...)
			x := everythingUnder(t, s.as("least"), tc.prefix)
			i := x.b.NewIdentity(openStore(t, newInstallation(t).file), "beat")
			i.mayUse(t, true)
			x.b.noteEviction(x.ctx)
			if text := x.log.String(); strings.Contains(text, "NOPERM") || strings.Contains(text, "channels") || len(x.b.Warnings()) != 0 {
				t.Errorf("it says:\n%s\n%+v", text, x.b.Warnings())
			}
			if denied := s.command("ACL", "LOG"); denied != "[]" {
				t.Errorf("denied were %s", denied)
			}
		})
	}
}

// A user of Redis 7 has no channels unless they are given: everything works, and is looked for again and again.
func TestWithoutChannelsWorkIsLookedFor(t *testing.T) {
	s := startRedis(t)
	s.command("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all")
	x := &bench{t: t, ctx: context.Background(), server: s, log: &logBook{}}
	x.b = openBroker(t, s.as("deaf"), "host:1", x.log)
	block := make(chan struct{})
	c := &calls{answer: func(ctx context.Context, task *job.Task, _ int) (job.Outcome, error) {
		if task.RunID == "to be cut" {
			<-ctx.Done()
			close(block)
		}
		return job.Outcome{}, nil
	}}
	x.work(x.b, c)
	for i := range 3 {
		noError(t, x.b.Enqueue(x.ctx, []job.Task{taskOf(fmt.Sprint("run-", i))}))
		eventually(t, "it is delivered", func() bool { return c.count() == i+1 })
	}
	noError(t, x.b.Wake(x.ctx))
	noError(t, x.b.HoldHost(x.ctx, &job.HeldHost{Host: "h", Cause: job.HoldRefusing, Until: now() + 1000, Times: 1}))
	noError(t, x.b.ReleaseHost(x.ctx, "h"))
	noError(t, x.b.Enqueue(x.ctx, []job.Task{taskOf("to be cut")}))
	eventually(t, "it is called", func() bool { return c.count() == 4 })
	noError(t, x.b.Interrupt(x.ctx, []string{"to be cut"}))
	<-block
	if n := x.log.count("redis lets this process use no channels"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, x.log)
	}
	if w := x.b.Warnings(); len(w) != 1 || w[0].Code != "redis_silent" || w[0].MessageZH == "" {
		t.Errorf("the warnings are %+v", w)
	}

	s.command("ACL", "SETUSER", "deaf", "allchannels")
	eventually(t, "the bell can be rung again", func() bool {
		noError(t, x.b.Wake(x.ctx))
		x.b.channels.mu.Lock()
		defer x.b.channels.mu.Unlock()
		return !x.b.channels.mute
	})
}

// Rights that are taken away from a running process, and given back, are noticed.
func TestChannelsThatAreTakenAwayAndGivenBack(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	s.command("ACL", "SETUSER", "user", "on", ">secret", "~*", "&*", "+@all")
	log := &logBook{}
	b := openBroker(t, s.as("user"), "host:1", log)
	heard := make(chan bool, 100)
	run(t, func(ctx context.Context) error {
		b.listenEvery(ctx, 50*time.Millisecond, 50*time.Millisecond, func(message *redis.Message) { heard <- message == nil }, b.key(channelWake))
		return nil
	})
	<-heard
	s.command("ACL", "SETUSER", "user", "resetchannels")
	eventually(t, "it is noticed", b.silent)
	s.command("ACL", "SETUSER", "user", "allchannels")
	eventually(t, "it is noticed", func() bool {
		noError(t, b.Wake(context.Background()))
		return !b.silent()
	})
	for drained := false; !drained; {
		select {
		case <-heard:
		default:
			drained = true
		}
	}
	eventually(t, "a message is heard", func() bool {
		noError(t, b.Wake(context.Background()))
		select {
		case nothing := <-heard:
			return !nothing
		default:
			return false
		}
	})
	if log.count("use no channels") == 0 || log.count("its channels again") == 0 {
		t.Errorf("it says:\n%s", log)
	}
}

func TestEvictionIsWarnedOf(t *testing.T) {
	s := startRedis(t, "--maxmemory-policy", "allkeys-lru")
	s.command("ACL", "SETUSER", "least", "on", ">secret", "~*", "&*", "+@all", "-@dangerous")
	log := &logBook{}
	b := openBroker(t, s.url(), "host:1", log)
	b.noteEviction(t.Context())
	b.noteEviction(t.Context())
	if w := b.Warnings(); len(w) != 1 || w[0].Code != "redis_evicts" || !strings.Contains(w[0].Message, "allkeys-lru") || !strings.Contains(w[0].MessageZH, "allkeys-lru") {
		t.Errorf("the warnings are %+v", w)
	}
	s.kill()
	b.noteEviction(t.Context()) // not told: as before
	s.start()
	if n := log.count("maxmemory_policy=allkeys-lru"); n != 1 || len(b.Warnings()) != 1 {
		t.Errorf("it was said %d times:\n%s", n, log)
	}
	s.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
	b.noteEviction(t.Context())
	if log.count("throws no keys away any more") != 1 || len(b.Warnings()) != 0 {
		t.Errorf("it says:\n%s\n%v", log, b.Warnings())
	}
	// Who may not ask says nothing, and neither does the embedded one.
	s.command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
	e, err := NewEmbedded()
	noError(t, err)
	t.Cleanup(e.Close)
	for _, url := range []string{s.as("least"), e.URL()} {
		quiet := &logBook{}
		b := openBroker(t, url, "host:2", quiet)
		b.noteEviction(t.Context())
		if len(b.Warnings()) != 0 || quiet.String() != "" {
			t.Errorf("it says %v, and logs:\n%s", b.Warnings(), quiet)
		}
	}
}

// What nobody records is said, by Redis' own clock, and channels that are refused are named.
func TestChecksNameWhatIsNotDone(t *testing.T) {
	x := newBench(t)
	noError(t, x.b.CheckResults(x.ctx))
	noError(t, x.b.CheckChannels(x.ctx))
	at := (x.redisNow() - 20) * 1000
	noError(t, x.b.client.XAdd(x.ctx, &redis.XAddArgs{Stream: x.b.key(keyResults), ID: fmt.Sprintf("%d-1", at), Values: []any{"a", "b"}}).Err())
	if err := x.b.CheckResults(x.ctx); err == nil || !strings.Contains(err.Error(), "results have been waiting to be recorded for 2") {
		t.Errorf("got %v", err)
	}
	x.server.command("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels")
	deaf := openBroker(t, x.server.as("deaf"), "host:2", x.log)
	if _, err := deaf.publish(x.ctx, channelBell, ""); err != nil {
		t.Errorf("a bell that cannot be rung is an error: %v", err)
	}
	if err := deaf.CheckChannels(x.ctx); err == nil || !strings.Contains(err.Error(), "&schedule:*") {
		t.Errorf("got %v", err)
	}
	tasks := tasksOf(1)
	noError(t, deaf.Enqueue(x.ctx, tasks))
	if got := x.state(tasks[0].RunID); got != "pending" {
		t.Errorf("the task is %q", got)
	}
}
