package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// entry is one line of a log in JSON.
type entry map[string]any

// entries reads a log in which every line is JSON.
func entries(t *testing.T, p *process) []entry {
	t.Helper()
	var all []entry
	for _, line := range p.lines() {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("a line that is no JSON: %q", line)
			continue
		}
		all = append(all, e)
	}
	return all
}

// find gives the only line with a message.
func find(t *testing.T, all []entry, message string) entry {
	t.Helper()
	var found []entry
	for _, e := range all {
		if e["msg"] == message {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Errorf("%d lines say %q", len(found), message)
		return entry{}
	}
	return found[0]
}

// One line at the start says everything, nothing else is between the lines, and a run that fails is named.
func TestTheLogOfStandalone(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	failing := testserver.FreePort(t) // nothing listens there
	p := start(t, "standalone", "--listen", address, "--data-dir", filepath.Join(t.TempDir(), "data"), "--log-format", "json",
		"--proxy", "http://u:hunter2@127.0.0.1:1", "--allow-targets", "loopback,intranet")
	s := &service{t: t, url: "http://" + address}
	s.until("it answers", func() (bool, string) {
		status, answer := s.call("GET", "/healthz", nil)
		return status == http.StatusOK, string(answer)
	})
	s.must("POST", "/api/v1/jobs", object{"id": "fails", "schedule": object{"type": "interval", "every": "1h"},
		"request": object{"url": fmt.Sprintf("http://127.0.0.1:%d", failing)}, "policy": object{"retry": object{"max_attempts": 1}}}, nil)
	s.must("POST", "/api/v1/jobs/fails/run", object{}, nil)
	s.until("the log names the failed run", p.said(`"msg":"run failed"`))
	p.stop(t)

	all := entries(t, p)
	started := find(t, all, "started")
	for name, want := range map[string]any{"program": "schedule-server", "listening_on": "http://" + address, "auth": "none: open to this machine",
		"redis": "embedded", "targets": "public addresses, loopback, intranet", "secret_key": true, "proxy": "http://127.0.0.1:1"} {
		if started[name] != want {
			t.Errorf("%s is %v, want %v, in %v", name, started[name], want, started)
		}
	}
	migrated := find(t, all, "schema migrated")
	if migrated["from"] != 0.0 || migrated["to"] != started["schema"] || started["database"] == nil || started["version"] == nil {
		t.Errorf("%v, %v", migrated, started)
	}
	failed := find(t, all, "run failed")
	if failed["level"] != "WARN" || failed["job_id"] != "fails" || failed["run_id"] == nil || failed["attempts"] != 1.0 || failed["trigger"] != "manual" {
		t.Errorf("%v", failed)
	}
	if stopping := find(t, all, "stopping"); stopping["timeout"] != "30s" {
		t.Errorf("%v", stopping)
	}
	if strings.Contains(p.Log.String(), "hunter2") {
		t.Error("the log shows a password")
	}
}

// The three programs say so too, and no password of their neighbours.
func TestTheLogOfThreePrograms(t *testing.T) {
	t.Parallel()
	redis := testserver.StartRedis(t)
	redis.Must(t, "CONFIG", "SET", "requirepass", "hunter2")
	database := testserver.StartPostgres(t).CreateDatabase(t, "schedule")
	database = strings.Replace(database, "postgres@", "postgres:hunter2@", 1)
	at := strings.TrimPrefix(redis.URL(), "redis://")
	url := "redis://:hunter2@" + at
	ops := freeAddress(t)
	for program, want := range map[string]entry{
		"api":    {"program": "schedule-api"},
		"beat":   {"program": "schedule-beat", "listening_on": "http://" + ops},
		"worker": {"program": "schedule-worker", "targets": "public addresses"},
	} {
		args := []string{"--redis-url", url, "--log-format", "json"}
		switch program {
		case "api":
			args = append(args, "--database-url", database, "--listen", freeAddress(t))
		case "beat":
			args = append(args, "--database-url", database, "--ops-listen", ops)
		}
		p := start(t, program, args...)
		s := &service{t: t}
		s.until("it has started", p.said(`"msg":"started"`))
		p.stop(t)
		started := find(t, entries(t, p), "started")
		want["redis"] = strings.TrimSuffix("redis://"+at, "/0")
		for name, value := range want {
			if started[name] != value {
				t.Errorf("%s: %s is %v, want %v", program, name, started[name], value)
			}
		}
		if text := p.Log.String(); strings.Contains(text, "hunter2") || program != "worker" && !strings.Contains(text, `"database":"postgres://127.0.0.1:`) {
			t.Errorf("%s said:\n%s", program, text)
		}
	}
}

// holding is a target that answers when it is told to, and tells of each call.
func holding(t *testing.T) (url string, arrived <-chan struct{}, finish func()) {
	calls, finished := make(chan struct{}, 9), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls <- struct{}{}
		<-finished
	}))
	finish = sync.OnceFunc(func() { close(finished) })
	t.Cleanup(server.Close)
	t.Cleanup(finish)
	return server.URL, calls, finish
}

