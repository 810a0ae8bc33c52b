//go:build cgo

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/mattn/go-sqlite3"

	"schedule-server/pkg/job"
)

// TestPlans has SQLite explain every statement that the hot calls make: none may
// walk a whole table, nor sort what an index holds in order.
func TestPlans(t *testing.T) {
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "plans.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	spy := &spy{dsn: (&address{dialect: sqlite, file: mustFile(t, s)}).dsn("")}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db := sqlx.NewDb(sql.OpenDB(spy), "sqlite3")
	db.SetMaxOpenConns(1)
	s.w, s.r = db, db
	t.Cleanup(func() { _ = s.Close() })
	b := &bundle{t: t, Store: s, log: &logBuffer{}}
	ctx := t.Context()

	b.create(newJob("a"), newJob("b"), newJob("c"))
	b.claimAll(t0)
	id := job.OccurrenceID("a", t0)
	page := func(q job.JobQuery) func() {
		q.Limit = 1
		return func() { b.ids(q) }
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		call func()
		// allowed is what may be walked whole, besides the rows given in the call.
		allowed string
	}{
		"claim":      {func() { b.claimAll(t0 + 60_000) }, "SCAN j"}, // of those that the limit lets through
		"next due":   {func() { _, err := b.NextDue(ctx, t0); must(err) }, ""},
		"get job":    {func() { b.get("a") }, ""},
		"change job": {func() { b.change("a", func(j *job.Job) { j.Name = "x" }) }, ""},
		"get run":    {func() { b.run(id) }, ""},
		"job's runs": {func() { b.runIDs(job.RunQuery{JobID: "a", Limit: 1}) }, ""},
		"all runs":   {func() { b.runIDs(job.RunQuery{Limit: 1}) }, "SCAN r USING INDEX sqlite_autoindex_runs_1"},
		"open runs":  {func() { b.runIDs(job.RunQuery{Limit: 1, State: job.StateRunning}) }, "SCAN o USING INDEX runs_open"},
		"failed":     {func() { b.runIDs(job.RunQuery{Limit: 1, State: job.StateFailed}) }, ""},
		"by hand":    {func() { b.runIDs(job.RunQuery{Limit: 1, Trigger: job.TriggerManual}) }, ""},
		"runs since": {func() { b.runIDs(job.RunQuery{Limit: 1, Since: new(t0)}) }, ""},
		"record":     {func() { b.record(started(id, 1, t0), ended(id, 1, t0+5, job.StateFailed, 500)) }, ""},
		"start run": {func() {
			_, err := b.StartRun(ctx, "a", func(*job.Due) (*job.Run, error) {
				return &job.Run{ID: job.NewID(t0), Trigger: job.TriggerManual, State: job.StateQueued, ScheduledAt: t0, Queue: job.QueueLow}, nil
			})
			must(err)
		}, ""},
		"lost runs":      {func() { _, err := b.LostRuns(ctx, []job.OpenRun{{ID: id}}); must(err) }, ""},
		"stale runs":     {func() { _, err := b.StaleRuns(ctx, t0.Add(time.Hour), job.OpenRun{}, 1); must(err) }, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"}, // of one job's
		"overdue runs":   {func() { _, err := b.OverdueRuns(ctx, t0.Add(time.Hour), job.OpenRun{}, 1); must(err) }, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"},
		"redelivered":    {func() { must(b.NoteRedelivered(ctx, []string{id}, t0)) }, ""},
		"cancel pending": {func() { _, err := b.CancelPending(ctx, 1); must(err) }, "SCAN r USING INDEX runs_to_cancel"},
		"delete":         {func() { _, err := b.DeleteJob(ctx, "c", 0, t0); must(err) }, "runs_open"},
		"prune": {func() {
			p := b.NewPruner()
			limits, err := p.limits(ctx, t0.Add(20*24*time.Hour), []string{"a", "b"}) // old enough for the answers to go
			must(err)
			if len(limits) == 0 {
				t.Error("nothing is beyond the limits")
			}
			_, _, err = p.removeSome(ctx, limits)
			must(err)
		}, ""},
		"prune recent": {func() { _, err := b.NewPruner().Recent(ctx, t0, ""); must(err) }, ""},
		"outcomes":     {func() { _, err := b.Outcomes(ctx, job.Buckets{From: t0, Width: 1000, N: 9}); must(err) }, "USE TEMP B-TREE FOR GROUP BY"},
		"job's outcomes": {func() {
			_, _, err := b.JobOutcomes(ctx, "a", job.Buckets{From: t0, Width: 1000, N: 9})
			must(err)
		}, "SCAN r, USE TEMP B-TREE FOR GROUP BY"}, // of what the inner statement has bounded
		"by id":         {page(job.JobQuery{}), "SCAN j USING INDEX sqlite_autoindex_jobs_1"},
		"with runs":     {page(job.JobQuery{Recent: 24}), "SCAN j USING INDEX sqlite_autoindex_jobs_1"},
		"by name":       {page(job.JobQuery{Sort: "name"}), "SCAN j USING INDEX jobs_name"},
		"by name, desc": {page(job.JobQuery{Sort: "name", Descending: true}), "SCAN j USING INDEX jobs_name"},
		"by update":     {page(job.JobQuery{Sort: "updated_at"}), "SCAN j USING INDEX jobs_updated"},
		"by host":       {page(job.JobQuery{Host: "example.com"}), "SCAN some"},
		"by type":       {page(job.JobQuery{Type: "interval"}), "SCAN some"},
		"paused":        {page(job.JobQuery{Status: job.StatusPaused}), "SCAN some"},
		"active": {page(job.JobQuery{Status: job.StatusActive}), "SCAN j USING INDEX sqlite_autoindex_jobs_1, " +
			"SCAN j USING COVERING INDEX sqlite_autoindex_jobs_1, SCAN j USING COVERING INDEX jobs_resting"},
		"due, few":      {page(job.JobQuery{DueSince: new(t0)}), "SCAN some, USE TEMP B-TREE FOR ORDER BY"},
		"due, by name":  {page(job.JobQuery{DueUntil: new(t0 + 60_000), Sort: "name"}), "SCAN some, USE TEMP B-TREE FOR ORDER BY"},
		"due, by next":  {page(job.JobQuery{DueSince: new(t0), Sort: "next_run_at"}), ""},
		"planned":       {func() { _, err := b.Plans(ctx, 1); must(err) }, "SCAN p"},
		"by next":       {page(job.JobQuery{Sort: "next_run_at"}), ""},
		"by next, desc": {page(job.JobQuery{Sort: "next_run_at", Descending: true}), ""},
	} {
		spy.forget()
		c.call()
		for _, statement := range spy.statements() {
			for _, step := range explain(t, spy, statement) {
				if !step.fine(c.allowed) {
					t.Errorf("%s: %s\n\tin %s", name, step.text, oneLine(statement.text))
				}
			}
		}
	}
}

// step is one line of a query plan.
type step struct{ text string }

// fine reports whether a step costs no more than what it gives. The count of all jobs walks the smallest index: that
// is what a total costs.
func (s step) fine(allowed string) bool {
	switch {
	case slices.Contains(strings.Split(allowed, ", "), s.text):
		return true
	case regexp.MustCompile(`^SCAN (jsonb?_each|v|stale|\d+ CONSTANT ROWS?)\b`).MatchString(s.text),
		s.text == "SCAN jobs USING COVERING INDEX sqlite_autoindex_jobs_1":
		return true
	case s.text == "USE TEMP B-TREE FOR ORDER BY":
		return strings.Contains(allowed, "runs_open") // few are open, of those few are stale
	}
	return !strings.HasPrefix(s.text, "SCAN") && !strings.HasPrefix(s.text, "USE TEMP B-TREE")
}

func explain(t *testing.T, spy *spy, st statement) (steps []step) {
	t.Helper()
	db := sql.OpenDB(sqliteConnector{dsn: spy.dsn})
	defer db.Close()
	args := make([]any, len(st.args))
	for i, a := range st.args {
		args[i] = a.Value
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+st.text, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, st.text)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c int
		var text string
		if err := rows.Scan(&a, &b, &c, &text); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step{text})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// spy is a connector that notes the statements of its connections.
type spy struct {
	dsn string
	mu  sync.Mutex
	all []statement
}

type statement struct {
	text string
	args []driver.NamedValue
}

func (s *spy) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (s *spy) Connect(context.Context) (driver.Conn, error) {
	c, err := s.Driver().Open(s.dsn)
	if err != nil {
		return nil, err
	}
	return &spyConn{SQLiteConn: c.(*sqlite3.SQLiteConn), spy: s}, nil
}

func (s *spy) note(text string, args []driver.NamedValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, statement{text, args})
}

func (s *spy) forget() { s.mu.Lock(); s.all = nil; s.mu.Unlock() }

func (s *spy) statements() []statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

type spyConn struct {
	*sqlite3.SQLiteConn
	spy *spy
}

func (c *spyConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.spy.note(text, args)
	return c.SQLiteConn.QueryContext(ctx, text, args)
}

func (c *spyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.spy.note(text, args)
	return c.SQLiteConn.ExecContext(ctx, text, args)
}
