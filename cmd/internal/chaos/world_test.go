package chaos

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// role is one of our processes, which is killed and started again and again.
type role struct {
	kind, name string
	start      func() *testserver.Program
	// mu is held by whoever breaks it.
	mu      sync.Mutex
	program *testserver.Program
}

// world is a whole service with its neighbours.
type world struct {
	t        testing.TB
	kind     string // sqlite, postgres
	redis    *testserver.Redis
	postgres *testserver.Postgres
	file     string // of the SQLite database
	target   *target
	client   *client
	roles    []*role
	// redisMu and databaseMu are held by whoever breaks it.
	redisMu, databaseMu sync.Mutex
	faults              faultLog
}

func newWorld(t testing.TB, kind string, beats, workers int) *world {
	w := &world{t: t, kind: kind, redis: testserver.StartRedis(t), target: newTarget(t)}
	var database string
	if kind == "postgres" {
		w.postgres = testserver.StartPostgres(t)
		database = w.postgres.CreateDatabase(t, "schedule")
	} else {
		w.file = filepath.Join(t.TempDir(), "jobs.db")
		database = "sqlite://" + w.file
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(testserver.FreePort(t)))
	w.client = &client{url: "http://" + address}
	storage := []string{"--database-url", database, "--redis-url", w.redis.URL()}
	w.add("api", 1, append([]string{"--listen", address}, storage...))
	w.add("beat", beats, storage)
	w.add("worker", workers, []string{"--redis-url", w.redis.URL(), "--allow-targets", "loopback", "--concurrency", "64"})
	w.ready()
	return w
}

func (w *world) add(program string, n int, args []string) {
	for i := range n {
		r := &role{kind: program, name: fmt.Sprintf("%s-%d", program, i+1)}
		r.start = func() *testserver.Program { return programs.Start(w.t, program, args...) }
		r.program = r.start()
		w.roles = append(w.roles, r)
	}
}

// ready waits until all parts are there.
func (w *world) ready() {
	w.until(time.Minute, "the service is ready", func() string {
		if a := w.client.once(w.t.Context(), "GET", "/readyz?full", nil); a.status != 200 {
			return fmt.Sprintf("%d %s", a.status, a.body)
		}
		return ""
	})
}

// until asks again and again what is still amiss, and ends the test when that lasts too long.
func (w *world) until(most time.Duration, what string, amiss func() string) {
	w.t.Helper()
	for deadline := time.Now().Add(most); ; {
		why := amiss()
		if why == "" {
			return
		}
		if time.Now().After(deadline) {
			w.showLogs()
			w.t.Fatalf("waited in vain until %s: %s", what, why)
		}
		pause(w.t.Context(), 100*time.Millisecond)
	}
}

// of lists the roles of a kind.
func (w *world) of(kind string) []*role {
	var some []*role
	for _, r := range w.roles {
		if r.kind == kind {
			some = append(some, r)
		}
	}
	return some
}

// died reports whether a process ended that nobody ended.
func (r *role) died() bool {
	select {
	case <-r.program.Done:
		return true
	default:
		return false
	}
}

// stop asks a process to end in good order, and reports whether it did so in time.
func (r *role) stop(ctx context.Context) bool {
	_ = r.program.Cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(45 * time.Second)
	defer timer.Stop()
	select {
	case <-r.program.Done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

func (w *world) showLogs() {
	for _, r := range w.roles {
		w.t.Logf("%s said at last:\n%s", r.name, r.program.Log.Tail(1500))
	}
}
