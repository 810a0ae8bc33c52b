package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"schedule-server/internal/testserver"
)

// everySecondJob is a job that is due each second.
func everySecondJob(id string, tg *target) object {
	return object{"id": id, "schedule": object{"type": "interval", "every": "1s"}, "request": object{"url": tg.URL}}
}

// saysUnready waits until /readyz says no, and why.
func (s *service) saysUnready(texts ...string) {
	s.t.Helper()
	s.until("it is not ready and says why", func() (bool, string) {
		status, answer := s.call("GET", "/readyz", nil)
		for _, text := range texts {
			if status != http.StatusServiceUnavailable || !strings.Contains(string(answer), text) {
				return false, fmt.Sprint(status, " ", string(answer))
			}
		}
		return true, ""
	})
}

// Two databases, one Redis: the second says so and touches nothing, and works beside the first under a prefix.
func TestTwoInstallationsOnOneRedis(t *testing.T) {
	t.Parallel()
	redis, tg := testserver.StartRedis(t), newTarget(t)
	installation := func(folder string, args ...string) (*service, *process) {
		address := freeAddress(t)
		p := start(t, "standalone", append([]string{"--listen", address, "--redis-url", redis.URL(), "--data-dir", folder}, args...)...)
		return &service{t: t, url: "http://" + address}, p
	}
	one, _ := installation(filepath.Join(t.TempDir(), "one"))
	one.ready()
	one.must("POST", "/api/v1/jobs", everySecondJob("one", tg), nil)
	tg.wait(t, "one", 2)

	folder := filepath.Join(t.TempDir(), "two")
	two, p := installation(folder)
	two.saysUnready("used by another installation", "--redis-prefix")
	two.must("POST", "/api/v1/jobs", everySecondJob("two", tg), nil)
	var stats struct {
		Queues   []any
		Warnings []struct{ Code, Message string }
	}
	two.must("GET", "/api/v1/stats", nil, &stats)
	if len(stats.Warnings) != 1 || stats.Warnings[0].Code != "redis_refused" || stats.Queues != nil {
		t.Errorf("the statistics: %+v", stats)
	}
	tg.wait(t, "one", len(tg.of("one"))+3)
	if calls, runs := tg.of("two"), two.runs("two"); len(calls) > 0 || len(runs) > 0 {
		t.Errorf("the second called %d times and has the runs %+v", len(calls), runs)
	}
	p.stop(t)
	two, _ = installation(folder, "--redis-prefix", "two")
	two.ready()
	for _, s := range []struct {
		*service
		id string
	}{{one, "one"}, {two, "two"}} {
		tg.wait(t, s.id, len(tg.of(s.id))+3)
		s.must("POST", "/api/v1/jobs/"+s.id+"/pause", nil, nil)
		for _, run := range s.settled(s.id) {
			if run.State == "failed" || run.State == "skipped" {
				t.Errorf("a run of %s: %+v", s.id, run)
			}
		}
	}
}

// One database, two Redises: the newcomer is not ready, and names who uses the other. After a planned move all
// goes on with the new one, and what was done with the old one is not done again.
func TestTwoRedisesOnOneDatabase(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		old, moved, tg := testserver.StartRedis(t), testserver.StartRedis(t), newTarget(t)
		address := freeAddress(t)
		s := &service{t: t, url: "http://" + address}
		all := func(redis *testserver.Redis) []*process {
			return []*process{
				start(t, "worker", "--redis-url", redis.URL(), "--allow-targets", "loopback"),
				start(t, "api", "--listen", address, "--database-url", database, "--redis-url", redis.URL()),
				start(t, "beat", "--database-url", database, "--redis-url", redis.URL()),
			}
		}
		processes := all(old)
		s.ready()
		s.must("POST", "/api/v1/jobs", everySecondJob("a", tg), nil)
		tg.wait(t, "a", 2)

		ops := freeAddress(t)
		stray := start(t, "beat", "--database-url", database, "--redis-url", moved.URL(), "--ops-listen", ops)
		(&service{t: t, url: "http://" + ops}).saysUnready("this database is used with another Redis", "--redis-url", fmt.Sprint(":", processes[1].Cmd.Process.Pid))
		tg.wait(t, "a", len(tg.of("a"))+3)
		stray.stop(t)
		if keys := moved.Must(t, "DBSIZE"); keys != int64(0) {
			t.Errorf("the stray one left %v keys in its Redis", keys)
		}

		for _, p := range processes {
			p.stop(t)
		}
		processes = all(moved)
		s.ready()
		tg.wait(t, "a", len(tg.of("a"))+3)
		s.must("POST", "/api/v1/jobs/a/pause", nil, nil)
		s.settled("a")
		checkHistory(t, s, tg, "a")
		for _, p := range processes {
			p.stop(t)
		}
	})
}

