// Package testserver starts real neighbours for tests: redis-server and
// postgres, each on a free loopback port with a folder of its own, stopped by
// process id when the test ends. It is imported by tests only. Where a program
// is not installed the test is skipped, or, with CI=true, fails.
package testserver

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// startTimeout bounds how long a server may take until it answers.
const startTimeout = 30 * time.Second

// find is the path of a program, on PATH or matching one of the patterns, the
// last one first. A missing program ends the test.
func find(t testing.TB, program string, patterns ...string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return slices.Max(found)
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
	return ""
}

// FreePort is a loopback port on which nothing listens.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Child is a process that ends with its test. On Linux it does not outlive the
// test binary even if that is killed.
type Child struct {
	Cmd *exec.Cmd
	// Done closes when the process has ended.
	Done chan struct{}
}

// StartChild starts a command.
func StartChild(cmd *exec.Cmd) (*Child, error) {
	endWithParent(cmd)
	c := &Child{Cmd: cmd, Done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread for that of the parent: it must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(c.Done)
	}()
	return c, <-started
}

// Kill ends the process as a power cut would, and waits for its end. Killing twice does no harm.
func (c *Child) Kill() {
	_ = c.Cmd.Process.Kill()
	<-c.Done
}

// End sends the process a signal and waits for its end. Where the system has no such signal it is killed.
func (c *Child) End(signal os.Signal) {
	if err := c.Cmd.Process.Signal(signal); err != nil {
		_ = c.Cmd.Process.Kill()
	}
	<-c.Done
}

// PID is the process id.
func (c *Child) PID() int { return c.Cmd.Process.Pid }

// process is a server that can be killed and started again.
type process struct {
	t       testing.TB
	command func() *exec.Cmd
	answers func() bool
	child   *Child
}

func newProcess(t testing.TB, command func() *exec.Cmd, answers func() bool) *process {
	p := &process{t: t, command: command, answers: answers}
	t.Cleanup(p.Kill)
	p.Start()
	return p
}

// Start starts the server and waits until it answers. One that ends at once is
// started again: after a crash what it left behind may still be in use.
func (p *process) Start() {
	p.t.Helper()
	p.launch()
	for deadline := time.Now().Add(startTimeout); !p.answers(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s does not answer", p.child.Cmd.Path)
		}
		select {
		case <-p.child.Done:
			p.launch()
		default:
		}
	}
}

func (p *process) launch() {
	p.t.Helper()
	child, err := StartChild(p.command())
	if err != nil {
		p.t.Fatal(err)
	}
	p.child = child
}

// Kill ends the server as a crash would. Killing twice does no harm.
func (p *process) Kill() {
	if p.child != nil {
		p.child.Kill()
		p.child = nil
	}
}

// Stop ends the server in good order.
func (p *process) Stop() { p.end(os.Interrupt) }

func (p *process) end(signal os.Signal) {
	if p.child != nil {
		p.child.End(signal)
		p.child = nil
	}
}

// PID is the process id of the running server.
func (p *process) PID() int { return p.child.PID() }

// Suspend stops the running server where it is, until Resume.
func (p *process) Suspend() { p.child.Suspend() }

// Resume lets a suspended server go on.
func (p *process) Resume() { p.child.Resume() }

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
