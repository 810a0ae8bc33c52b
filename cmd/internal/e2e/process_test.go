package e2e

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// process is one running program.
type process struct{ *testserver.Program }

// start runs a program until the test ends, and shows what it said should the test fail.
func start(t testing.TB, program string, args ...string) *process {
	t.Helper()
	p := &process{programs.Start(t, program, args...)}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s ended with %v and said:\n%s", program, p.Cmd.ProcessState, p.Log.Tail(shown))
		}
	})
	return p
}

// shown is how much of a program's log a failed test shows, in bytes.
const shown = 8000

// kill ends the process as a power cut would.
func (p *process) kill() { p.Kill() }

// stop asks the process to end and says whether it ended cleanly.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.Done:
		if code := p.Cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("%s ended with %d:\n%s", p.Cmd.Path, code, p.Log.Tail(shown))
		}
	case <-time.After(40 * time.Second):
		t.Errorf("%s did not stop", p.Cmd.Path)
	}
}

// said reports whether the process has said something yet.
func (p *process) said(text string) func() (bool, string) {
	return func() (bool, string) { return strings.Contains(p.Log.String(), text), p.Log.Tail(shown) }
}

// lines are what the process has said, without the empty end.
func (p *process) lines() []string { return strings.Split(strings.TrimSpace(p.Log.String()), "\n") }

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func takenAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}
