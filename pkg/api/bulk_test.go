package api

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/api/live"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// breaking is a database that refuses after some edits.
type breaking struct {
	service.Store
	left int
}

func (b *breaking) EditJobs(ctx context.Context, pick job.Pick, clock func() job.Instant, decide func([]job.Job, job.Instant) ([]job.Edit, error)) ([]job.Run, error) {
	if b.left--; b.left < 0 {
		return nil, job.Errorf(job.CodeUnavailable, "the database is away")
	}
	return b.Store.EditJobs(ctx, pick, clock, decide)
}

// TestBulkThatBreaksOff wants every job to be told of that was not reached, and none that was.
func TestBulkThatBreaksOff(t *testing.T) {
	t.Parallel()
	database := &breaking{left: 1}
	w := newWorld(t, worldOptions{jobs: func(s service.Store) service.Store { database.Store = s; return database }})
	w.importFile("", "application/json", fileOf(2_000))
	bulk := func(edits int, body string) (done service.BulkResult) {
		t.Helper()
		database.left = edits
		w.call("POST", "/api/v1/jobs/bulk", body).is(200).into(&done)
		return done
	}
	paused := func() (list jobList) {
		t.Helper()
		w.call("GET", "/api/v1/jobs?status=paused&sort=-id&limit=1", "").is(200).into(&list)
		return list
	}
	database.left = 0
	w.call("POST", "/api/v1/jobs/bulk", `{"action":"pause","filter":{}}`).problem(503, "unavailable")
	if n := paused().Total; n != 0 {
		t.Fatalf("%d jobs were paused by a call that says it did nothing", n)
	}
	done := bulk(1, `{"action":"pause","filter":{}}`)
	if done.Matched != 2_000 || done.Changed != 500 || done.Failed != 2_000-500 || len(done.Errors) != 1000 ||
		done.Errors[0].ID != "job-00500" || done.Errors[0].Code != job.CodeUnavailable {
		t.Errorf("matched %d, changed %d, failed %d, %d errors, the first %+v", done.Matched, done.Changed, done.Failed, len(done.Errors), done.Errors[0])
	}
	if list := paused(); list.Total != 500 || list.Jobs[0].ID != "job-00499" {
		t.Errorf("%d jobs are paused, the last %s", list.Total, list.Jobs[0].ID)
	}
	if done = bulk(4, `{"action":"pause","filter":{}}`); done.Changed != 2_000-500 || done.Failed != 0 {
		t.Errorf("the same again: %+v", done)
	}
}

// TestManyChangesAreNews: those who watch are told of every change, a few one by one and the others by their number.
func TestManyChangesAreNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	events := w.watch("")
	wants := func(what string, jobs, runs int) {
		t.Helper()
		toldJobs, toldRuns := 0, 0
		for jobs > 0 || runs > 0 {
			switch e := events.next(); e.kind {
			case live.KindJob:
				jobs, toldJobs = jobs-1, toldJobs+1
			case live.KindRun:
				runs, toldRuns = runs-1, toldRuns+1
			case live.KindMany:
				var many job.ManyChanges
				must(t, json.Unmarshal([]byte(e.data), &many))
				jobs, runs = jobs-many.Jobs, runs-many.Runs
			default:
				t.Fatalf("%s: got %s", what, e.kind)
			}
		}
		if jobs != 0 || runs != 0 || toldJobs+toldRuns == 0 || toldJobs > 400 || toldRuns > 400 { // 100 of each transaction
			t.Errorf("%s: %d jobs and %d runs were told one by one; %d and %d are left", what, toldJobs, toldRuns, jobs, runs)
		}
	}
	w.importFile("", "application/json", fileOf(1_600))
	wants("import", 1_600, 0)
	for _, body := range []string{`{"action":"tag","filter":{},"tag":"x"}`, `{"action":"pause","filter":{}}`} {
		w.call("POST", "/api/v1/jobs/bulk", body).is(200)
		wants(body, 1_600, 0)
	}
	w.call("POST", "/api/v1/jobs/bulk", `{"action":"run","filter":{}}`).is(200)
	wants("run", 0, 1_600)
	w.call("POST", "/api/v1/jobs/bulk", `{"action":"delete","filter":{}}`).is(200)
	wants("delete", 1_600, 1_600)
}

