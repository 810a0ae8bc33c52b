package queue

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// everything goes the way of a run once through every function, on any kind of Redis.
func everything(t *testing.T, url string) *bench { return everythingUnder(t, url, "") }

func everythingUnder(t *testing.T, url, prefix string) *bench {
	t.Helper()
	x := &bench{t: t, ctx: context.Background(), log: &logBook{}}
	x.b = openPrefixed(t, url, prefix, "host:1", x.log)
	var retryAt job.Instant
	c := &calls{answer: func(_ context.Context, task *job.Task, _ int) (job.Outcome, error) {
		canceled, err := x.b.Report(x.ctx, &job.Event{RunID: task.RunID, At: now(), State: job.StateRunning, N: len(task.Made) + 1})
		if err != nil || canceled {
			return job.Outcome{}, err
		}
		if task.RunID == "retried" && len(task.Made) == 0 {
			retryAt = now() + 10
			return job.Outcome{RetryAt: &retryAt, Made: []job.Attempt{attempt(1)}}, nil
		}
		_, err = x.b.Report(x.ctx, &job.Event{RunID: task.RunID, At: now(), State: job.StateSucceeded, N: len(task.Made) + 1})
		return job.Outcome{}, err
	}}
	r := &record{}
	wakes := x.b.Wakes(t.Context())
	x.record(x.b, "host:1", r)
	tasks := append(tasksOf(200), taskOf("retried"))
	noError(t, x.b.Enqueue(x.ctx, tasks))
	noError(t, x.b.Enqueue(x.ctx, tasks))
	noError(t, x.b.Cancel(x.ctx, []job.Run{{ID: "run-00007", Queue: job.QueueDefault}}))
	x.vanish(x.b.asynqTask("default", "run-00008"))
	found, err := x.b.Find(x.ctx, openOf(tasks), false)
	noError(t, err)
	for i, remains := range found {
		if lost := i == 7 || i == 8; (remains.Whereabouts == job.TaskLost) != lost {
			t.Errorf("run %d is %v after one was canceled and one vanished", i, remains)
		}
	}
	made, err := x.b.Redeliver(x.ctx, tasks[8:10], marksOf(found[8:10]))
	noError(t, err)
	if len(made) != 1 || made[0] != "run-00008" {
		t.Errorf("made anew: %v", made)
	}
	if in, err := x.b.InHand(x.ctx, []string{"run-00008"}); err != nil || len(in) != 0 {
		t.Errorf("in the hands of workers: %v, %v", in, err)
	}
	x.work(x.b, c)
	noError(t, x.b.Wake(x.ctx))
	signal(t, wakes, "a wake-up")
	noError(t, x.b.BeatAlive(x.ctx))
	eventually(t, "all ended", func() bool { return c.count() == 201 && r.times()["retried"] == 3 })
	noError(t, x.b.Settle(x.ctx))
	if len(r.times()) != 200 {
		t.Errorf("%d runs were recorded, want 200", len(r.times()))
	}
	beats, workers, err := x.b.Alive(x.ctx)
	noError(t, err)
	stats, err := x.b.Stats(x.ctx)
	noError(t, err)
	if beats != 1 || workers != 1 || stats[1].Completed != 200 {
		t.Errorf("%d beats, %d workers, %+v", beats, workers, stats[1])
	}
	h := x.b.Monitor("/monitoring", false)
	own := "/queues/" + x.b.queueName(job.QueueDefault)
	for _, path := range []string{"/queues", own, own + "/completed_tasks", "/servers", "/queue_stats", "/redis_info"} {
		if r := get(t, h, "GET", "/monitoring/api"+path); r.StatusCode != 200 {
			t.Errorf("the monitor's %s: %d %s", path, r.StatusCode, body(t, r))
		}
	}
	return x
}

func TestASingleRedisDoesAll(t *testing.T) { everything(t, startRedis(t).url()) }

