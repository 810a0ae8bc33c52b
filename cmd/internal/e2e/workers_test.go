package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// twoWorkers is a service of separate processes with a call of 25 s in the hands of one of two workers.
type twoWorkers struct {
	s       *service
	tg      *target
	workers [2]*process
	// caller is the one that makes the call.
	caller *process
}

func newTwoWorkers(t *testing.T) *twoWorkers {
	t.Helper()
	redis := testserver.StartRedis(t).URL()
	database := "sqlite://" + filepath.Join(t.TempDir(), "jobs.db")
	x := &twoWorkers{tg: newTarget(t)}
	address := freeAddress(t)
	start(t, "api", "--listen", address, "--database-url", database, "--redis-url", redis)
	start(t, "beat", "--database-url", database, "--redis-url", redis)
	worker := func() *process { return start(t, "worker", "--redis-url", redis, "--allow-targets", "loopback") }
	x.workers[0] = worker()
	x.s = &service{t: t, url: "http://" + address}
	x.s.ready()
	x.s.must("POST", "/api/v1/jobs", object{
		"id": "long", "schedule": object{"type": "date", "at": time.Now().UTC().Format(time.RFC3339)},
		"request": object{"url": x.tg.URL + "/?takes=25s"}, "policy": object{"attempt_timeout": "60s"},
	}, nil)
	x.tg.wait(t, "long", 1)
	x.caller = x.workers[0] // it was alone
	x.workers[1] = worker()
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