// TestImportOnPostgres wants all or nothing there too.
func TestImportOnPostgres(t *testing.T) {
	t.Parallel()
	url := testserver.StartPostgres(t).CreateDatabase(t, "jobs")
	w := newWorld(t, worldOptions{database: url})
	file := fileOf(2_000)
	if done := w.importFile("", "application/json", file); len(done.Created) != 2_000 {
		t.Fatalf("%d created", len(done.Created))
	}
	if done := w.importFile("?prune=true", "application/json", file); len(done.Unchanged) != 2_000 || len(done.Deleted) != 0 {
		t.Errorf("again: %d unchanged, %d deleted", len(done.Unchanged), len(done.Deleted))
	}
	w.call("POST", "/api/v1/jobs/import", `{"jobs":[{"id":"new","schedule":{"type":"interval","every":"1h"},"request":{"url":"https://a/"}},
		{"id":"job-00000","schedule":{"type":"interval","every":"1ms"},"request":{"url":"https://a/"}}]}`).problem(422, "invalid", "jobs[1].schedule.every")
	w.call("GET", "/api/v1/jobs/new", "").problem(404, "not_found")
	// The database refuses one of the jobs at the end of the import.
	db, err := sql.Open("pgx", url)
	must(t, err)
	_, err = db.ExecContext(t.Context(), `ALTER TABLE jobs ADD CONSTRAINT refused CHECK (id <> 'refused')`)
	must(t, errors.Join(err, db.Close()))
	w.call("POST", "/api/v1/jobs/import?prune=true&max_deletes=2000", `{"jobs":[{"id":"new","schedule":{"type":"interval","every":"1h"},"request":{"url":"https://a/"}},
		{"id":"refused","schedule":{"type":"interval","every":"1h"},"request":{"url":"https://a/"}}]}`).problem(500, "internal")
	if n := w.total(); n != 2_000 {
		t.Errorf("%d jobs after an import that failed", n)
	}
	if done := w.importFile("?prune=true&max_deletes=2000", "application/json", `{"jobs":[{"id":"only","schedule":{"type":"interval","every":"1h"},"request":{"url":"https://a/"}}]}`); len(done.Deleted) != 2_000 || w.total() != 1 {
		t.Errorf("%d deleted", len(done.Deleted))
	}
}

// BenchmarkBulk changes 100,000 jobs by one call each.
func BenchmarkBulk(b *testing.B) {
	const jobs, file = 100_000, 10_000
	for name, database := range map[string]func() string{
		"sqlite":   func() string { return "" },
		"postgres": func() string { return testserver.StartPostgres(b).CreateDatabase(b, "jobs") },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				w := newWorld(b, worldOptions{database: database()})
				w.client.Timeout = manyTimeout
				start := time.Now()
				lap := func(what string) {
					b.ReportMetric(time.Since(start).Seconds()/float64(b.N), "s/"+what)
					start = time.Now()
				}
				for from := 0; from < jobs; from += file {
					w.importFile("", "application/json", fileFrom(from, file))
				}
				lap("import")
				for _, call := range []string{`"pause"`, `"resume"`, `"tag","tag":"x"`, `"delete"`} {
					var done service.BulkResult
					w.call("POST", "/api/v1/jobs/bulk", `{"filter":{},"action":`+call+`}`).is(200).into(&done)
					if done.Changed != jobs {
						b.Fatalf("%s changed %d", call, done.Changed)
					}
					var name struct{ Action string }
					must(b, json.Unmarshal([]byte(fmt.Sprintf(`{"action":%s}`, call)), &name))
					lap(name.Action)
				}
			}
		})
	}
}
