package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"schedule-server/internal/testserver"
)

// The database has no room, and then has again, under an API, a beat and a worker: no file of the two
// that write to it may grow, which takes no rights and looks to SQLite like a full disk or a spent quota.
func TestSQLiteWithoutRoom(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jobs.db")
	database, redis, address := "sqlite://"+file, testserver.StartRedis(t).URL(), freeAddress(t)
	writers := []*process{
		start(t, "api", "--listen", address, "--database-url", database, "--redis-url", redis),
		start(t, "beat", "--database-url", database, "--redis-url", redis),
	}
	worker := start(t, "worker", "--redis-url", redis, "--allow-targets", "loopback")
	x := newEverySecond(t, address, 0, nil)
	for _, what := range []string{"no room", "no room once more"} {
		x.suffer(what,
			func() {
				for _, p := range writers {
					p.limitFiles(t, 1)
				}
			},
			func() {
				pass(t, brokenFor)
				x.answersReads()
				x.refusesToWrite("the database cannot write: its disk is full")
				x.unready("its disk is full")
			},
			func() {
				for _, p := range writers {
					p.limitFiles(t, noLimit)
				}
			})
	}
	checkIntegrity(t, file)
	if status, answer := x.s.call("GET", "/api/v1/jobs/refused", nil); status != 404 {
		t.Errorf("the job that was refused: %d %s", status, answer)
	}
	x.finish()
	for _, p := range append(writers, worker) {
		p.stop(t)
	}
}

// noLimit is the kernel's word for it.
const noLimit = ^uint64(0)

// limitFiles bounds how large a file the process may write, in bytes; the bound can be lifted again.
func (p *process) limitFiles(t *testing.T, most uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: most, Max: noLimit}
	_, _, errno := syscall.Syscall6(syscall.SYS_PRLIMIT64, uintptr(p.Cmd.Process.Pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
}
