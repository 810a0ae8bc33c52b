//go:build unix

package testserver

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// programSuffix ends the names of programs.
const programSuffix = ""

// HasSignals reports whether a process can be suspended, and be asked to end.
const HasSignals = true

// Suspend stops the process where it is, until Resume. It returns when every thread
// has stopped: the signal itself returns earlier, when only one of them was told.
func (c *Child) Suspend() {
	if c.Cmd.Process.Signal(syscall.SIGSTOP) == nil {
		awaitStop(c.PID())
	}
}

// Resume lets a suspended process go on.
func (c *Child) Resume() { _ = c.Cmd.Process.Signal(syscall.SIGCONT) }

// CPUTime is the processor time that this process has used.
func CPUTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// servant gives the folder to the user that a server runs as when the test runs as
// root, and returns how to start a process as that user. Nil: as the test's own user.
func servant(t testing.TB, folder string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root: %v", err)
	}
	uid, _ := strconv.ParseUint(account.Uid, 10, 32)
	gid, _ := strconv.ParseUint(account.Gid, 10, 32)
	if err := os.Chown(folder, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	// Only root may enter the folder above it.
	if err := os.Chmod(filepath.Dir(folder), 0o711); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}
