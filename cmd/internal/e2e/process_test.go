package e2e

import (
	"bytes"
	"net"
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

// process is one running program.
type process struct {
	*testserver.Child
	log *buffer
}

// start runs a program until the test ends. Its environment holds nothing that
// could lead it to another test's neighbours.
func start(t testing.TB, program string, args ...string) *process {
	t.Helper()
	p := &process{log: &buffer{}}
	cmd := exec.Command(filepath.Join(programs, program), args...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var err error
	if p.Child, err = testserver.StartChild(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s ended with %v and said:\n%s", program, cmd.ProcessState, p.log.tail())
		}
	})
	return p
}

// kill ends the process as a power cut would.
func (p *process) kill() { p.End(syscall.SIGKILL) }

// stop asks the process to end and says whether it ended cleanly.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.Done:
		if code := p.Cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("%s ended with %d:\n%s", p.Cmd.Path, code, p.log.tail())
		}
	case <-time.After(40 * time.Second):
		t.Errorf("%s did not stop", p.Cmd.Path)
	}
}

// said reports whether the process has said something yet.
func (p *process) said(text string) func() (bool, string) {
	return func() (bool, string) { return strings.Contains(p.log.String(), text), p.log.tail() }
}

// lines are what the process has said, without the empty end.
func (p *process) lines() []string { return strings.Split(strings.TrimSpace(p.log.String()), "\n") }

// buffer keeps what a process says.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) tail() string {
	text := b.String()
	return text[max(0, len(text)-8000):]
}

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
