package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// pairs makes jobs two at a time, in one transaction, until it is stopped: half of a pair is never there.
type pairs struct {
	t    *testing.T
	s    *service
	made atomic.Int64
	stop context.CancelFunc
	done sync.WaitGroup
}

func makePairs(t *testing.T, s *service) *pairs {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &pairs{t: t, s: s, stop: stop}
	t.Cleanup(p.end)
	p.done.Go(func() {
		for ctx.Err() == nil {
			var jobs []object
			for _, side := range []string{"left", "right"} {
				jobs = append(jobs, object{"id": fmt.Sprintf("%s-%d", side, p.made.Load()), "schedule": object{"type": "interval", "every": "1h"},
					"request": object{"url": "http://127.0.0.1:1/", "body": strings.Repeat("x", 10_000)}})
			}
			if status, _ := s.call("POST", "/api/v1/jobs/import", object{"jobs": jobs}); status != http.StatusOK {
				return // the service was killed
			}
			p.made.Add(1)
		}
	})
	return p
}

func (p *pairs) end() {
	p.stop()
	p.done.Wait()
}

// wait waits for more pairs.
func (p *pairs) wait(more int64) {
	p.t.Helper()
	want := p.made.Load() + more
	p.s.until("pairs are made", func() (bool, string) { return p.made.Load() >= want, fmt.Sprint(p.made.Load()) })
}

// check counts the pairs that a SQLite file holds: at least so many, and no half of one.
func (p *pairs) check(file string, least int64) {
	p.t.Helper()
	checkIntegrity(p.t, file)
	db, err := sql.Open("sqlite3", "file:"+file+"?mode=ro&_busy_timeout=10000")
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	count := func(side string) (n int64) {
		if err := db.QueryRow("SELECT count(*) FROM jobs WHERE id LIKE ?", side+"-%").Scan(&n); err != nil {
			p.t.Fatal(err)
		}
		return n
	}
	if left, right := count("left"), count("right"); left != right || left < least {
		p.t.Errorf("%s holds %d left and %d right jobs, want %d pairs", file, left, right, least)
	}
}

// privateFile checks that a file is its owner's alone.
func privateFile(t *testing.T, name string) {
	t.Helper()
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", name, info, err)
	}
}

// A backup of a service that works is of one moment, and a service that is put up from it goes on with jobs, history and
// secrets.
func TestBackupWhileTheServiceWorks(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	every := newEverySecond(t, strings.TrimPrefix(x.url, "http://"), 0, nil)
	p := makePairs(t, x.service)
	folder := t.TempDir()
	var last string
	for n := range 5 {
		p.wait(5)
		last = filepath.Join(folder, fmt.Sprintf("copy-%d.db", n))
		least := p.made.Load()
		command(t, "standalone", "backup", last, "--data-dir", x.data).succeeds("1 secret, schema", "checked", last+".key")
		p.check(last, least)
		privateFile(t, last)
		privateFile(t, last+".key")
	}
	p.wait(5)
	p.end()
	every.finish()
	x.called()
	x.stop()

	restored := filepath.Join(t.TempDir(), "new")
	command(t, "standalone", "restore", last, "--check").succeeds("intact", "its key opens all secrets in it: 2 sealed texts")
	command(t, "standalone", "restore", last, "--data-dir", restored).succeeds("restored to "+filepath.Join(restored, "schedule.db"), "its key to")
	privateFile(t, filepath.Join(restored, "schedule.db"))
	privateFile(t, filepath.Join(restored, "secret.key"))
	x.data = restored
	x.start()
	x.called()
	seen := len(every.tg.of(every.job))
	every.tg.wait(t, every.job, seen+2)
	if runs := x.runs(every.job); len(runs) < 5 {
		t.Errorf("of the history there are %d runs", len(runs))
	}
	x.stop()
}

// ballast makes a database so large that copying it takes a while, and what a command does meanwhile can be seen.
func ballast(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+file+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`CREATE TABLE ballast (x BLOB); INSERT INTO ballast
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64) SELECT zeroblob(1 << 20) FROM n`)
	if err != nil {
		t.Fatal(err)
	}
}

