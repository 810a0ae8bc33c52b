package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// separate is a service of separate processes, with one worker to begin with.
type separate struct {
	s     *service
	tg    *target
	redis *testserver.Redis
	// caller is the first worker, which makes all calls as long as it is alone.
	caller *process
	// worker starts one more.
	worker func() *process
}

// newSeparate starts one; with a secret key its targets may complete runs later.
func newSeparate(t *testing.T, secretKey ...string) *separate {
	t.Helper()
	database := "sqlite://" + filepath.Join(t.TempDir(), "jobs.db")
	x := &separate{tg: newTarget(t), redis: testserver.StartRedis(t)}
	redis := x.redis.URL()
	address := freeAddress(t)
	var apiArgs, workerArgs []string
	for _, key := range secretKey {
		apiArgs = []string{"--secret-key", key}
		workerArgs = []string{"--secret-key", key, "--public-url", "http://" + address}
	}
	start(t, "api", append(apiArgs, "--listen", address, "--database-url", database, "--redis-url", redis)...)
	start(t, "beat", "--database-url", database, "--redis-url", redis)
	x.worker = func() *process {
		return start(t, "worker", append(workerArgs, "--redis-url", redis, "--allow-targets", "loopback")...)
	}
	x.caller = x.worker()
	x.s = &service{t: t, url: "http://" + address}
	x.s.ready()
	return x
}

// newTwoWorkers has a call of 25 s in the hands of one of two workers.
func newTwoWorkers(t *testing.T) *separate {
	t.Helper()
	x := newSeparate(t)
	x.s.must("POST", "/api/v1/jobs", object{
		"id": "long", "schedule": object{"type": "date", "at": time.Now().UTC().Format(time.RFC3339)},
		"request": object{"url": x.tg.URL + "/?takes=25s"}, "policy": object{"attempt_timeout": "60s"},
	}, nil)
	x.tg.wait(t, "long", 1)
	x.worker()
	return x
}

// The call of a worker that was killed is made again within seconds, under the same key and number.
func TestTheCallOfAKilledWorkerComesBackSoon(t *testing.T) {
	t.Parallel()
	x := newTwoWorkers(t)
	died := time.Now()
	x.caller.kill()
	hits := x.tg.wait(t, "long", 2)
	t.Logf("called again %v after the worker was killed", hits[1].at.Sub(died).Round(time.Millisecond))
	if hits[0].run != hits[1].run || hits[0].tries != "1" || hits[1].tries != "1" {
		t.Errorf("the repeat is not the same call: %+v, %+v", hits[0], hits[1])
	}
	// Without our own watch asynq brings a call back after 60 s at the earliest.
	if took := hits[1].at.Sub(died); took >= 60*time.Second {
		t.Errorf("called again only after %v", took)
	}
	if runs := x.s.settled("long"); len(runs) != 1 || runs[0].State != "succeeded" || len(x.tg.of("long")) != 2 {
		t.Errorf("after %d calls: %+v", len(x.tg.of("long")), runs)
	}
}

// A worker that is merely stopped keeps its call, for longer than one that died is missed.
func TestAStoppedWorkerKeepsItsCall(t *testing.T) {
	t.Parallel()
	x := newTwoWorkers(t)
	_ = x.caller.Cmd.Process.Signal(syscall.SIGSTOP)
	pass(t, 24*time.Second)
	_ = x.caller.Cmd.Process.Signal(syscall.SIGCONT)
	runs := x.s.settled("long")
	if n := len(x.tg.of("long")); n != 1 || len(runs) != 1 || runs[0].State != "succeeded" {
		t.Errorf("called %d times: %+v", n, runs)
	}
}

