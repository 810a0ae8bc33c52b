package e2e

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"schedule-server/internal/testserver"
)

// onSQLite starts the service in one process with its database in a folder. Its
// Redis is not in that process, so that it outlives it.
func onSQLite(t *testing.T, folder string) (address, file string, p *process) {
	t.Helper()
	address, file = freeAddress(t), filepath.Join(folder, "jobs.db")
	return address, file, start(t, "standalone", "--listen", address, "--redis-url", testserver.StartRedis(t).URL(),
		"--database-url", "sqlite://"+file)
}

// Another program, a backup for example, holds the database's write lock: for
// less than the service waits for it, and for more.
func TestSQLiteLockedByAnother(t *testing.T) {
	t.Parallel()
	tests := map[string]func(x *everySecond){
		"for 4 s":                    func(x *everySecond) { x.answersReads(); pass(x.t, 4*time.Second) },
		"for longer than is awaited": func(x *everySecond) { x.answersReads(); x.refusesToWrite("the database ") },
	}
	for name, meanwhile := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, file, p := onSQLite(t, t.TempDir())
			x := newEverySecond(t, address, 0, nil)
			release := func() {}
			x.suffer("locked "+name, func() { release = lockSQLite(t, file) }, func() { meanwhile(x) }, func() { release() })
			x.finish()
			p.stop(t)
		})
	}
}

// lockSQLite keeps everybody else from writing until it is released.
func lockSQLite(t *testing.T, file string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+file+"?_txlock=immediate&_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// refusedIn is how long a write waits at most: for the other writers of its
// process, for those of others, and for the machine of the test.
const refusedIn = 13 * time.Second

// answersReads checks that what only reads goes on.
func (x *everySecond) answersReads() {
	x.t.Helper()
	began := time.Now()
	x.s.must("GET", "/api/v1/jobs/"+x.job, nil, nil)
	if took := time.Since(began); took > 3*time.Second {
		x.t.Errorf("a read took %v while another held the write lock", took)
	}
}

// refusesToWrite registers a job that cannot be kept, and checks that the
// refusal comes in time, and says why and nothing of the database's inside.
func (x *everySecond) refusesToWrite(why string) {
	x.t.Helper()
	began := time.Now()
	status, answer := x.s.call("POST", "/api/v1/jobs", object{
		"id": "refused", "schedule": object{"type": "interval", "every": "1h"}, "request": object{"url": x.tg.URL, "body": strings.Repeat("x", 256<<10)},
	})
	text := string(answer)
	if status != 503 || !strings.Contains(text, `"unavailable"`) || !strings.Contains(text, why) {
		x.t.Errorf("a write was answered %d %.300s", status, text)
	}
	took := time.Since(began)
	x.t.Logf("a write was refused after %v: %s", took.Round(time.Millisecond), text)
	if took > refusedIn {
		x.t.Errorf("a write was refused after %v only", took)
	}
	if strings.Contains(text, "SQL") || strings.Contains(text, "jobs.db") {
		x.t.Errorf("the answer shows too much: %s", text)
	}
}

// checkIntegrity has SQLite look for damage.
func checkIntegrity(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+file+"?mode=ro&_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("the database is damaged: %q, %v", verdict, err)
	}
}