// calling starts a standalone that is calling the target.
func calling(t *testing.T, target string, arrived <-chan struct{}, args ...string) (*process, *service) {
	t.Helper()
	address := freeAddress(t)
	p := start(t, "standalone", append([]string{"--listen", address, "--data-dir", t.TempDir()}, args...)...)
	s := &service{t: t, url: "http://" + address}
	s.ready()
	s.must("POST", "/api/v1/jobs", object{"id": "slow", "schedule": object{"type": "interval", "every": "1h"}, "request": object{"url": target}}, nil)
	s.must("POST", "/api/v1/jobs/slow/run", object{}, nil)
	<-arrived
	return p, s
}

// A terminal that closes drains like SIGTERM: the call under way ends, and is made once.
func TestAHangUpDrains(t *testing.T) {
	t.Parallel()
	target, arrived, finish := holding(t)
	p, s := calling(t, target, arrived)
	hangUp := func() {
		t.Helper()
		if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
	}
	hangUp()
	s.until("it says what it waits for", p.said("waiting for calls to end; signal again to end now"))
	hangUp() // a shell sends one, and the kernel another
	finish()
	<-p.Done
	if code := p.Cmd.ProcessState.ExitCode(); code != 0 || len(arrived) != 0 {
		t.Errorf("ended with %d after %d further calls:\n%s", code, len(arrived), p.Log.Tail(shown))
	}
}

// A second Ctrl-C ends at once.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	target, arrived, _ := holding(t)
	p, s := calling(t, target, arrived)
	_ = p.Cmd.Process.Signal(syscall.SIGINT)
	s.until("it stops", p.said("msg=stopping"))
	_ = p.Cmd.Process.Signal(syscall.SIGINT)
	<-p.Done
	if code := p.Cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGINT) {
		t.Errorf("ended with %d:\n%s", code, p.Log.Tail(shown))
	}
}

// Who reads the log may go away: the service goes on.
func TestALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(programs.Path("standalone"), "--listen", address, "--data-dir", t.TempDir(), "--log-level", "debug")
	cmd.Stdout, cmd.Stderr, cmd.Dir = writer, writer, t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	child, err := testserver.StartChild(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.End(syscall.SIGKILL) })
	writer.Close()
	if _, err := bufio.NewReader(reader).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	s := &service{t: t, url: "http://" + address}
	s.ready()
	for range 3 { // each writes a line
		s.must("GET", "/api/v1/jobs", nil, nil)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-child.Done:
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("ended with %v", cmd.ProcessState)
		}
	case <-time.After(time.Minute):
		t.Error("it did not stop")
	}
}

// A call that lasts longer than the stop may is cut off and handed back, and the stop is a clean one.
func TestAStopThatIsShorterThanACall(t *testing.T) {
	t.Parallel()
	target, arrived, _ := holding(t)
	p, s := calling(t, target, arrived, "--shutdown-timeout", "1s")
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	s.until("it says what it cuts off", p.said("calls were cut off and will be made again"))
	<-p.Done
	if code := p.Cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("ended with %d:\n%s", code, p.Log.Tail(shown))
	}
}
