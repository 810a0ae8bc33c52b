package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"schedule-server/internal/testserver"
)

// Two servers with a Redis each would take each other's calls for lost and make them twice: the second one is refused, as long
// as the first one lives.
func TestOneServerOnAFolder(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	run := func() (*process, *service) {
		address := freeAddress(t)
		return start(t, "standalone", "--listen", address, "--data-dir", data), &service{t: t, url: "http://" + address}
	}
	first, s := run()
	s.ready()
	pid := fmt.Sprintf("another schedule-server, pid %d, uses this folder: %s", first.Cmd.Process.Pid, data)
	second, _ := run()
	second.outcome(t, "a second server").fails(pid, "--data-dir", "--redis-url")
	redis := testserver.StartRedis(t).URL()
	command(t, "standalone", "--listen", freeAddress(t), "--data-dir", data, "--redis-url", redis).fails(pid, "--redis-url")
	command(t, "beat", "--data-dir", data, "--redis-url", redis).fails(pid, "--redis-url")

	// What only uses the database goes on.
	command(t, "standalone", "keys", "list", "--data-dir", data).succeeds("SCOPE")
	command(t, "standalone", "backup", filepath.Join(t.TempDir(), "copy.db"), "--data-dir", data).succeeds("0 jobs")
	apiAddress := freeAddress(t)
	api := start(t, "api", "--listen", apiAddress, "--data-dir", data, "--redis-url", redis)
	beside := &service{t: t, url: "http://" + apiAddress}
	beside.until("the API beside it answers", func() (bool, string) {
		status, answer := beside.call("GET", "/api/v1/jobs", nil)
		return status == 200, string(answer)
	})
	if text := api.Log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, pid) {
		t.Errorf("the API beside it does not warn:\n%s", text)
	}
	api.stop(t)

	first.kill()
	third, s := run()
	s.ready()
	third.stop(t)
	fourth, s := run()
	s.ready()
	fourth.stop(t)
}

// Servers that share a Redis share a folder; none with a Redis of its own may come in between.
func TestServersThatShareARedis(t *testing.T) {
	t.Parallel()
	data, redis := filepath.Join(t.TempDir(), "data"), testserver.StartRedis(t).URL()
	address := freeAddress(t)
	one := start(t, "standalone", "--listen", address, "--data-dir", data, "--redis-url", redis)
	s := &service{t: t, url: "http://" + address}
	s.ready()
	beat := start(t, "beat", "--data-dir", data, "--redis-url", redis)
	s.until("the beat runs", beat.said("started"))
	alone := func() outcome { return command(t, "standalone", "--listen", freeAddress(t), "--data-dir", data) }
	alone().fails(fmt.Sprintf("pid %d", beat.Cmd.Process.Pid), data, "--redis-url")
	one.stop(t)
	alone().fails("other schedule-servers", data)
	beat.kill()
	last := start(t, "standalone", "--listen", address, "--data-dir", data)
	s.ready()
	last.stop(t)
}
