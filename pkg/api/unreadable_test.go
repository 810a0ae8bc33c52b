package api

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/trigger"
)

// A job that is stored in a way that this version cannot read is shown and marked; it can be repaired and deleted, and nothing else.
func TestAJobThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	w.damage("a", `{"type":"lunar","phase":"full"}`)

	broken := w.call("GET", "/api/v1/jobs/a", "").is(200)
	if j := broken.job(); !j.Unreadable || j.Schedule.Type != trigger.TypeCron || j.Request.URL != "" || broken.header.Get("ETag") != `"1"` {
		t.Errorf("it is shown as %s", broken.body)
	}
	for _, query := range []string{"", "?include=recent,description", "?sort=-name", "?sort=next_run_at"} {
		list := w.call("GET", "/api/v1/jobs"+query, "").is(200)
		if !strings.Contains(list.body, `"unreadable":true`) || !strings.Contains(list.body, `"total":2`) {
			t.Errorf("listed by %q: %s", query, list.body)
		}
	}
	w.call("GET", "/api/v1/timeline?from=2026-11-18T11:00:00Z&to=2026-11-18T12:00:00Z&buckets=2", "").is(200)

	w.call("PATCH", "/api/v1/jobs/a", `{"name":"x"}`).problem(409, "conflict")
	w.call("PATCH", "/api/v1/jobs/a?dry_run=true", `{"name":"x"}`).problem(409, "conflict")
	for _, action := range []string{"pause", "resume", "run"} {
		w.call("POST", "/api/v1/jobs/a/"+action, "").problem(409, "conflict")
	}
	w.call("GET", "/api/v1/jobs/export", "").problem(409, "conflict")
	tag := w.call("POST", "/api/v1/jobs/bulk", `{"action":"tag","tag":"x","ids":["a","i"]}`).is(200)
	if !strings.Contains(tag.body, `"changed":1`) || !strings.Contains(tag.body, `"id":"a"`) {
		t.Errorf("both tagged: %s", tag.body)
	}

	repaired := w.call("PUT", "/api/v1/jobs/a", cronJob, "If-Match", `"1"`).is(200).job()
	if repaired.Unreadable || repaired.Version != 2 || repaired.NextRunAt.String() != "2026-11-19T02:00:00.000Z" {
		t.Errorf("repaired it is %+v", repaired)
	}
	w.call("POST", "/api/v1/jobs/a/run", "").is(202)
	w.pass(time.Second)
	w.damage("a", "{")
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	w.call("GET", "/api/v1/jobs/a", "").problem(404, "not_found")
}

// damage writes over the stored schedule of a job, behind the service's back.
func (w *world) damage(id, schedule string) {
	w.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+w.file+"?_busy_timeout=10000")
	must(w.t, err)
	_, err = db.Exec("UPDATE definitions SET schedule = ? WHERE job_id = ?", schedule, id)
	must(w.t, err)
	must(w.t, db.Close())
}
