package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schedule-server/internal/testserver"
)

func TestStandalone(t *testing.T) {
	t.Parallel()
	tg, address := newTarget(t), freeAddress(t)
	data := filepath.Join(t.TempDir(), "data")
	run := func() *process { return start(t, "standalone", "--listen", address, "--data-dir", data) }
	p := run()
	s := &service{t: t, url: "http://" + address}
	scenario(t, s, tg, func() {
		tg.crash()
		p.kill()
		p = run()
	})
	p.stop(t)
}

func TestThreeProcesses(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) { threeProcesses(t, database, testserver.StartRedis(t).URL()) })
}

// threeProcesses runs the scenario over an API, two beats and two workers. In
// the crash one of each dies, and the API.
func threeProcesses(t *testing.T, database, redis string) {
	tg, address := newTarget(t), freeAddress(t)
	api := func() *process {
		return start(t, "api", "--listen", address, "--database-url", database, "--redis-url", redis)
	}
	beat := func() *process { return start(t, "beat", "--database-url", database, "--redis-url", redis) }
	worker := func() *process { return start(t, "worker", "--redis-url", redis, "--allow-targets", "loopback") }
	processes := []*process{api(), beat(), beat(), worker(), worker()}

	s := &service{t: t, url: "http://" + address}
	scenario(t, s, tg, func() {
		tg.crash()
		for _, i := range []int{0, 1, 3} {
			processes[i].kill()
		}
		processes[0], processes[1], processes[3] = api(), beat(), worker()
	})
	for _, p := range processes {
		p.stop(t)
	}
}

// The processes may start in any order: each waits for its neighbours.
func TestNeighboursAwayAtStart(t *testing.T) {
	t.Parallel()
	redis := testserver.StartRedis(t)
	postgres := testserver.StartPostgres(t)
	database := postgres.CreateDatabase(t, "schedule")
	redis.Kill()
	postgres.Stop()

	tg, address := newTarget(t), freeAddress(t)
	p := start(t, "standalone", "--listen", address, "--database-url", database, "--redis-url", redis.URL())
	s := &service{t: t, url: "http://" + address}
	s.until("the log names the database", p.said("waiting for the database"))
	postgres.Start()
	s.until("the API says that Redis is away", func() (bool, string) {
		status, answer := s.call("GET", "/readyz", nil)
		return status == 503, string(answer)
	})
	s.must("POST", "/api/v1/jobs", object{
		"id": "early", "schedule": object{"type": "interval", "every": "1s"}, "request": object{"url": tg.URL},
	}, nil)
	redis.Start()
	s.ready()
	tg.wait(t, "early", 2)

	redis.Kill()
	s.until("the API says that Redis is away again", func() (bool, string) {
		status, answer := s.call("GET", "/readyz", nil)
		return status == 503, string(answer)
	})
	redis.Start()
	seen := len(tg.of("early"))
	tg.wait(t, "early", seen+3)
	s.must("POST", "/api/v1/jobs/early/pause", nil, nil)
	checkHistory(t, s, tg, "early")
	p.stop(t)
}

func TestUnusableFlagsAreOneClearLine(t *testing.T) {
	t.Parallel()
	taken := takenAddress(t)
	notAFolder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notAFolder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unmade := filepath.Join(t.TempDir(), "unmade")
	tests := []struct {
		name, program string
		args          []string
		want          string
		code          int
	}{
		{"port in use", "standalone", []string{"--listen", taken, "--data-dir", t.TempDir()}, taken, 1},
		{"listen for all", "standalone", []string{"--listen", "0.0.0.0:0", "--data-dir", t.TempDir()}, "--insecure-no-auth", 1},
		{"listen", "api", []string{"--listen", "8000"}, "schedule-api: --listen: ", 2},
		{"data folder", "standalone", []string{"--listen", "127.0.0.1:0", "--data-dir", notAFolder}, notAFolder, 1},
		{"database", "beat", []string{"--database-url", "mysql://x"}, "--database-url: the database URL must begin with", 2},
		{"redis", "worker", []string{"--redis-url", "http://x"}, "--redis-url: must begin with redis://", 2},
		{"redis prefix", "beat", []string{"--redis-prefix", "a b"}, "--redis-prefix: ", 2},
		{"redis authority", "worker", []string{"--redis-ca-file", notAFolder}, "--redis-ca-file: ", 1},
		{"redis certificate alone", "worker", []string{"--redis-cert-file", notAFolder}, "--redis-cert-file: needs --redis-key-file", 2},
		{"redis certificate", "api", []string{"--redis-cert-file", notAFolder, "--redis-key-file", notAFolder}, "--redis-cert-file: ", 1},
		{"targets", "worker", []string{"--allow-targets", "10.0.0.0/99"}, `--allow-targets: "10.0.0.0/99"`, 2},
		{"a misspelled word", "standalone", []string{"--allow-targets", "privat", "--data-dir", unmade}, `did you mean "private"?`, 2},
		{"proxy", "standalone", []string{"--proxy", "127.0.0.1:3128", "--data-dir", unmade}, "--proxy: the scheme is missing: write it like http://127.0.0.1:3128", 2},
		{"base path", "standalone", []string{"--base-path", "schedule", "--data-dir", unmade}, `--base-path: "schedule" must begin with /`, 2},
		{"ops", "beat", []string{"--ops-listen", taken, "--data-dir", t.TempDir()}, "--ops-listen: cannot listen on " + taken, 1},
		{"scope", "standalone", []string{"keys", "create", "--name", "me", "--scope", "all", "--data-dir", unmade}, "--scope: must be one of", 2},
		{"unknown flag", "beat", []string{"--colour"}, "--colour", 2},
		{"concurrency", "worker", []string{"--concurrency", "none"}, "--concurrency", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, test.program, test.args...)
			<-p.Done
			lines := p.lines()
			if code := p.Cmd.ProcessState.ExitCode(); code != test.code || len(lines) == 0 || !strings.Contains(lines[len(lines)-1], test.want) {
				t.Errorf("ended with %d and said:\n%s", code, p.Log)
			}
			if _, err := os.Stat(unmade); err == nil {
				t.Errorf("the data folder was made before the flags were checked")
			}
		})
	}
}