// What a killed worker had taken and not begun is called within seconds too, and once. That moment
// is made: Redis is stopped while the worker asks for tasks, and the worker before it gets them.
func TestTheTasksThatAKilledWorkerHadNotBegunComeBackSoon(t *testing.T) {
	t.Parallel()
	x := newSeparate(t)
	paused, pending, active := "asynq:{default}:paused", "asynq:{default}:pending", "asynq:{default}:active"
	count := func(list string) int64 { n, _ := x.redis.Must(t, "LLEN", list).(int64); return n }
	x.redis.Must(t, "SET", paused, 1)
	const jobs = 6
	for i := range jobs {
		x.s.must("POST", "/api/v1/jobs", object{
			"id": fmt.Sprint("taken-", i), "schedule": object{"type": "date", "at": time.Now().UTC().Format(time.RFC3339)},
			"request": object{"url": x.tg.URL},
		}, nil)
	}
	x.s.until("all tasks wait", func() (bool, string) { return count(pending) == jobs, fmt.Sprint(count(pending)) })
	admit, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(x.redis.URL(), "redis://"), "/0"))
	if err != nil {
		t.Fatal(err)
	}
	defer admit.Close()
	x.s.until("the worker has taken them", func() (bool, string) {
		x.redis.Signal(syscall.SIGSTOP)
		_, err := fmt.Fprintf(admit, "DEL %s\r\n", paused)
		pass(t, 300*time.Millisecond) // the worker asks meanwhile
		_ = x.caller.Cmd.Process.Signal(syscall.SIGSTOP)
		x.redis.Signal(syscall.SIGCONT)
		if count(active) == jobs {
			return true, ""
		}
		x.redis.Must(t, "SET", paused, 1) // it was asked for tasks before it let them go
		_ = x.caller.Cmd.Process.Signal(syscall.SIGCONT)
		return false, fmt.Sprint(err)
	})
	x.caller.kill()
	died := time.Now()
	x.worker()
	for i := range jobs {
		id := fmt.Sprint("taken-", i)
		hits := x.tg.wait(t, id, 1)
		t.Logf("%s: called %v after the worker was killed", id, hits[0].at.Sub(died).Round(time.Millisecond))
		// Without our own watch asynq brings a task back after 60 s at the earliest.
		if took := hits[0].at.Sub(died); took < 0 || took >= 60*time.Second {
			t.Errorf("%s: called after %v", id, took)
		}
		if runs := x.s.settled(id); len(runs) != 1 || runs[0].State != "succeeded" || len(x.tg.of(id)) != 1 {
			t.Errorf("%s: after %d calls: %+v", id, len(x.tg.of(id)), runs)
		}
	}
}

// A worker that dies with a run in its hands holds up the job's next occurrences until the run is brought back and has ended, and no longer.
func TestAKilledWorkerJamsNoJob(t *testing.T) {
	t.Parallel()
	x := newSeparate(t)
	policies := []string{"forbid", "queue"}
	for _, policy := range policies {
		x.s.must("POST", "/api/v1/jobs", object{
			"id": policy, "schedule": object{"type": "interval", "every": "1s"}, "request": object{"url": x.tg.URL + "/?takes=3s"},
			"policy": object{"concurrency_policy": policy, "attempt_timeout": "10s"},
		}, nil)
	}
	for _, policy := range policies {
		x.tg.wait(t, policy, 1)
	}
	x.caller.kill()
	died, before := time.Now(), map[string]int{}
	for _, policy := range policies {
		before[policy] = len(x.tg.of(policy))
	}
	x.worker()
	for _, policy := range policies {
		n := before[policy]
		hits := x.tg.wait(t, policy, n+2) // the run that came back, and the next one
		held, back, next := hits[n-1], hits[n], hits[n+1]
		t.Logf("%s: called again after %v, the next run after %v", policy, back.at.Sub(died), next.at.Sub(died))
		if back.run != held.run || next.run == back.run {
			t.Errorf("%s: called are %+v", policy, hits)
		}
		// Without our own watch asynq brings a call back after 60 s at the earliest.
		if took := next.at.Sub(died); took >= 60*time.Second {
			t.Errorf("%s: its next run was called only after %v", policy, took)
		}
		x.s.must("POST", "/api/v1/jobs/"+policy+"/pause", nil, nil)
		for _, r := range x.s.settled(policy) {
			if r.State != "succeeded" && (r.State != "skipped" || r.Reason != "overlap") {
				t.Errorf("%s: a run is %s for %q", policy, r.State, r.Reason)
			}
		}
	}
}
