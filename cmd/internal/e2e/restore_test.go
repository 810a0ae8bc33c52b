package e2e

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replaced is what a restore kept of before, by its pattern.
func replaced(t *testing.T, file string) []string {
	t.Helper()
	kept, err := filepath.Glob(file + ".replaced-*")
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// A restore takes back what was done since, and loses none of it.
func TestRestore(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	database := filepath.Join(x.data, "schedule.db")
	to := filepath.Join(t.TempDir(), "copy.db")
	command(t, "standalone", "backup", to, "--data-dir", x.data).succeeds()
	restore := func(more ...string) outcome {
		return command(t, "standalone", append([]string{"restore", to, "--data-dir", x.data}, more...)...)
	}
	x.must("POST", "/api/v1/jobs", object{"id": "later", "schedule": object{"type": "interval", "every": "1h"}, "request": object{"url": x.tg.URL}}, nil)
	has := func(id string) bool {
		status, _ := x.call("GET", "/api/v1/jobs/"+id, nil)
		return status == 200
	}

	// Under a running server nothing is put anywhere; to look is always allowed.
	restore().fails("another schedule-server, pid", x.data)
	restore("--check").succeeds("1 job, 0 runs, 1 secret", "intact", "opens all secrets")
	if !has("later") {
		t.Error("a job is gone")
	}
	x.stop()
	address := freeAddress(t)
	api := start(t, "api", "--listen", address, "--data-dir", x.data, "--redis-url", "redis://127.0.0.1:1")
	x.until("the API runs", api.said("started"))
	restore().fails("another program has the database", "stop every schedule-server")
	api.stop(t)

	restore().succeeds("restored to "+database, "kept from before: "+database+".replaced-")
	x.start()
	x.called()
	if has("later") {
		t.Error("what came after the backup is still there")
	}
	x.stop()

	// And back: what was kept is a backup like any other.
	kept := replaced(t, database)
	if len(kept) != 1 {
		t.Fatalf("kept are %v", kept)
	}
	command(t, "standalone", "restore", kept[0], "--data-dir", x.data).succeeds("2 jobs")
	x.start()
	if !has("later") {
		t.Error("what was kept is not whole")
	}
	x.stop()
	if kept := replaced(t, database); len(kept) != 2 {
		t.Errorf("kept are %v", kept)
	}
}

// A key comes back with its database; the one of before is kept.
func TestRestoreWithItsKey(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	command(t, "standalone", "backup", to, "--data-dir", x.data).succeeds()
	x.stop()
	command(t, "standalone", "reseal", "--new-key", "--data-dir", x.data).succeeds()
	current := readFile(t, x.keyFile())
	command(t, "standalone", "restore", to, "--data-dir", x.data).succeeds("its key to "+x.keyFile(), "kept from before: "+x.keyFile()+".replaced-")
	if readFile(t, x.keyFile()) != readFile(t, to+".key") {
		t.Error("the key did not come back")
	}
	var found bool
	for _, name := range replaced(t, x.keyFile()) {
		found = found || readFile(t, name) == current
	}
	if !found {
		t.Error("the key of before is lost")
	}
	x.start()
	x.called()
	x.stop()

	// A backup that came without its key is not put back by mistake.
	if err := os.Remove(to + ".key"); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	restore := func(more ...string) outcome {
		return command(t, "standalone", append([]string{"restore", to, "--data-dir", fresh}, more...)...)
	}
	restore("--check").fails("2 of 2 sealed texts", "there is no key", to+".key")
	restore().fails("2 of 2 sealed texts", "there is no key", "--without-key")
	restore("--secret-key", "a key of somebody else").fails("2 of 2 sealed texts", "of --secret-key", "secret/HEADER")
	if _, err := os.Stat(filepath.Join(fresh, "schedule.db")); !os.IsNotExist(err) {
		t.Errorf("it was put back: %v", err)
	}
	restore("--secret-key", strings.TrimSpace(readFile(t, x.keyFile()))).succeeds("restored", "opens all secrets")
	if _, err := os.Stat(filepath.Join(fresh, "secret.key")); !os.IsNotExist(err) {
		t.Errorf("a key that was given is kept in a file: %v", err)
	}
	restore("--without-key").succeeds("ATTENTION: 2 of 2 sealed texts", "restored", "kept from before")
	x.data = fresh
	x.start()
	x.notCalled()
	x.stop("cannot_be_opened=2 of=2", "No new key was made")
}

// What is no backup is refused, with a reason, and nothing is touched.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	folder := t.TempDir()
	whole := filepath.Join(folder, "whole.db")
	command(t, "standalone", "backup", whole, "--data-dir", x.data).succeeds()
	x.stop()
	database := filepath.Join(x.data, "schedule.db")

	data := readFile(t, whole)
	make := func(name, text string) string {
		t.Helper()
		name = filepath.Join(folder, name)
		writeFile(t, name, text)
		return name
	}
	edited := func(name, statement string) string {
		t.Helper()
		name = make(name, data)
		db, err := sql.Open("sqlite3", "file:"+name)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		return name
	}
	damaged := []byte(data)
	for at := 5 * 4096; at < len(damaged); at += 2 * 4096 {
		copy(damaged[at:], strings.Repeat("\xff", 200))
	}
	for _, test := range []struct{ file, want string }{
		{filepath.Join(folder, "none.db"), "none.db does not exist"},
		{folder, "is a folder"},
		{make("empty.db", ""), "empty.db is empty"},
		{make("text.db", strings.Repeat("no database\n", 1000)), "text.db is no SQLite database"},
		{make("half.db", data[:len(data)/2/4096*4096]), "half.db is damaged"},
		{make("damaged.db", string(damaged)), "damaged.db is damaged"},
		{edited("newer.db", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"), "newer version of schedule-server: its schema is 9999"},
		{edited("other.db", "DROP TABLE runs"), "other.db is a database of another program"},
		{"../../../pkg/apscheduler/testdata/jobs.sqlite", "import"},
		{database, "is the database itself"},
	} {
		file, err := filepath.Abs(test.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, more := range [][]string{{"--check"}, {}} {
			command(t, "standalone", append([]string{"restore", file, "--data-dir", x.data}, more...)...).fails(test.want)
		}
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	command(t, "standalone", "restore", filepath.Join(folder, "none.db"), "--data-dir", fresh).fails("does not exist")
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("a restore of nothing made a folder: %v", err)
	}
	if kept := replaced(t, database); len(kept) != 0 {
		t.Errorf("kept are %v", kept)
	}
	if left, _ := filepath.Glob(filepath.Join(x.data, ".*")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	x.start()
	x.called()
	x.stop()

	// In the place of a database that cannot be read any more it goes back, with what is left of that one kept.
	writeFile(t, database, strings.Repeat("broken ", 1000))
	command(t, "standalone", "restore", whole, "--data-dir", x.data).succeeds("restored")
	if kept := replaced(t, database); len(kept) != 1 || readFile(t, kept[0]) != strings.Repeat("broken ", 1000) {
		t.Errorf("kept are %v", kept)
	}
	x.start()
	x.called()
	x.stop()
}

// A restore that is killed leaves the database as it was, or the backup, whole.
func TestRestoreIsKilled(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	database := filepath.Join(x.data, "schedule.db")
	ballast(t, database)
	to := filepath.Join(t.TempDir(), "copy.db")
	command(t, "standalone", "backup", to, "--data-dir", x.data).succeeds()
	x.must("POST", "/api/v1/jobs", object{"id": "later", "schedule": object{"type": "interval", "every": "1h"}, "request": object{"url": x.tg.URL}}, nil)
	x.stop()
	restore, atWork := startUntil(t, database, 32<<20, "restore", to, "--data-dir", x.data)
	restore.kill()
	if !atWork {
		t.Fatalf("64 MiB were restored at once:\n%s", restore.Log.Tail(shown))
	}
	x.start()
	x.called()
	if status, answer := x.call("GET", "/api/v1/jobs/later", nil); status != 200 {
		t.Errorf("after a restore that was killed: %d %s", status, answer)
	}
	x.stop()
	command(t, "standalone", "restore", to, "--data-dir", x.data).succeeds("restored", "kept from before")
	x.start()
	x.called()
	x.stop()
}
