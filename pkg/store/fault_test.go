package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"schedule-server/pkg/job"
)

func testHostileText(t *testing.T, b *bundle) {
	texts := []string{`'"; DROP TABLE jobs; --`, `%_\`, ":name ?1 $1 ::text", `[",",""]`, `{"a":1}`, "\n\r\t\x01\x1f\u2028", "𝒳 😀 اب e\u0301",
		strings.Repeat("é", 256), strings.Repeat("x", 512), " ", `\u0000`, "</script>&<>"}
	for i, text := range texts {
		j := newJob(text, func(j *job.Job) {
			j.Name, j.Description, j.Tags = text[:min(len(text), 100)], text, []string{text[:min(len(text), 60)]}
			if strings.HasPrefix(text, "é") {
				j.Name, j.Tags = text[:100], []string{text[:60]}
			}
			j.Request.URL, j.Request.Headers = "http://example.com/"+text, map[string]string{"X": text}
			j.Request.Body = job.Body(text)
		})
		b.create(j)
		got := b.get(text)
		got.Schedule.Exclude = j.Schedule.Exclude
		wantEqual(t, fmt.Sprintf("job %d", i), got, j)
		page, err := b.ListJobs(t.Context(), job.JobQuery{IDContains: text, Tags: j.Tags, Text: j.Name, Limit: 500})
		if err != nil || len(page.Jobs) != 1 || page.Jobs[0].ID != text {
			t.Fatalf("%q finds %v: %v", text, idsOf(page.Jobs), err)
		}
	}
	claimed := b.claimAll(t0)
	if len(claimed.Tasks) != len(texts) {
		t.Fatalf("%d of %d were claimed", len(claimed.Tasks), len(texts))
	}
	for _, task := range claimed.Tasks {
		e := ended(task.RunID, 1, t0+50, job.StateFailed, 410)
		message := task.JobID + "\x00\xff"
		e.Attempt.Error, e.Response.Body, e.Attempt.Worker = &message, message, message
		b.record(e)
		r := b.run(task.RunID)
		want := task.JobID + "\x00\uFFFD"
		if r.JobID != task.JobID || *r.Attempts[0].Error != want || r.Response.Body != want || r.Request.URL != task.Request.URL {
			t.Fatalf("the run of %q is %+v", task.JobID, r)
		}
		if runs := b.runIDs(job.RunQuery{JobID: task.JobID, Limit: 1}); len(runs) != 1 {
			t.Fatalf("%q has the runs %v", task.JobID, runs)
		}
		b.change(task.JobID, func(j *job.Job) { j.Pause(nil, message) })
		if _, err := b.DeleteJob(t.Context(), task.JobID, 0, t0); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"a\x00b", "\xff\xfe"} {
		ctx := t.Context()
		_, err := b.GetJob(ctx, bad)
		wantCode(t, err, job.CodeNotFound)
		_, err = b.GetRun(ctx, bad)
		wantCode(t, err, job.CodeNotFound)
		_, err = b.DeleteJob(ctx, bad, 0, t0)
		wantCode(t, err, job.CodeNotFound)
		wantCode(t, b.CreateJob(ctx, newJob(bad)), job.CodeInvalid)
		wantCode(t, b.CreateJob(ctx, newJob("ok", func(j *job.Job) { j.Tags = []string{bad} })), job.CodeInvalid)
	}
}

// fresh is the URL of another database, without tables.
func (b *bundle) fresh() string {
	b.t.Helper()
	if b.d == sqlite {
		return b.url + "_fresh"
	}
	url := strings.Replace(b.url, "/test_", "/fresh_", 1)
	name := strings.TrimPrefix(url[strings.Index(url, "/fresh_"):strings.Index(url, "?")], "/")
	if _, err := b.w.Exec("CREATE DATABASE " + name + " TEMPLATE template0"); err != nil {
		b.t.Fatal(err)
	}
	return url
}

func testMigrateConcurrently(t *testing.T, b *bundle) {
	fresh := b.fresh()
	const processes = 6
	stores := make([]*Store, processes)
	var group sync.WaitGroup
	for i := range processes {
		group.Go(func() {
			s, err := Open(context.Background(), fresh, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = s.Close() })
			if err := s.CreateJob(context.Background(), newJob(fmt.Sprint("j", i))); err != nil {
				t.Error(err)
			}
			stores[i] = s
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	page, err := stores[0].ListJobs(t.Context(), job.JobQuery{Limit: 100})
	if err != nil || page.Total != processes {
		t.Fatalf("%d jobs are there: %v", page.Total, err)
	}
	var applied int
	if err := stores[0].r.Get(&applied, "SELECT count(*) FROM goose_db_version WHERE version_id = 1"); err != nil || applied != 1 {
		t.Fatalf("the first migration was applied %d times: %v", applied, err)
	}
}

func testMigrateExisting(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	b.claimAll(t0)
	again := b.open()
	if j, err := again.GetJob(t.Context(), "a"); err != nil || j.Name != "Name of a" {
		t.Fatalf("after a second migration: %+v %v", j, err)
	}
	// While one handle writes, another may be opened.
	tx, err := b.w.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(context.Background(), b.url, Options{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	if _, err := tx.Exec("UPDATE jobs SET name = 'b'"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
}

func testFaults(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.GetJob(ctx, "a"); err == nil || strings.Contains(err.Error(), "SELECT") {
		t.Fatalf("a canceled read gives %v", err)
	}
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := b.open()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.Ping(t.Context()), job.CodeUnavailable)
	_, err := s.GetJob(t.Context(), "a")
	wantCode(t, err, job.CodeUnavailable)
	_, err = s.Claim(t.Context(), job.Claim{Now: t0, Limit: 1}, everyMinute(t0))
	wantCode(t, err, job.CodeUnavailable)
	wantCode(t, s.CreateJob(t.Context(), newJob("b")), job.CodeUnavailable)
	// A statement that is refused shows nothing of itself to callers.
	if _, err := b.w.Exec("DROP TABLE runs"); err != nil {
		t.Fatal(err)
	}
	_, err = b.ListRuns(t.Context(), job.RunQuery{Limit: 1})
	wantCode(t, err, job.CodeInternal)
	var known *job.Error
	if known, _ = err.(*job.Error); known == nil || strings.Contains(known.Detail, "runs") {
		t.Fatalf("the caller is told %+v", err)
	}
}

// testCutConnection has the server cut every connection: what was not committed is done again.
func testCutConnection(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	cut := func() {
		db, err := sql.Open("pgx", b.url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		_, err = db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
	}
	cut()
	if _, err := b.GetJob(t.Context(), "a"); err != nil {
		t.Fatalf("after a cut: %v", err)
	}
	calls := 0
	got, err := b.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, func(due []job.Due) []job.Verdict {
		if calls++; calls == 1 {
			cut()
		}
		return everyMinute(t0)(due)
	})
	if err != nil || calls != 2 || len(got.Tasks) != 1 {
		t.Fatalf("a claim that was cut: %d calls, %+v, %v", calls, got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]struct {
		code job.Code
		part string
	}{
		"":                        {job.CodeInvalid, "sqlite:"},
		"mysql://u:pw123@h/db":    {job.CodeInvalid, "sqlite:"},
		"sqlite://":               {job.CodeInvalid, "file"},
		"sqlite::memory:":         {job.CodeInvalid, "file"},
		"sqlite:///a/b?mode=ro":   {job.CodeInvalid, "file"},
		"sqlite://" + file:        {job.CodeUnavailable, file},
		"sqlite://" + file + "/x": {job.CodeUnavailable, file + "/x"},
		"sqlite://" + dir:         {job.CodeUnavailable, dir},
		"postgres://u:pw123@127.0.0.1:1/db?sslmode=disable&connect_timeout=2": {job.CodeUnavailable, "127.0.0.1:1"},
		"postgres://u:pw123@[::1/db":                                          {job.CodeInvalid, "postgres://"},
		"postgres://u:pw%123@h:port/db":                                       {job.CodeInvalid, "postgres://"},
		"postgresql://u:pw123@127.0.0.1:1/db?sslmode=maybe":                   {job.CodeInvalid, "postgres://"},
	} {
		s, err := Open(t.Context(), url, Options{})
		if err == nil {
			_ = s.Close()
			t.Errorf("%q was opened", url)
			continue
		}
		wantCode(t, err, want.code)
		wantContains(t, err.Error(), want.part)
		if strings.Contains(err.Error(), "pw") {
			t.Errorf("the password shows: %v", err)
		}
	}
}

func TestSQLiteAddress(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for url, path := range map[string]string{
		"sqlite://" + dir + "/odd %20 #name&x=ü.db": "",
		"sqlite://" + dir + "/a b&_query_only=1.db": dir + "/a b&_query_only=1.db",
		"sqlite://rel/one.db":                       dir + "/rel/one.db",
		"sqlite:two.db":                             dir + "/two.db",
	} {
		s, err := Open(t.Context(), url, Options{})
		if path == "" {
			wantCode(t, err, job.CodeInvalid) // a # or ? would be cut off by others who read the same URL
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CreateJob(t.Context(), newJob("a")); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestReadOnlyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := Open(t.Context(), "sqlite://"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// The readers' pool cannot write: what it is given by mistake fails.
	_, err = s.r.Exec("DELETE FROM jobs")
	wantCode(t, fail("x", err), job.CodeUnavailable)
}
