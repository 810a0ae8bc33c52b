package store

import (
	"io/fs"
	"log/slog"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"schedule-server/pkg/job"
)

// firstMigration is the schema that a process of the first version knows.
const firstMigration = "0001_jobs_and_runs.sql"

// openFirst opens a database as a process of the first version does, which brings it to the schema it knows.
func (b *bundle) openFirst(url string) *sqlx.DB {
	b.t.Helper()
	must := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	a, err := parseAddress(url)
	must(err)
	w, r, err := a.connect(Options{Logger: slog.New(slog.DiscardHandler)}, &defaultLog)
	must(err)
	b.t.Cleanup(func() { _, _ = w.Close(), r.Close() })
	name, folder, options, err := a.dialect.migration(false)
	must(err)
	text, err := fs.ReadFile(migrations, folder+"/"+firstMigration)
	must(err)
	known := fstest.MapFS{firstMigration: {Data: text}}
	provider, err := goose.NewProvider(name, w.DB, known, append(options, goose.WithDisableGlobalRegistry(true))...)
	must(err)
	_, err = provider.Up(b.t.Context())
	must(err)
	return w
}

// column is what a statement that does not name it must know of it.
type column struct {
	Name string
	Type string
	// Optional says that a row may be inserted without it.
	Optional bool
}

func (b *bundle) columns(db *sqlx.DB, table string) map[string]column {
	b.t.Helper()
	query := `SELECT name, type, "notnull" = 0 OR dflt_value IS NOT NULL AS optional FROM pragma_table_info('` + table + `')`
	if b.d == postgres {
		query = `SELECT column_name AS name, data_type AS type, is_nullable = 'YES' OR column_default IS NOT NULL AS optional
			FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '` + table + `'`
	}
	var found []column
	if err := db.Select(&found, query); err != nil || len(found) == 0 {
		b.t.Fatalf("the columns of %s: %d, %v", table, len(found), err)
	}
	columns := map[string]column{}
	for _, c := range found {
		columns[c.Name] = c
	}
	return columns
}

// breaks lists what a process that knows only the columns before cannot live with.
func breaks(before, after map[string]column) []string {
	var found []string
	for name, c := range before {
		switch now, there := after[name]; {
		case !there:
			found = append(found, name+" is gone")
		case now.Type != c.Type:
			found = append(found, name+" is another type")
		case c.Optional && !now.Optional:
			found = append(found, name+" must be given now")
		}
	}
	for name, c := range after {
		if _, known := before[name]; !known && !c.Optional {
			found = append(found, name+" is new and must be given")
		}
	}
	slices.Sort(found)
	return found
}

func TestBreaks(t *testing.T) {
	before := map[string]column{"same": {"same", "TEXT", false}, "gone": {"gone", "TEXT", true}, "type": {"type", "TEXT", true}, "asked": {"asked", "TEXT", true}}
	after := map[string]column{"same": {"same", "TEXT", true}, "type": {"type", "BIGINT", true}, "asked": {"asked", "TEXT", false},
		"may": {"may", "TEXT", true}, "must": {"must", "TEXT", false}}
	wantEqual(t, "what breaks", breaks(before, after),
		[]string{"asked must be given now", "gone is gone", "must is new and must be given", "type is another type"})
}

// beforeUpgrade is a job that a process of the first version registers on the schema that it knows.
const beforeUpgrade = `INSERT INTO jobs (id, status, failures, version, ran_version, created_at, updated_at, type, host, name, tags, search)
	VALUES ('before', 'active', 0, 1, 0, 1799999999000, 1799999999000, 'interval', 'example.com', 'Before', '[]', 'before')`

