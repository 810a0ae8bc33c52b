package apscheduler_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

const now = job.Instant(1_795_402_000_000)

func rows(t testing.TB) []apscheduler.Row {
	t.Helper()
	data, err := os.ReadFile("testdata/jobs.sqlite") // written by the original
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.ReadPickles(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRead(t *testing.T) {
	got := map[string]*job.Input{}
	for _, row := range rows(t) {
		in, _, err := apscheduler.Read(row, new(trigger.Parser), now)
		if err != nil {
			t.Fatalf("%s: %v", row.ID, err)
		}
		got[in.ID] = in
	}
	if len(got) != 7 {
		t.Fatalf("%d jobs", len(got))
	}
	next := func(id string) string {
		schedule, err := got[id].Compile(new(trigger.Parser))
		if err != nil {
			t.Fatal(err)
		}
		at, _ := schedule.Next(now)
		return at.String()
	}
	for id, want := range map[string]string{
		"cron_job_333": "2026-11-23T02:48:00.000Z", "工作日-早九点": "2026-11-23T09:00:00.000Z",
		"date_job_111": "2031-11-18T07:00:00.000Z", "interval_job_222": "2026-11-23T03:00:37.053Z",
	} {
		in := got[id]
		if *in.Status != job.StatusActive || !strings.HasPrefix(in.Request.URL, "http://127.0.0.1:") || in.Policy.Retry.MaxAttempts != 1 {
			t.Errorf("%s: %+v", id, in)
		}
		if g := next(id); g != want {
			t.Errorf("%s is next due at %s, not %s", id, g, want)
		}
	}
	if *got["paused-cron"].Status != job.StatusPaused {
		t.Errorf("%+v", got["paused-cron"])
	}
	if every := got["every-36h"].Schedule.Every; every != job.Duration(36*time.Hour) {
		t.Errorf("every %s", every)
	}
	if f := got["last-friday"].Schedule.Fields; f == nil || f.Day != "last fri" {
		t.Errorf("last friday: %+v", f)
	}
	if got["cron_job_333"].Policy.MisfireGraceTime != job.Grace(time.Minute) {
		t.Errorf("grace %v", got["cron_job_333"].Policy.MisfireGraceTime)
	}
}

// TestNextAsTheOriginal wants every job that is active to be due when the original would have called it.
func TestNextAsTheOriginal(t *testing.T) {
	for _, row := range rows(t) {
		if row.NextRunTime == nil {
			continue
		}
		in, _, err := apscheduler.Read(row, new(trigger.Parser), now)
		if err != nil {
			t.Fatal(err)
		}
		schedule, err := in.Compile(new(trigger.Parser))
		if err != nil {
			t.Fatal(err)
		}
		want := job.Instant(*row.NextRunTime * 1000)
		if at, ok := schedule.First(want); !ok || at != want {
			t.Errorf("%s is due at %s, not at %s", row.ID, at, want)
		}
	}
}

func TestHostilePickles(t *testing.T) {
	for name, state := range map[string]string{
		"empty": "", "no end": "\x80\x04}", "a call": "\x80\x04cos\nsystem\n(X\x02\x00\x00\x00idtR.", "a huge text": "\x80\x04X\xff\xff\xff\x7fa.",
		"a huge frame": "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", "huge bytes": "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "nothing to pop": "\x80\x04s.",
		"a text that is repeated": "\x80\x04X\x00\x40\x00\x00" + strings.Repeat("x", 1<<14) + "\x94](" + strings.Repeat("h\x00", 10_000) + "e\x93.",
		"one that a frame hides":  "\x80\x04X\x00\x40\x00\x00" + strings.Repeat("x", 1<<14) + "\x95\x00\x00\x00\x00\x00\x00\x00\x00\x94](" + strings.Repeat("j\x00\x00\x00\x00", 10_000) + "e\x93.",
		"a name that grows":       "\x80\x04cbuiltins\ngetattr\n\x94" + strings.Repeat("h\x00", 9999) + "cos\nsystem\n" + strings.Repeat("\x8c\x03abc\x86R", 10_000) + ".",
		"itself":                  "\x80\x04]\x94h\x00a.", "text": "hello", "large": strings.Repeat("N", apscheduler.MaxPickle+1), "nested": strings.Repeat("(", 100_000) + ".",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if in, _, err := apscheduler.Read(apscheduler.Row{ID: "x", State: []byte(state)}, new(trigger.Parser), now); err == nil {
			t.Errorf("%s gives %+v", name, in)
		}
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > 16<<20 {
			t.Errorf("%s takes %d bytes", name, made)
		}
	}
}

// TestWithoutTemporaryFolder reads a store where nothing can be written, in either of SQLite's journal modes.
func TestWithoutTemporaryFolder(t *testing.T) {
	t.Setenv("TMPDIR", "/proc/nope")
	t.Setenv("SQLITE_TMPDIR", "/proc/nope")
	data, err := os.ReadFile("testdata/jobs.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []byte{1, 2} { // a rollback journal, a write-ahead log
		data[18], data[19] = mode, mode
		if rows, err := store.ReadPickles(t.Context(), data); err != nil || len(rows) != 7 {
			t.Errorf("mode %d: %d rows, %v", mode, len(rows), err)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	data, err := os.ReadFile("testdata/jobs.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"empty": {}, "text": []byte("hello"), "cut": data[:5000], "header": data[:100], "another": []byte("SQLite format 3\x00" + strings.Repeat("\xff", 9000))} {
		if rows, err := store.ReadPickles(t.Context(), file); job.CodeOf(err) != job.CodeMalformed {
			t.Errorf("%s gives %d rows and %v", name, len(rows), err)
		}
	}
}

// What a file has its readers compute is not computed.
func TestFilesThatGrow(t *testing.T) {
	for name, schema := range map[string]string{
		"a computed state":  "CREATE TABLE apscheduler_jobs(a, id TEXT, next_run_time, job_state BLOB GENERATED ALWAYS AS (zeroblob(262144)) VIRTUAL)",
		"a computed id":     "CREATE TABLE apscheduler_jobs(a, id TEXT GENERATED ALWAYS AS (hex(zeroblob(490000000))) VIRTUAL, next_run_time, job_state BLOB)",
		"a stored one":      "CREATE TABLE apscheduler_jobs(a, id TEXT, next_run_time, job_state BLOB GENERATED ALWAYS AS (zeroblob(1000)) STORED)",
		"a virtual table":   "CREATE VIRTUAL TABLE apscheduler_jobs USING rtree(a, b, c)",
		"more than 32 MiB":  "CREATE TABLE apscheduler_jobs(a, id TEXT DEFAULT 'x', next_run_time, job_state BLOB DEFAULT (zeroblob(262144)))",
		"a view of a table": "CREATE TABLE other(a); CREATE VIEW apscheduler_jobs AS SELECT a, 'x' AS id, 1 AS next_run_time, zeroblob(262144) AS job_state FROM other",
	} {
		file := filepath.Join(t.TempDir(), "jobs.sqlite")
		db, err := sql.Open("sqlite3", file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(schema); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(schema, "VIRTUAL TABLE") && !strings.Contains(schema, "VIEW") {
			if _, err := db.Exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 140) INSERT INTO apscheduler_jobs(a) SELECT i FROM n"); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := store.ReadPickles(t.Context(), data); job.CodeOf(err) != job.CodeMalformed {
			t.Errorf("%s gives %d rows and %v", name, len(rows), err)
		}
	}
}

// FuzzRead sends hostile pickles: none breaks anything, and what comes out is valid.
func FuzzRead(f *testing.F) {
	for _, row := range rows(f) {
		f.Add(row.State)
	}
	parser := new(trigger.Parser)
	f.Fuzz(func(t *testing.T, state []byte) {
		in, _, err := apscheduler.Read(apscheduler.Row{ID: "x", State: state}, parser, now)
		if err != nil {
			return
		}
		if faults := in.Validate(parser); len(faults) > 0 {
			t.Errorf("%v", faults)
		}
	})
}