// partials are the files that commands which are at work, or were killed, have beside a final one.
func partials(t *testing.T, final string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(final), "."+filepath.Base(final)+".partial-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// startUntil starts a command and waits until its file beside the final one has a size. It reports false where the command
// was ready before that was seen.
func startUntil(t *testing.T, final string, size int64, args ...string) (p *process, atWork bool) {
	t.Helper()
	before := partials(t, final)
	p = start(t, "standalone", args...)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		for _, name := range partials(t, final) {
			if info, err := os.Stat(name); err == nil && info.Size() >= size && !slices.Contains(before, name) {
				return p, true
			}
		}
		select {
		case <-p.Done:
			return p, false
		case <-time.After(time.Millisecond):
		}
	}
	t.Fatalf("the command does nothing:\n%s", p.Log.Tail(shown))
	return nil, false
}

// The server is killed while a backup is made: the backup is whole all the same.
func TestBackupWhileTheServerIsKilled(t *testing.T) {
	t.Parallel()
	data, address := filepath.Join(t.TempDir(), "data"), freeAddress(t)
	server := start(t, "standalone", "--listen", address, "--data-dir", data)
	s := &service{t: t, url: "http://" + address}
	s.ready()
	database := filepath.Join(data, "schedule.db")
	ballast(t, database)
	p := makePairs(t, s)
	p.wait(20)
	least := p.made.Load()
	to := filepath.Join(t.TempDir(), "copy.db")
	backup, atWork := startUntil(t, to, 4<<20, "backup", to, "--data-dir", data)
	server.kill()
	if !atWork {
		t.Error("the backup was made before the server was killed")
	}
	backup.outcome(t, "backup").succeeds("checked")
	p.end()
	p.check(to, least)

	// Of a database that a server left behind when it was killed, too.
	after := filepath.Join(t.TempDir(), "after.db")
	command(t, "standalone", "backup", after, "--data-dir", data).succeeds("checked")
	p.check(after, p.made.Load())
	server = start(t, "standalone", "--listen", address, "--data-dir", data)
	s.ready()
	server.stop(t)
	p.check(database, p.made.Load())
}

// A backup that is killed leaves nothing under its name; the next one is made as if nothing had been.
func TestBackupIsKilled(t *testing.T) {
	t.Parallel()
	data, address := filepath.Join(t.TempDir(), "data"), freeAddress(t)
	server := start(t, "standalone", "--listen", address, "--data-dir", data)
	s := &service{t: t, url: "http://" + address}
	s.ready()
	ballast(t, filepath.Join(data, "schedule.db"))
	p := makePairs(t, s)
	to := filepath.Join(t.TempDir(), "copy.db")
	// Before it has copied anything, in the middle, and while the copy is checked.
	for _, size := range []int64{0, 32 << 20, 64 << 20} {
		backup, atWork := startUntil(t, to, size, "backup", to, "--data-dir", data)
		backup.kill()
		if !atWork {
			t.Fatalf("64 MiB were copied and checked at once:\n%s", backup.Log.Tail(shown))
		}
		if backup.Cmd.ProcessState.ExitCode() == 0 {
			t.Log("it was ready when it was to be killed")
			_, _ = os.Remove(to), os.Remove(to+".key")
		}
		for _, name := range []string{to, to + ".key"} {
			if _, err := os.Stat(name); !os.IsNotExist(err) {
				t.Errorf("a backup that was killed at %d bytes left %s", size, name)
			}
		}
	}
	least := p.made.Load()
	command(t, "standalone", "backup", to, "--data-dir", data).succeeds("checked")
	p.check(to, least)
	p.end()
	server.stop(t)

	// What it left behind goes with one that comes a day later.
	left := partials(t, to)
	if len(left) == 0 {
		t.Error("nothing was left behind: what is removed?")
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	for _, name := range left {
		if err := os.Chtimes(name, yesterday, yesterday); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "standalone", "backup", to, "--data-dir", data, "--force").succeeds("checked")
	if left := partials(t, to); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// A backup that is interrupted says so, and leaves nothing at all.
func TestBackupIsInterrupted(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	ballast(t, filepath.Join(x.data, "schedule.db"))
	to := filepath.Join(t.TempDir(), "copy.db")
	backup, atWork := startUntil(t, to, 4<<20, "backup", to, "--data-dir", x.data)
	_ = backup.Cmd.Process.Signal(os.Interrupt)
	if !atWork {
		t.Fatalf("64 MiB were copied and checked at once:\n%s", backup.Log.Tail(shown))
	}
	backup.outcome(t, "backup").fails("interrupted")
	if left, err := os.ReadDir(filepath.Dir(to)); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	x.stop()
}

// A backup never writes over what is there, unless it is told to.
func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	folder := t.TempDir()
	to := filepath.Join(folder, "copy.db")
	backup := func(to string, more ...string) outcome {
		return command(t, "standalone", append([]string{"backup", to, "--data-dir", x.data}, more...)...)
	}
	backup(to).succeeds()
	first := readFile(t, to)
	backup(to).fails(to+" is there already", "--force")
	if readFile(t, to) != first {
		t.Error("it was overwritten")
	}
	other := filepath.Join(folder, "other.db")
	writeFile(t, other+".key", "the passphrase of another database")
	backup(other).fails(other+".key is another key", "--force")
	if readFile(t, other+".key") != "the passphrase of another database" {
		t.Error("the key was overwritten")
	}
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Error("a copy was made without its key")
	}
	backup(other, "--force").succeeds(other + ".key")
	if readFile(t, other+".key") != readFile(t, x.keyFile()) {
		t.Error("the key was not overwritten")
	}
	for _, own := range []string{"schedule.db", "schedule.db-wal", "schedule.db-server", "secret.key"} {
		backup(filepath.Join(x.data, own), "--force").fails("belongs to the database itself")
	}
	backup(folder, "--force").fails("is a folder")
	backup(filepath.Join(folder, "none", "copy.db")).fails("the folder " + filepath.Join(folder, "none") + " cannot be used")
	empty := filepath.Join(t.TempDir(), "empty")
	command(t, "standalone", "backup", filepath.Join(folder, "third.db"), "--data-dir", empty).fails(filepath.Join(empty, "schedule.db") + " does not exist")
	if _, err := os.Stat(empty); !os.IsNotExist(err) {
		t.Error("a backup of nothing made a folder")
	}

	// Without the key in it a backup says so, loudly.
	backup(filepath.Join(folder, "no-key.db"), "--no-key").succeeds("ATTENTION: The key for secrets is NOT in the backup", "2 sealed texts")
	if _, err := os.Stat(filepath.Join(folder, "no-key.db.key")); !os.IsNotExist(err) {
		t.Error("the key is there")
	}
	backup(filepath.Join(folder, "given.db"), "--secret-key", strings.TrimSpace(readFile(t, x.keyFile()))).succeeds("ATTENTION: The key for secrets is NOT in the backup")
	backup(filepath.Join(folder, "wrong.db"), "--secret-key", "a key of somebody else").succeeds("ATTENTION: The key does not open 2 of 2 sealed texts")
	command(t, "api", "backup", filepath.Join(folder, "api.db"), "--database-url", "sqlite://"+filepath.Join(x.data, "schedule.db")).
		succeeds("ATTENTION: The key of this database is missing")
	x.called()
	x.stop()
}