// firstStatements are what it writes on the schema of the newer version: it registers a job, claims it,
// records a run and its end, edits the job, drops what it was before, and deletes the job that it had before.
func firstStatements() []string {
	return []string{
		`INSERT INTO jobs (id, status, next_run_at, due_at, last_run_at, last_state, failures, version, ran_version,
			created_at, updated_at, pause_reason, paused_until, paused_from, type, host, name, tags, search, last_run)
		VALUES ('old', 'active', 1800000000000, 1800000000000, NULL, NULL, 0, 1, 0,
			1799999999000, 1799999999000, NULL, NULL, NULL, 'interval', 'example.com', 'Old', '[]', 'old', NULL)`,
		`INSERT INTO definitions (job_id, version, description, schedule, request, policy) VALUES ('old', 1, '',
			'{"type":"interval","every":"60s","anchor":"2027-01-15T08:00:00.000Z","start_at":null,"end_at":null,"exclude":[]}',
			'{"method":"GET","url":"http://example.com/old","headers":{},"body":"","auth":null,"follow_redirects":0,"insecure_tls":false}',
			'{"misfire_grace_time":"60s","coalesce":"latest","concurrency_policy":"allow","attempt_timeout":"30s","connect_timeout":"5s",
			"retry":{"max_attempts":3,"min_backoff":"5s","max_backoff":"1h","max_doublings":5,"max_retry_duration":"0s"},
			"success":{"status":["2xx"]},"jitter":"0s","queue":"default","auto_pause_after":0}')`,
		`INSERT INTO runs (id, job_id, job_version, scheduled_at, queued_at, queue, retry_until,
			touched_at, cause, state, reason, open, missed_count, attempt_started, attempts)
		VALUES ('run-1', 'old', 1, 1800000000000, 1800000000000, 'default', NULL, 1800000000000, 'schedule', 'queued', '', 1, 0, 0, '[]'),
			('run-2', 'old', 1, 1800000000000, 1800000000000, 'default', NULL, 1800000000000, 'schedule', 'queued', '', 1, 0, 0, '[]')`,
		`UPDATE jobs SET next_run_at = 1800000060000, due_at = 1800000060000, ran_version = 1 WHERE id = 'old'`,
		`UPDATE runs SET state = 'succeeded', reason = 'ok', open = 0, touched_at = 1800000000020, started_at = 1800000000010,
			finished_at = 1800000000020, attempt_started = 1, attempts = '[]', response = NULL WHERE id = 'run-1'`,
		`UPDATE jobs SET last_run_at = 1800000000000, last_state = 'succeeded' WHERE id = 'old'`,
		`INSERT INTO definitions (job_id, version, description, schedule, request, policy)
			SELECT job_id, 2, 'edited', schedule, request, policy FROM definitions WHERE job_id = 'old' AND version = 1`,
		`UPDATE jobs SET version = 2, updated_at = 1800000000030, name = 'Edited' WHERE id = 'old'`,
		`DELETE FROM jobs WHERE id = 'before'`,
	}
}

// testOlderVersion: while one version replaces another, processes of the older
// one go on, on the schema of the newer, and may be restarted. A migration that
// they could not live with fails here.
func testOlderVersion(t *testing.T, b *bundle) {
	url := b.fresh()
	old := b.openFirst(url)
	tables := []string{"jobs", "definitions", "runs"}
	before := map[string]map[string]column{}
	for _, table := range tables {
		before[table] = b.columns(old, table)
	}
	if _, err := old.Exec(beforeUpgrade); err != nil {
		t.Fatal(err)
	}
	b.url = url
	b.Store = b.open()
	wantEqual(t, "the number of jobs after the upgrade", b.total(), int64(1))
	for _, table := range tables {
		if found := breaks(before[table], b.columns(old, table)); len(found) > 0 {
			t.Errorf("%s breaks processes of the version before: %q", table, found)
		}
	}
	old = b.openFirst(url) // restarted in the middle of the upgrade
	for _, text := range firstStatements() {
		if _, err := old.Exec(text); err != nil {
			t.Fatalf("an older process cannot write any more: %v\n%s", err, text)
		}
	}
	if j := b.get("old"); j.Name != "Edited" || j.Description != "edited" || j.Version != 2 || j.Policy.Keep != job.DefaultKeep() {
		t.Errorf("the job is %+v", j)
	}
	wantEqual(t, "the number of jobs", b.total(), int64(1))
	if r := b.run("run-1"); r.State != job.StateSucceeded {
		t.Errorf("the run is %+v", r)
	}
	stale, err := b.lost(t0 + 1000)
	if err != nil || len(stale) != 1 || stale[0].RunID != "run-2" || stale[0].Request.URL != "http://example.com/old" {
		t.Errorf("to deliver: %+v, %v", stale, err)
	}
	b.record(started("run-2", 1, t0+10), ended("run-2", 1, t0+20, job.StateSucceeded, 200))
	if tasks := b.claimAll(t0 + 60_000).Tasks; len(tasks) != 1 || tasks[0].JobID != "old" {
		t.Errorf("claimed: %+v", tasks)
	}
}

// testNewerRows: what a newer version added to requests, policies and attempts does
// not keep this one from reading and firing. A schedule it would have to guess at is refused instead.
func testNewerRows(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	for _, name := range []string{"request", "policy"} {
		if _, err := b.w.Exec(`UPDATE definitions SET ` + name + ` = '{"newer":{"deep":[1]},' || substr(` + name + `, 2)`); err != nil {
			t.Fatal(err)
		}
	}
	if j := b.get("a"); j.Request.URL != "http://example.com/a" || j.Policy.ConcurrencyPolicy != job.ConcurrencyForbid {
		t.Errorf("the job is %+v", j)
	}
	claimed := b.claimAll(t0)
	if len(claimed.Tasks) != 1 {
		t.Fatalf("claimed: %+v", claimed)
	}
	id := claimed.Tasks[0].RunID
	b.record(started(id, 1, t0+10), ended(id, 1, t0+20, job.StateRetrying, 503))
	if _, err := b.w.Exec(`UPDATE runs SET attempts = '[{"newer":1,' || substr(attempts, 3)`); err != nil {
		t.Fatal(err)
	}
	b.record(started(id, 2, t0+30), ended(id, 2, t0+40, job.StateSucceeded, 200))
	if r := b.run(id); r.State != job.StateSucceeded || len(r.Attempts) != 2 {
		t.Errorf("the run is %+v", r)
	}
}
