package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// opens is a key that opens what begins with "ours".
func opens(_, sealed string) (string, error) {
	if !strings.HasPrefix(sealed, "ours") {
		return "", errors.New("another key")
	}
	return "", nil
}

// copyTo makes a copy of a database, and checks it.
func copyTo(t *testing.T, from string) (file string, c *Contents) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Copy(t.Context(), from, file); err != nil {
		t.Fatal(err)
	}
	c, err := Inspect(t.Context(), file, opens)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("beside the copy there are %v, %v", entries, err)
	}
	return file, c
}

// A copy is whole, and of one moment, although others write all the while; and they are not held up by it.
func TestCopyWhileOthersWrite(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(soon, never))
	// Pairs are made in one transaction: a copy that holds half of one was not of one moment.
	pair := func(n int) {
		var edits []job.Edit
		for _, side := range []string{"a", "b"} {
			j := newJob(fmt.Sprintf("%s-%06d", side, n))
			j.Request.Body = job.Body(strings.Repeat("x", 20_000))
			edits = append(edits, job.Edit{ID: j.ID, After: j})
		}
		_, err := l.EditJobs(context.Background(), job.Pick{IDs: []string{edits[0].ID, edits[1].ID}}, func() job.Instant { return t0 },
			func([]job.Job, job.Instant) ([]job.Edit, error) { return edits, nil })
		if err != nil {
			t.Error(err)
		}
	}
	for n := range 300 {
		pair(n)
	}
	stop, stopped := make(chan struct{}), sync.WaitGroup{}
	made := 300
	stopped.Go(func() {
		for ; ; made++ {
			select {
			case <-stop:
				return
			default:
				pair(made)
			}
		}
	})
	for range 5 {
		file, c := copyTo(t, l.file)
		if c.Jobs%2 != 0 || c.Jobs < 600 {
			t.Errorf("the copy holds %d jobs", c.Jobs)
		}
		copied, err := Open(t.Context(), "sqlite://"+file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var halves int
		err = copied.r.Get(&halves, "SELECT count(*) FROM (SELECT substr(id, 3) FROM jobs GROUP BY 1 HAVING count(*) <> 2)")
		if err := errors.Join(err, copied.Close()); err != nil || halves > 0 {
			t.Errorf("the copy holds %d halves of pairs, %v", halves, err)
		}
	}
	close(stop)
	stopped.Wait()
	if made < 305 {
		t.Errorf("only %d pairs were written while five copies were made", made-300)
	}
}

// A copy is made of a database as it was left: by a process that was killed, and by one that stopped.
func TestCopyOfADatabaseThatRests(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(never, never))
	l.create(l.Store, 10)
	killed := filepath.Join(t.TempDir(), "killed.db")
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(l.file + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+end, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, c := copyTo(t, killed); c.Jobs != 1 {
		t.Errorf("after a kill: %+v", c)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, c := copyTo(t, l.file); c.Jobs != 1 {
		t.Errorf("after a stop: %+v", c)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "sqlite://"+filepath.Join(t.TempDir(), "jobs.db"))
	b.create(newJob("a"), newJob("b", func(j *job.Job) { j.Request.Sealed = map[string]string{"auth.token": "theirs"} }))
	b.claimAll(t0)
	if _, _, err := b.PutSecret(t.Context(), &job.SecretChange{Name: "A", Sealed: "ours"}, t0); err != nil {
		t.Fatal(err)
	}
	newest, err := NewestSchema()
	if err != nil {
		t.Fatal(err)
	}
	file, c := copyTo(t, mustFile(t, b.Store))
	wantEqual(t, "the contents", *c, Contents{Schema: newest, Jobs: 2, Runs: 2, Secrets: 1,
		Sealed: Sealed{All: 2, Shut: 1, First: "job/b/auth.token: another key"}})

	// One of the first version has no secrets.
	first := &bundle{t: t, url: "sqlite://" + filepath.Join(t.TempDir(), "first.db"), Store: b.Store}
	_ = first.openFirst(first.url)
	if _, c := copyTo(t, strings.TrimPrefix(first.url, "sqlite://")); c.Schema != 1 {
		t.Errorf("of the first version: %+v", c)
	}

	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.ReadFile("../apscheduler/testdata/jobs.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), whole...)
	for at := 4 * sqlitePage; at < len(damaged); at += 3 * sqlitePage {
		copy(damaged[at:at+100], strings.Repeat("\xff", 100))
	}
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":  {nil, "is empty"},
		"text":     {[]byte(strings.Repeat("no database\n", 1000)), "is no SQLite database"},
		"a half":   {whole[:len(whole)/2/sqlitePage*sqlitePage], "is damaged"},
		"damaged":  {damaged, "is damaged"},
		"original": {original, "is the job store of the original service"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.db")
			if err := os.WriteFile(bad, test.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Inspect(t.Context(), bad, opens); job.CodeOf(err) != job.CodeMalformed || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Inspect(t.Context(), file+".none", opens); job.CodeOf(err) != job.CodeNotFound || err.Error() != "does not exist" {
		t.Errorf("got %v", err)
	}
	if _, err := Inspect(t.Context(), t.TempDir(), opens); job.CodeOf(err) != job.CodeMalformed {
		t.Errorf("a folder: %v", err)
	}
	for sql, want := range map[string]string{"CREATE TABLE t (x)": "is a database of another program", "CREATE TABLE t (x); DROP TABLE t": "is a database without any table"} {
		other := filepath.Join(t.TempDir(), "other.db")
		db := openPlain(other)
		if _, err := db.Exec(sql); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Inspect(t.Context(), other, opens); job.CodeOf(err) != job.CodeMalformed || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// openPlain opens a SQLite file as any program does.
func openPlain(file string) *sql.DB { return sql.OpenDB(sqliteConnector{dsn: fileDSN(file, "")}) }

func TestSeize(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jobs.db")
	url := "sqlite://" + file
	b := newBundle(t, url)
	b.create(newJob("a"))
	if _, err := Seize(t.Context(), url, DoingRestore); job.CodeOf(err) != job.CodeConflict || !strings.Contains(err.Error(), file) {
		t.Errorf("while it is open: %v", err)
	}
	b.get("a") // it goes on
	server, err := LockServer(t.Context(), url, false, DoingServe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Seize(t.Context(), url, DoingRestore); job.CodeOf(err) != job.CodeConflict || !strings.Contains(err.Error(), "pid") {
		t.Errorf("while a server uses it: %v", err)
	}
	server.Release()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	seized, err := Seize(t.Context(), url, DoingRestore)
	if err != nil {
		t.Fatal(err)
	}
	if len(seized.Logs) != 0 {
		t.Errorf("logs are left: %v", seized.Logs)
	}
	opened := make(chan error)
	go func() {
		s, err := Open(context.Background(), url, Options{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Errorf("it was opened while it was seized: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	seized.Release()
	if err := <-opened; err != nil {
		t.Error(err)
	}

	// Where there is none yet, and where there is one that cannot be read, there is nothing to wait for.
	none, err := Seize(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "new", "jobs.db"), DoingRestore)
	if err != nil {
		t.Fatal(err)
	}
	none.Release()
	for _, end := range []string{"", "-wal"} {
		if err := os.WriteFile(file+end, []byte(strings.Repeat("broken ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	broken, err := Seize(t.Context(), url, DoingRestore)
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Release()
	if _, err := os.Stat(file + "-wal"); (err == nil) != (len(broken.Logs) > 0) {
		t.Errorf("the logs of a broken database are %v, and -wal: %v", broken.Logs, err)
	}
}
