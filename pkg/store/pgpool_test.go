package store

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
)

// After a switch-over to another server at the same address, and with both in the URL, no
// connection to the old one, which now is read-only, is used.
func TestASwitchOverIsFollowed(t *testing.T) {
	old, fresh := testserver.StartPostgres(t), testserver.StartPostgres(t)
	one, other := old.CreateDatabase(t, "jobs"), fresh.CreateDatabase(t, "jobs")
	for name, both := range map[string]bool{"one name": false, "two hosts": true} {
		t.Run(name, func(t *testing.T) {
			name := newName(t, old.Port)
			address := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/jobs?sslmode=disable", name.port)
			if both {
				address = fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/jobs?sslmode=disable&target_session_attrs=read-write", old.Port, fresh.Port)
			}
			standby, err := Open(t.Context(), other, Options{}) // which in earnest is a replica
			if err != nil {
				t.Fatal(err)
			}
			standby.Close()
			s, err := Open(t.Context(), address, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var warm sync.WaitGroup
			for range 8 { // several connections, to be led astray
				warm.Go(func() { _, _ = s.w.Exec("SELECT pg_sleep(0.1)") })
			}
			warm.Wait()
			admin := sqlx.MustConnect("pgx", one)
			defer admin.Close()
			admin.MustExec("ALTER SYSTEM SET default_transaction_read_only = on")
			admin.MustExec("SELECT pg_reload_conf()")
			t.Cleanup(func() {
				back := sqlx.MustConnect("pgx", one)
				defer back.Close()
				back.MustExec("SET default_transaction_read_only = off")
				back.MustExec("ALTER SYSTEM RESET default_transaction_read_only")
				back.MustExec("SELECT pg_reload_conf()")
			})
			name.lead(fresh.Port)
			eventually(t, "writes go to the new server", func() bool { return s.Ping(t.Context()) == nil })
			for range 20 {
				var port int
				if err := s.w.Get(&port, "SELECT CAST(current_setting('port') AS INT)"); err != nil || port != fresh.Port {
					t.Fatalf("port %d, %v; want %d", port, err, fresh.Port)
				}
			}
		})
	}
}

// name is an address that leads now to the one and now to the other server.
type name struct {
	port int
	to   atomic.Int64
}

func (n *name) lead(port int) { n.to.Store(int64(port)) }

func newName(t *testing.T, port int) *name {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	n := &name{port: listener.Addr().(*net.TCPAddr).Port}
	n.lead(port)
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.to.Load()))
			if err != nil {
				from.Close()
				continue
			}
			pass := func(a, b net.Conn) {
				defer a.Close()
				defer b.Close()
				buffer := make([]byte, 32<<10)
				for {
					k, err := a.Read(buffer)
					if err != nil {
						return
					}
					if _, err := b.Write(buffer[:k]); err != nil {
						return
					}
				}
			}
			go pass(from, to)
			go pass(to, from)
		}
	}()
	return n
}

// Behind pgbouncer, which gives each transaction another connection, everything works; so it does when pgbouncer comes in between later.
func TestPoolersOfTransactionsWork(t *testing.T) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !exists(program) {
			t.Skip("pgbouncer is not installed")
		}
	}
	p := testserver.StartPostgres(t)
	p.CreateDatabase(t, "jobs")
	port := startPgbouncer(t, program, p.Port)
	for name, late := range map[string]bool{"from the start": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			way := newName(t, port)
			if late {
				way.lead(p.Port)
			}
			s, err := Open(t.Context(), fmt.Sprintf("postgres://postgres@127.0.0.1:%d/jobs?sslmode=disable", way.port), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.pool.pooled.Load() == late {
				t.Errorf("a pooler was found: %v", !late)
			}
			if late {
				way.lead(port)
				s.pool.generation.Add(1) // as their age would
			}
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					for k := range 20 {
						at := job.Instant(time.Now().UnixMilli())
						if _, err := s.NextDue(t.Context(), at); err != nil {
							t.Errorf("%d, %d: %v", i, k, err)
						}
						if _, err := s.Claim(t.Context(), job.Claim{Now: at, Limit: 10}, func([]job.Due) []job.Verdict { return nil }); err != nil {
							t.Errorf("%d, %d: %v", i, k, err)
						}
						if _, err := s.GetJob(t.Context(), "none"); job.CodeOf(err) != job.CodeNotFound {
							t.Errorf("%d, %d: %v", i, k, err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func exists(file string) bool { _, err := os.Stat(file); return err == nil }

// startPgbouncer starts a pgbouncer in transaction mode before a server, and says where it listens.
func startPgbouncer(t *testing.T, program string, server int) int {
	t.Helper()
	port, folder := testserver.FreePort(t), t.TempDir()
	for dir := folder; strings.HasPrefix(dir, os.TempDir()) && dir != os.TempDir(); dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755) // it runs as another user if the test is root's
	}
	file := filepath.Join(folder, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=postgres\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%d\n"+
		"unix_socket_dir=\nauth_type=any\npool_mode=transaction\ndefault_pool_size=4\nignore_startup_parameters=extra_float_digits\n", server, port)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{file}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command(program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "pgbouncer listens", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return port
}
