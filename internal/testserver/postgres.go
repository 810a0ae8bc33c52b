package testserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server of one test.
type Postgres struct {
	*process
	// Port is where it listens on 127.0.0.1.
	Port int
}

// StartPostgres makes a cluster and starts its server, with options of its command
// line beside those that all have. PostgreSQL refuses to run as root: then it runs
// as the user postgres.
func StartPostgres(t testing.TB, options ...string) *Postgres {
	t.Helper()
	const installed = "/usr/lib/postgresql/*/bin/"
	initdb, server := find(t, "initdb", installed+"initdb"), find(t, "postgres", installed+"postgres")
	credential := servant(t)
	folder := t.TempDir()
	open(t, folder, credential)
	data := filepath.Join(folder, "data")

	make := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	make.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	if output, err := make.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	p := &Postgres{Port: FreePort(t)}
	p.process = newProcess(t, func() *exec.Cmd {
		cmd := exec.Command(server, append([]string{"-D", data, "-p", strconv.Itoa(p.Port), "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200"}, options...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		return cmd
	}, p.answers)
	return p
}

// URL is a database of the server as --database-url takes it; "postgres" exists
// from the start, others are made with CreateDatabase.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", address(p.Port), database)
}

// CreateDatabase makes an empty database and gives its URL.
func (p *Postgres) CreateDatabase(t testing.TB, name string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	return p.URL(name)
}

func (p *Postgres) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

// servant is the user that the server runs as when the test runs as root; nil: the same.
func servant(t testing.TB) *syscall.Credential {
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
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// open lets the server's user into the test's folder, whose parents only root may enter.
func open(t testing.TB, folder string, credential *syscall.Credential) {
	t.Helper()
	if credential == nil {
		return
	}
	if err := os.Chown(folder, int(credential.Uid), int(credential.Gid)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(folder), 0o711); err != nil {
		t.Fatal(err)
	}
}
