package e2e

import (
	"fmt"
	"path/filepath"
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
	// worker starts one more, which reaches Redis by a URL.
	worker func(redis string) *process
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
	x.worker = func(redis string) *process {
		return start(t, "worker", append(workerArgs, "--redis-url", redis, "--allow-targets", "loopback")...)
	}
	x.caller = x.worker(redis)
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
	x.worker(x.redis.URL())
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
	x.caller.Suspend()
	pass(t, 24*time.Second)
	x.caller.Resume()
	runs := x.s.settled("long")
	if n := len(x.tg.of("long")); n != 1 || len(runs) != 1 || runs[0].State != "succeeded" {
		t.Errorf("called %d times: %+v", n, runs)
	}
}

// What a killed worker had taken and not begun is called within seconds too, and once. That moment is
// made: the worker is killed when Redis has handed the tasks over, and before it hears of them.
func TestTheTasksThatAKilledWorkerHadNotBegunComeBackSoon(t *testing.T) {
	t.Parallel()
	x := newSeparate(t)
	x.caller.stop(t)
	count := func(list string) int64 { n, _ := x.redis.Must(t, "LLEN", "asynq:{default}:"+list).(int64); return n }
	const jobs = 6
	for i := range jobs {
		x.s.must("POST", "/api/v1/jobs", object{
			"id": fmt.Sprint("taken-", i), "schedule": object{"type": "date", "at": time.Now().UTC().Format(time.RFC3339)},
			"request": object{"url": x.tg.URL},
		}, nil)
	}
	x.s.until("all tasks wait", func() (bool, string) { return count("pending") == jobs, fmt.Sprint(count("pending")) })
	between := newWithholder(t, x.redis.Address(), "taken-")
	caller := x.worker("redis://" + between.address + "/0")
	select {
	case <-between.withheld:
	case <-time.After(time.Minute):
		t.Fatal("the worker takes no tasks")
	}
	caller.kill()
	died := time.Now()
	if n := count("active"); n != jobs {
		t.Fatalf("the worker had taken %d tasks, want %d", n, jobs)
	}
	x.worker(x.redis.URL())
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
	x.worker(x.redis.URL())
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