// Two installations, each under a prefix, and one without, do not meet in one Redis.
func TestPrefixesKeepInstallationsApart(t *testing.T) {
	s := startRedis(t)
	channels := published(t, s)
	everythingUnder(t, s.url(), "staging")
	shared := regexp.MustCompile(`^asynq:queues$|^asynq:(servers|workers)(:\{.*\})?$`)
	for _, key := range s.keys() {
		if !strings.HasPrefix(key, "{staging:schedule}:") && !strings.HasPrefix(key, "asynq:{staging:") && !shared.MatchString(key) {
			t.Errorf("the key %s is not under the prefix", key)
		}
	}
	for channel := range channels() {
		if !strings.HasPrefix(channel, "staging:schedule:") {
			t.Errorf("something was published on %s", channel)
		}
	}
	everythingUnder(t, s.url(), "")
	everythingUnder(t, s.url(), "staging:eu-1")
}

// keys are all keys of the server.
func (s *redisServer) keys() []string {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", s.port)})
	defer client.Close()
	keys, err := client.Keys(context.Background(), "*").Result()
	noError(s.t, err)
	return keys
}

// published collects the channels on which something is published, until it is asked for them.
func published(t *testing.T, s *redisServer) (channels func() map[string]bool) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", s.port)})
	all := client.PSubscribe(t.Context(), "*")
	_, err := all.Receive(t.Context())
	noError(t, err)
	found, ended := map[string]bool{}, make(chan struct{})
	go func() {
		defer close(ended)
		for message := range all.Channel() {
			found[message.Channel] = true
		}
	}()
	return func() map[string]bool {
		noError(t, all.Close())
		<-ended
		noError(t, client.Close())
		if len(found) == 0 {
			t.Error("nothing was published")
		}
		return found
	}
}

func TestTheEmbeddedRedisDoesAll(t *testing.T) {
	t.Parallel()
	e, err := NewEmbedded()
	noError(t, err)
	t.Cleanup(e.Close)
	run(t, e.Run)
	everythingUnder(t, e.URL(), "staging")
	x := everything(t, e.URL())
	if err := openBroker(t, "redis://"+e.redis.Addr(), "host:2", x.log).Ping(x.ctx); err == nil {
		t.Error("it answers without its password")
	}
	noError(t, x.b.client.Set(x.ctx, "passing", 1, time.Second).Err())
	eventually(t, "time passes", func() bool { return x.b.client.Exists(x.ctx, "passing").Val() == 0 })
}

// A cluster of one node refuses, as any other, what does not lie in one slot.
func TestAClusterDoesAll(t *testing.T) {
	t.Parallel()
	s := startRedis(t, "--cluster-enabled", "yes")
	s.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	eventually(t, "the cluster is up", func() bool { return strings.Contains(s.command("CLUSTER", "INFO"), "cluster_state:ok") })
	url := fmt.Sprintf("redis-cluster://127.0.0.1:%d", s.port)
	everything(t, url)
	everythingUnder(t, url, "staging")
}

func TestBehindASentinelAllIsDone(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	noError(t, os.WriteFile(config, fmt.Appendf(nil, "port %d\nbind 127.0.0.1\nsentinel monitor the-master 127.0.0.1 %d 1\n", port, s.port), 0o600))
	sentinel := exec.Command("redis-server", config, "--sentinel")
	noError(t, sentinel.Start())
	t.Cleanup(func() { _ = sentinel.Process.Kill(); _ = sentinel.Wait() })
	address := fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, "the sentinel answers", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	everything(t, "redis-sentinel://"+address+"?master=the-master")
	wrong := openBroker(t, "redis-sentinel://"+address+"?master=another", "host:3", &logBook{})
	if err := wrong.Ping(t.Context()); err == nil || strings.Contains(err.Error(), "nil") || !strings.Contains(err.Error(), "master") {
		t.Errorf("a master that the sentinel does not know: %v", err)
	}
}
