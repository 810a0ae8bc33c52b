package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// brokenFor is how long a condition lasts, time for some occurrences to fall due.
const brokenFor = 3 * time.Second

// overRedis starts the service in one process over a Redis of its own.
func overRedis(t *testing.T, redis *testserver.Redis, args ...string) (address string, p *process) {
	t.Helper()
	address = freeAddress(t)
	return address, start(t, "standalone", append([]string{"--listen", address, "--redis-url", redis.URL(),
		"--database-url", "sqlite://" + filepath.Join(t.TempDir(), "jobs.db")}, args...)...)
}

// Redis answers, and takes nothing: it is full, or was made a replica of a server that is not there.
func TestRedisThatTakesNothing(t *testing.T) {
	t.Parallel()
	conditions := []struct {
		name, says    string
		breaks, mends []any
	}{
		{"out of memory", "OOM", []any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"}},
		{"read-only replica", "READONLY", []any{"REPLICAOF", "127.0.0.1", testserver.FreePort(t)}, []any{"REPLICAOF", "NO", "ONE"}},
	}
	redis := testserver.StartRedis(t)
	address, p := overRedis(t, redis)
	x := newEverySecond(t, address, 0, nil)
	for _, c := range conditions {
		x.suffer(c.name,
			func() { redis.Must(t, c.breaks...) },
			func() { x.unready(c.says); pass(t, brokenFor) },
			func() { redis.Must(t, c.mends...) })
	}
	x.finish()
	p.stop(t)
}

// Redis does not answer for a while, and then does as if nothing had been.
func TestRedisThatHangs(t *testing.T) {
	t.Parallel()
	redis := testserver.StartRedis(t, "--enable-debug-command", "local")
	address, p := overRedis(t, redis)
	x := newEverySecond(t, address, 0, nil)
	x.suffer("CLIENT PAUSE",
		func() { redis.Must(t, "CLIENT", "PAUSE", brokenFor.Milliseconds(), "ALL") },
		func() { pass(t, brokenFor) },
		func() {})
	x.suffer("DEBUG SLEEP", // it answers when it has slept
		func() { redis.Must(t, "DEBUG", "SLEEP", brokenFor.Seconds()) },
		func() {},
		func() {})
	x.finish()
	p.stop(t)
}

// Redis forgets everything while a long call is on its way, and runs are queued
// because there are more of them than may be called at once: of three slots one
// host gets two.
func TestRedisThatForgets(t *testing.T) {
	t.Parallel()
	const long = "long"
	redis := testserver.StartRedis(t)
	address, p := overRedis(t, redis, "--concurrency", "3")
	x := newEverySecond(t, address, 1500*time.Millisecond, object{"concurrency_policy": "allow"})
	at := time.Now().Add(time.Second)
	x.s.must("POST", "/api/v1/jobs", object{
		"id": long, "schedule": object{"type": "date", "at": at}, "request": object{"url": strings.Replace(x.tg.URL, "127.0.0.1", "localhost", 1) + "?takes=7s"}, // a host with a slot of its own
	}, nil)
	x.tg.wait(t, long, 1)
	x.s.until("runs are queued", func() (bool, string) { return count(x.s.runs(x.job))["queued"] >= 2, "" })

	x.suffer("FLUSHALL", func() { redis.Must(t, "FLUSHALL") }, func() {}, func() {})
	x.s.until("what Redis forgot is delivered", p.said("re-enqueuing runs that Redis lost"))
	x.finish()
	runs := x.s.settled(long)
	calls := x.tg.of(long)
	if len(runs) != 1 || runs[0].State != "succeeded" || len(calls) > 2 {
		t.Errorf("the long call: %+v, called %d times", runs, len(calls))
	}
	for _, h := range calls {
		if h.run != calls[0].run {
			t.Errorf("called with the keys %s and %s", calls[0].run, h.run)
		}
	}
	t.Logf("the long call, on its way at the FLUSHALL, was made %d times", len(calls))
	p.stop(t)
}
