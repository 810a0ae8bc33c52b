package testserver

import (
	"syscall"
	"testing"
	"time"
)

// programSuffix ends the names of programs.
const programSuffix = ".exe"

// HasSignals reports whether a process can be suspended, and be asked to end.
const HasSignals = false

// Suspend does nothing: Windows cannot suspend a process by a signal. Tests ask HasSignals first.
func (c *Child) Suspend() {}

// Resume does nothing, as Suspend.
func (c *Child) Resume() {}

// CPUTime is the processor time that this process has used.
func CPUTime(t testing.TB) time.Duration {
	t.Helper()
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		t.Fatal(err)
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &created, &exited, &kernel, &user); err != nil {
		t.Fatal(err)
	}
	const tick = 100 * time.Nanosecond
	ticks := func(f syscall.Filetime) time.Duration {
		return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * tick
	}
	return ticks(kernel) + ticks(user)
}

// servant is nil: a server runs as the test's own user.
func servant(testing.TB, string) *syscall.SysProcAttr { return nil }
