package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// server is a PostgreSQL of a test's own.
type server struct {
	port, pid int
	databases atomic.Int64
}

// startPostgres starts a server in a folder of its own, in a locale whose order of texts is not that of their bytes,
// and stops it with the test. Without PostgreSQL the test is skipped, with CI=true it fails.
func startPostgres(t testing.TB) *server {
	t.Helper()
	initdb, postgres := findPostgres("initdb"), findPostgres("postgres")
	if initdb == "" || postgres == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no PostgreSQL is installed")
		}
		t.Skip("no PostgreSQL is installed: what holds for it alone is not tested")
	}
	dir, err := os.MkdirTemp("", "store-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as := ordinaryUser(t, dir)
	data := filepath.Join(dir, "data")

	flags := []string{"-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"}
	icu := slices.Concat(flags, []string{"--locale-provider=icu", "--icu-locale=en-US"})
	if runAs(as, dir, initdb, icu...) != nil {
		_ = os.RemoveAll(data) // a build without ICU
		if err := runAs(as, dir, initdb, flags...); err != nil {
			t.Fatal(err)
		}
	}
	s := &server{port: freePort(t)}
	cmd := exec.Command(postgres, "-D", data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	cmd.SysProcAttr, cmd.Dir = as, dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT) // at once: nothing here is to be kept
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("PostgreSQL said: %s", tail(out.String(), 2000))
		}
	})
	eventually(t, "PostgreSQL answers", func() bool {
		db, err := sql.Open("pgx", s.url("postgres"))
		if err != nil {
			return false
		}
		defer db.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return db.PingContext(ctx) == nil
	})
	return s
}

func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://postgres:secret-word@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// database makes an empty database and names it.
func (s *server) database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

// findPostgres looks for a program where distributions put it; empty when it is nowhere.
func findPostgres(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // a constant pattern is never bad
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// ordinaryUser gives the folder to a user whom PostgreSQL agrees to run as: it refuses root.
func ordinaryUser(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			t.Fatal(err)
		}
	}
	uid, uerr := strconv.Atoi(who.Uid)
	gid, gerr := strconv.Atoi(who.Gid)
	if uerr != nil || gerr != nil {
		t.Fatalf("the user %s has no number", who.Username)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func runAs(as *syscall.SysProcAttr, dir, name string, arg ...string) error {
	cmd := exec.Command(name, arg...)
	cmd.SysProcAttr, cmd.Dir = as, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, tail(string(out), 500))
	}
	return nil
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("in 30 seconds it did not come to pass that %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