// A user of Redis 7 without channels: nothing is heard, and everything is done.
func TestRedisWithoutChannels(t *testing.T) {
	t.Parallel()
	redis, tg := testserver.StartRedis(t), newTarget(t)
	redis.Must(t, "ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all")
	address := freeAddress(t)
	p := start(t, "standalone", "--listen", address, "--data-dir", t.TempDir(), "--redis-url", fmt.Sprintf("redis://deaf:secret@127.0.0.1:%d", redis.Port))
	s := &service{t: t, url: "http://" + address}
	s.ready()
	s.must("POST", "/api/v1/jobs", everySecondJob("a", tg), nil)
	tg.wait(t, "a", 5)
	s.must("POST", "/api/v1/jobs/a/pause", nil, nil)
	for _, run := range s.settled("a") {
		if run.State != "succeeded" {
			t.Errorf("a run: %+v", run)
		}
	}
	if n := strings.Count(p.Log.String(), "redis lets this process use no channels"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, p.Log)
	}
	p.stop(t)
}

// Redis with a private authority that asks for a certificate, and rights as in docs/redis.md, under a prefix.
func TestRedisOverTLSWithTheLeastRights(t *testing.T) {
	t.Parallel()
	authority, port := testserver.NewAuthority(t), testserver.FreePort(t)
	authority.Client("client")
	redis, tg := testserver.StartRedis(t, authority.RedisOptions(port)...), newTarget(t)
	redis.Must(t, "ACL", "SETUSER", "staging", "on", ">p@ss", "~asynq:{staging:*", "~asynq:queues", "~asynq:servers*", "~asynq:workers*",
		"~{staging:schedule}:*", "&staging:schedule:*", "&asynq:cancel", "+@all", "-@dangerous", "+info")
	address, database := freeAddress(t), "sqlite://"+filepath.Join(t.TempDir(), "jobs.db")
	flags := []string{"--redis-url", fmt.Sprintf("rediss://staging:p%%40ss@127.0.0.1:%d", port), "--redis-prefix", "staging",
		"--redis-ca-file", authority.File("ca.crt"), "--redis-cert-file", authority.File("client.crt"), "--redis-key-file", authority.File("client.key")}
	with := func(args ...string) []string { return append(args, flags...) }
	processes := []*process{
		start(t, "api", with("--listen", address, "--database-url", database)...),
		start(t, "beat", with("--database-url", database)...),
		start(t, "worker", with("--allow-targets", "loopback")...),
	}
	s := &service{t: t, url: "http://" + address}
	s.ready()
	s.must("POST", "/api/v1/jobs", everySecondJob("a", tg), nil)
	tg.wait(t, "a", 3)
	for _, p := range processes {
		p.stop(t)
		if text := p.Log.String(); strings.Contains(text, "NOPERM") || strings.Contains(text, "level=ERROR") {
			t.Errorf("%s said:\n%s", p.Cmd.Path, text)
		}
	}
	if denied := redis.Must(t, "ACL", "LOG"); fmt.Sprint(denied) != "[]" {
		t.Errorf("denied was %v", denied)
	}
}
