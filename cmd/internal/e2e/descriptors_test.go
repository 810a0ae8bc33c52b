package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// startLimited runs a program with so many file descriptors at most.
func startLimited(t *testing.T, descriptors int, program string, args ...string) *process {
	t.Helper()
	log := &testserver.Log{}
	limit := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, descriptors)
	cmd := exec.Command("sh", append([]string{"-c", limit, programs.Path(program)}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	child, err := testserver.StartChild(cmd)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{&testserver.Program{Child: child, Log: log}}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s ended with %v and said:\n%s", program, cmd.ProcessState, log.Tail(shown))
		}
	})
	return p
}

// A worker that has no file descriptors left says so. It blames no target, its
// /readyz says what it lacks, and the calls are made as soon as it can.
func TestAWorkerWithoutDescriptors(t *testing.T) {
	t.Parallel()
	const jobs = 150
	database := "sqlite://" + filepath.Join(t.TempDir(), "jobs.db")
	tg, redis, address, ops := newTarget(t), testserver.StartRedis(t).URL(), freeAddress(t), freeAddress(t)
	start(t, "api", "--listen", address, "--database-url", database, "--redis-url", redis)
	start(t, "beat", "--database-url", database, "--redis-url", redis)
	w := startLimited(t, 64, "worker", "--redis-url", redis, "--allow-targets", "loopback", "--ops-listen", ops)
	s := &service{t: t, url: "http://" + address}
	s.ready()

	var all []object
	for i := range jobs {
		all = append(all, object{
			"id": fmt.Sprintf("slow-%d", i), "schedule": object{"type": "date", "at": time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)},
			"request": object{"url": tg.URL + "/?takes=2s"},
			"policy": object{"misfire_grace_time": "unlimited", "attempt_timeout": "30s",
				"retry": object{"max_attempts": 100, "min_backoff": "1s", "max_backoff": "2s"}},
		})
	}
	s.must("POST", "/api/v1/jobs/import", object{"jobs": all}, nil)
	worker := &service{t: t, url: "http://" + ops}
	s.until("the worker says that it cannot make calls", func() (bool, string) {
		status, answer := worker.call("GET", "/readyz", nil)
		var ready struct{ Checks map[string]string }
		_ = json.Unmarshal(answer, &ready)
		return status == http.StatusServiceUnavailable && strings.Contains(ready.Checks["calls"], "file descriptors"), string(answer)
	})
	s.until("the log says so", w.said("cannot make calls"))

	reasons := map[string]int{}
	s.until("all jobs have been called", func() (bool, string) {
		var stats struct {
			Held []object `json:"hosts"`
		}
		s.must("GET", "/api/v1/stats", nil, &stats)
		if len(stats.Held) > 0 {
			t.Fatalf("a host is held back: %v", stats.Held)
		}
		var page struct {
			Runs []struct {
				State    string
				Attempts []struct{ Reason, Error string }
			}
		}
		s.must("GET", "/api/v1/runs?limit=500", nil, &page)
		clear(reasons)
		done := 0
		for _, run := range page.Runs {
			if run.State == "succeeded" {
				done++
			}
			for _, a := range run.Attempts {
				reasons[a.Reason]++
			}
		}
		return done == jobs, fmt.Sprintf("%d of %d, attempts %v", done, jobs, reasons)
	})
	if reasons["worker_error"] == 0 || len(reasons) != 2 {
		t.Errorf("the attempts ended with %v", reasons)
	}
	t.Logf("the attempts ended with %v", reasons)
}
