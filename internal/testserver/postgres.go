package testserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
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
// line beside those that all have. Its locale sorts texts by their letters, not by
// their bytes, if the installation has ICU. PostgreSQL refuses to run as root: then
// it runs as the user postgres.
func StartPostgres(t testing.TB, options ...string) *Postgres {
	t.Helper()
	const installed = "/usr/lib/postgresql/*/bin/"
	initdb, server := find(t, "initdb", installed+"initdb"), find(t, "postgres", installed+"postgres")
	folder := t.TempDir()
	as := servant(t, folder)
	data := filepath.Join(folder, "data")

	create := func(locale ...string) ([]byte, error) {
		cmd := exec.Command(initdb, append([]string{"-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"}, locale...)...)
		cmd.SysProcAttr, cmd.Dir = as, folder
		return cmd.CombinedOutput()
	}
	if _, err := create("--locale-provider=icu", "--icu-locale=en-US"); err != nil {
		_ = os.RemoveAll(data) // a build without ICU
		if output, err := create(); err != nil {
			t.Fatalf("initdb: %v\n%s", err, output)
		}
	}
	p := &Postgres{Port: FreePort(t)}
	p.process = newProcess(t, func() *exec.Cmd {
		cmd := exec.Command(server, append([]string{"-D", data, "-p", strconv.Itoa(p.Port), "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200"}, options...)...)
		cmd.SysProcAttr, cmd.Dir = as, folder
		return cmd
	}, p.answers)
	// A kill leaves its processes writing for a moment into the folder that goes with the test.
	t.Cleanup(func() { p.end(syscall.SIGQUIT) })
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