// On PostgreSQL the commands say what to do instead, and what they say works word by word.
func TestBackupOfPostgres(t *testing.T) {
	t.Parallel()
	server := testserver.StartPostgres(t)
	database, address := server.CreateDatabase(t, "schedule"), freeAddress(t)
	p := start(t, "standalone", "--listen", address, "--database-url", database)
	s := &service{t: t, url: "http://" + address}
	s.ready()
	s.must("POST", "/api/v1/jobs", object{"id": "a", "schedule": object{"type": "interval", "every": "1h"}, "request": object{"url": "http://127.0.0.1:1/"}}, nil)
	dump := filepath.Join(t.TempDir(), "it's a copy.dump")
	secret := strings.Replace(database, "postgres@", "postgres:hunter2@", 1) + "&default_query_exec_mode=exec"
	saidAndRun := func(database string, args ...string) {
		t.Helper()
		o := command(t, "standalone", append(args, "--database-url", database)...).fails("the database is PostgreSQL: nothing was")
		if strings.Contains(o.text, "hunter2") {
			t.Errorf("the password is shown:\n%s", o.text)
		}
		for _, line := range strings.Split(o.text, "\n") {
			if line, advice := strings.CutPrefix(line, "  pg_"); advice {
				cmd := exec.CommandContext(t.Context(), "sh", "-ec", "PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -1); pg_"+line)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("pg_%s: %v\n%s", line, err, out)
				}
				return
			}
		}
		t.Fatalf("no command in\n%s", o.text)
	}
	saidAndRun(secret, "backup", dump)
	p.stop(t)
	again := server.CreateDatabase(t, "again")
	saidAndRun(strings.Replace(secret, "/schedule?", "/again?", 1), "restore", dump)
	p = start(t, "standalone", "--listen", address, "--database-url", again)
	s.ready()
	s.must("GET", "/api/v1/jobs/a", nil, nil)
	p.stop(t)
}
