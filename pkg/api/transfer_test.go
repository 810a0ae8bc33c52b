package api

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// fileOf is a file of n jobs of all kinds.
func fileOf(n int) string { return fileFrom(0, n) }

// fileFrom is one whose jobs are numbered from a number on.
func fileFrom(from, n int) string {
	var b strings.Builder
	b.WriteString(`{"jobs":[`)
	for i := from; i < from+n; i++ {
		if i > from {
			b.WriteByte(',')
		}
		schedule := []string{`{"type":"cron","expression":"*/5 * * * *"}`, `{"type":"interval","every":"1h"}`, `{"type":"date","at":"2031-01-01T00:00:00Z"}`}[i%3]
		fmt.Fprintf(&b, `{"id":"job-%05d","tags":["t%d"],"schedule":%s,"request":{"url":"https://example.com/%d","body":{"n":%d}}}`, i, i%7, schedule, i, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

func (w *world) importFile(query, media, body string) service.Imported {
	w.t.Helper()
	var done service.Imported
	w.call("POST", "/api/v1/jobs/import"+query, body, "Content-Type", media).is(200).into(&done)
	return done
}

func (w *world) total() int64 {
	w.t.Helper()
	var list jobList
	w.call("GET", "/api/v1/jobs?limit=1", "").is(200).into(&list)
	return list.Total
}

// TestImportMany moves 10,000 jobs in one call, again without a change, and out and in once more.
func TestImportMany(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.client.Timeout = time.Minute // on a machine that does much else
	file := fileOf(10_000)
	done := w.importFile("", "application/json", file)
	if len(done.Created) != 10_000 || done.Created[9999] != "job-09999" || w.total() != 10_000 {
		t.Fatalf("%d created, %d there", len(done.Created), w.total())
	}
	w.pass(time.Minute)
	done = w.importFile("?prune=true", "application/json", file)
	if len(done.Unchanged) != 10_000 || len(done.Created)+len(done.Updated)+len(done.Deleted) != 0 {
		t.Fatalf("again: %d unchanged, %d updated", len(done.Unchanged), len(done.Updated))
	}
	j := w.call("GET", "/api/v1/jobs/job-00001", "").is(200).job()
	if j.Version != 1 || j.UpdatedAt != begin || *j.Schedule.Anchor != begin {
		t.Errorf("an unchanged job: %+v", j)
	}
	for _, media := range []string{"application/json", "application/yaml"} {
		exported := w.call("GET", "/api/v1/jobs/export?tag=t1", "", "Accept", media).is(200)
		if got := exported.header.Get("Content-Type"); got != media {
			t.Errorf("exported as %s", got)
		}
		if done = w.importFile("", media, exported.body); len(done.Unchanged) != 1_429 {
			t.Errorf("an export as %s is not what was there: %d unchanged", media, len(done.Unchanged))
		}
	}
}

// TestImportWhole wants a fault in the last of 10,000 jobs to leave nothing behind, and to be named by its place.
func TestImportWhole(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.client.Timeout = time.Minute
	file := strings.TrimSuffix(fileOf(9_999), "]}")
	for name, last := range map[string]string{
		"jobs[9999].schedule.expression": `{"id":"z","schedule":{"type":"cron","expression":"61 * * * *"},"request":{"url":"https://a/"}}`,
		"jobs[9999].schedule":            `{"id":"z","schedule":{"type":"cron","expression":"0 0 31 2 *"},"request":{"url":"https://a/"}}`,
		"jobs[9999].request.url":         `{"id":"z","schedule":{"type":"interval","every":"1s"},"request":{}}`,
		"jobs[9999].nmae":                `{"id":"z","nmae":"","schedule":{"type":"interval","every":"1s"},"request":{"url":"https://a/"}}`,
		"jobs[9999].id":                  `{"schedule":{"type":"interval","every":"1s"},"request":{"url":"https://a/"}}`,
		"jobs[9999]":                     `null`,
	} {
		w.call("POST", "/api/v1/jobs/import", file+","+last+"]}").problem(422, "invalid", name)
	}
	twice := `{"id":"job-00000","schedule":{"type":"interval","every":"1s"},"request":{"url":"https://a/"}}`
	w.call("POST", "/api/v1/jobs/import", file+","+twice+"]}").problem(422, "invalid", "jobs[9999].id")
	if n := w.total(); n != 0 {
		t.Errorf("%d jobs were written", n)
	}
	p := w.call("POST", "/api/v1/jobs/import", `{"jobs":[`+strings.Repeat("1,", 500)+`1]}`).is(422)
	if n := strings.Count(p.body, `"field"`); n != 100 {
		t.Errorf("%d faults are named", n)
	}
	w.call("POST", "/api/v1/jobs/import", `{"jobs":[`+strings.Repeat("{},", 20_000)+`{}]}`).problem(422, "invalid", "jobs")
	w.call("POST", "/api/v1/jobs/import", `{}`).problem(422, "invalid", "jobs")
	w.call("POST", "/api/v1/jobs/import", `{"jobs":[],"more":1}`).problem(422, "invalid", "more")
	w.call("POST", "/api/v1/jobs/import", `[] []`).problem(400, "malformed")
}

func TestImportUpsert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("PUT", "/api/v1/jobs/old", intervalJobOf("old")).is(201)
	w.call("PUT", "/api/v1/jobs/edited", intervalJobOf("edited")).is(201)
	w.call("PUT", "/api/v1/jobs/gone", intervalJobOf("gone")).is(201)
	w.call("POST", "/api/v1/jobs/edited/pause", `{"reason":"mine"}`).is(200)
	run := w.run("/api/v1/jobs/gone/run", "")
	w.pass(7 * time.Second)
	file := `{"jobs":[` + intervalJobOf("old") + `,{"id":"edited","name":"new","schedule":{"type":"interval","every":"10s"},"request":{"url":"https://example.com/i"}},
		{"id":"past","status":"completed","schedule":{"type":"date","at":"2020-01-01T00:00:00Z"},"request":{"url":"https://example.com/"}},
		{"id":"ended","status":"paused","paused_until":"2026-11-18T11:06:41Z","schedule":{"type":"cron","expression":"@daily"},"request":{"url":"https://example.com/"}}]}`

	dry := w.importFile("?dry_run=true&prune=true", "application/json", file)
	if fmt.Sprint(dry.Created, dry.Updated, dry.Unchanged, dry.Deleted) != "[ended past] [edited] [old] [gone]" || len(dry.Changes) != 1 ||
		dry.Changes[0].Before.Name != "" || dry.Changes[0].After.Name != "new" {
		t.Errorf("dry run: %+v", dry)
	}
	if w.total() != 3 || w.call("GET", "/api/v1/jobs/edited", "").is(200).job().Version != 2 {
		t.Error("a dry run wrote")
	}
	done := w.importFile("?prune=true", "application/json", file)
	if fmt.Sprint(done.Created, done.Updated, done.Unchanged, done.Deleted) != fmt.Sprint(dry.Created, dry.Updated, dry.Unchanged, dry.Deleted) || done.Changes != nil {
		t.Errorf("done: %+v", done)
	}
	edited := w.call("GET", "/api/v1/jobs/edited", "").is(200).job()
	if edited.Status != job.StatusPaused || *edited.PauseReason != "mine" || *edited.Schedule.Anchor != begin || edited.Version != 3 {
		t.Errorf("a paused job stays paused and keeps its phase: %+v", edited)
	}
	if past := w.call("GET", "/api/v1/jobs/past", "").is(200).job(); past.Status != job.StatusCompleted || past.NextRunAt != nil {
		t.Errorf("a date of the past would run again: %+v", past)
	}
	if ended := w.call("GET", "/api/v1/jobs/ended", "").is(200).job(); ended.Status != job.StatusActive || ended.NextRunAt == nil {
		t.Errorf("a pause that is over: %+v", ended)
	}
	var canceled job.Run
	w.call("GET", "/api/v1/runs/"+run.ID, "").is(200).into(&canceled)
	if canceled.State != job.StateCanceled || canceled.Reason != job.ReasonJobDeleted {
		t.Errorf("the queued run of a pruned job is %s, %s", canceled.State, canceled.Reason)
	}
}

func intervalJobOf(id string) string {
	return strings.Replace(intervalJob, `"id":"i"`, `"id":"`+id+`"`, 1)
}

func TestImportYAML(t *testing.T) {
	w := newWorld(t, worldOptions{})
	done := w.importFile("", "application/yaml", `
# shared between the jobs
jobs:
  - id: "1"
    schedule: &nightly {type: cron, expression: 0 2 * * *, exclude: [{dates: [2026-12-25]}]}
    request: &request
      url: https://example.com/a
      headers: {X-A: "1"}
      body: |
        two
        lines
    policy: {retry: {max_attempts: 5}}
  - id: once
    schedule: {type: date, at: 2031-11-18T07:00:00Z}
    request:
      <<: *request
      url: https://example.com/b
    status: paused
`)
	if fmt.Sprint(done.Created) != "[1 once]" {
		t.Fatalf("%+v", done)
	}
	j := w.call("GET", "/api/v1/jobs/once", "").is(200).job()
	if j.Request.URL != "https://example.com/b" || j.Request.Body != "two\nlines\n" || j.Request.Headers["X-A"] != "1" || j.Schedule.At.String() != "2031-11-18T07:00:00.000Z" {
		t.Errorf("%+v", j)
	}
	if p := w.call("GET", "/api/v1/jobs/1", "").is(200).job().Policy; p.Retry.MaxAttempts != 5 {
		t.Errorf("%+v", p)
	}
	for name, c := range map[string]struct{ body, field string }{
		"unknown member": {"jobs:\n- id: a\n  shedule: {}\n  schedule: {type: interval, every: 1s}\n  request: {url: 'http://a/'}\n", "jobs[0].shedule"},
		"a number":       {"jobs:\n- id: 7\n  schedule: {type: interval, every: 1s}\n  request: {url: 'http://a/'}\n", "jobs[0].id"},
	} {
		t.Run(name, func(*testing.T) {
			w.call("POST", "/api/v1/jobs/import", c.body, "Content-Type", "application/yaml").problem(422, "invalid", c.field)
		})
	}
	w.importFile("", "application/yaml", "- id: octal\n  schedule: {type: cron, fields: {minute: 010}}\n  request: {url: 'http://a/'}\n")
	if f := w.call("GET", "/api/v1/jobs/octal", "").is(200).job().Schedule.Fields; f.Minute != "010" && f.Minute != "10" {
		t.Errorf("010 is minute %s", f.Minute)
	}
	bomb := "a0: &a0 " + strings.Repeat("x", 1000) + "\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i)
	}
	base := "base: &b {"
	for i := range 12_000 {
		base += fmt.Sprintf("m%d: 1, ", i)
	}
	merges := base + "}\njobs:\n- id: merged\n  schedule: {type: interval, every: 1h}\n  request: {url: 'http://a/'}\n"
	for i := range 200 {
		merges += fmt.Sprintf("x%d: {<<: *b}\n", i)
	}
	once := "jobs:\n- id: first\n  schedule: &b {type: interval, every: 1h}\n  request: {url: 'http://a/'}\n" +
		"- id: second\n  schedule: {<<: [" + strings.Repeat("*b, ", 12_000) + "]}\n  request: {url: 'http://a/'}\n"
	w.importFile("", "application/yaml", once) // a few milliseconds, where it took minutes
	for name, body := range map[string]string{
		"merges of much": merges, "line breaks of other kinds": "jobs: [a" + strings.Repeat("\u2028a", 2_100_000) + "]", "bomb": bomb + "jobs: []\n", "a loop": "jobs: &a [*a]\n", "a loop of merges": "jobs: &a\n  <<: *a\n", "a loop in a merged list": "jobs:\n  <<: &a [*a]\n",
		"deep": strings.Repeat("[", 100_000), "deep blocks": strings.Repeat("- ", 50_000), "deep keys": strings.Repeat("? ", 50_000),
		"two documents": "jobs: []\n---\njobs: []\n", "twice": "jobs: []\njobs: []\n", "a list as a name": "[a]: b\n", "empty": "", "a tab": "\t-", "no text": "a: \xff",
		"entries": "jobs: [" + strings.Repeat(",", 2_100_000), "an unknown anchor": "jobs: *a\n",
	} {
		t.Run(name, func(*testing.T) {
			w.call("POST", "/api/v1/jobs/import", body, "Content-Type", "application/yaml").problem(400, "malformed")
		})
	}
}

func TestImportCrontab(t *testing.T) {
	w := newWorld(t, worldOptions{})
	text := "# Nightly\n0 2 * * * curl -fsS https://example.com/a > /var/log/a\n0 3 * * * backup.sh\n"
	done := w.importFile("?time_zone=Europe/Berlin", "text/crontab", text)
	if len(done.Created) != 1 || len(done.Skipped) != 1 || done.Skipped[0].Line != 3 || len(done.Warnings) != 1 {
		t.Fatalf("%+v", done)
	}
	j := w.call("GET", "/api/v1/jobs/"+done.Created[0], "").is(200).job()
	if j.Description != "Nightly" || j.Schedule.TimeZone != "Europe/Berlin" || j.Policy.Retry.MaxAttempts != 1 {
		t.Errorf("%+v", j)
	}
	if again := w.importFile("?time_zone=Europe/Berlin", "text/crontab", text); len(again.Unchanged) != 1 {
		t.Errorf("again: %+v", again)
	}
	if moved := w.importFile("?time_zone=Europe/Berlin", "text/crontab", strings.Replace(text, "0 2", "0 4", 1)); len(moved.Updated) != 1 {
		t.Errorf("at another time: %+v", moved)
	}
	never := w.importFile("", "text/crontab", "0 0 31 2 * curl https://a/")
	if len(never.Created) != 0 || len(never.Skipped) != 1 || never.Skipped[0].Line != 1 || !strings.Contains(never.Skipped[0].Reason, "never fires") ||
		never.Skipped[0].Text != "0 0 31 2 * curl https://a/" {
		t.Errorf("a line that never fires: %+v", never)
	}
	w.call("POST", "/api/v1/jobs/import?time_zone=Mars", "", "Content-Type", "text/crontab").problem(422, "invalid", "time_zone")
}

// TestImportOriginal moves the original's store over, twice.
func TestImportOriginal(t *testing.T) {
	w := newWorld(t, worldOptions{})
	file, err := os.ReadFile("../apscheduler/testdata/jobs.sqlite")
	must(t, err)
	done := w.importFile("", "application/vnd.sqlite3", string(file))
	if len(done.Created) != 7 || len(done.Skipped) != 0 {
		t.Fatalf("%+v", done)
	}
	if j := w.call("GET", "/api/v1/jobs/paused-cron", "").is(200).job(); j.Status != job.StatusPaused {
		t.Errorf("%+v", j)
	}
	if again := w.importFile("", "application/vnd.sqlite3", string(file)); len(again.Unchanged) != 7 {
		t.Errorf("again: %+v", again)
	}
	var got struct{ Data struct{ Total int } }
	w.call("GET", "/scheduler/get_jobs", "").is(200).into(&got)
	if got.Data.Total != 7 {
		t.Errorf("the original's API shows %d jobs", got.Data.Total)
	}
	w.call("POST", "/api/v1/jobs/import", "SQLite format 3", "Content-Type", "application/vnd.sqlite3").problem(400, "malformed")
}

func TestImportSize(t *testing.T) {
	w := newWorld(t, worldOptions{})
	body := `{"jobs":[]` + strings.Repeat(" ", maxImportBody-11) + `}`
	w.call("POST", "/api/v1/jobs/import", body).is(200)
	w.call("POST", "/api/v1/jobs/import", body+" ").problem(413, "too_large")
	w.call("POST", "/api/v1/jobs/bulk", body[:maxJobBody+1]).problem(413, "too_large")
}

func TestExportFilter(t *testing.T) {
	w := newWorld(t, worldOptions{})
	if a := w.call("GET", "/api/v1/jobs/export", "").is(200); a.body != "{\"jobs\":[]}\n" {
		t.Errorf("of nothing: %q", a.body)
	}
	if a := w.call("GET", "/api/v1/jobs/export", "", "Accept", "application/yaml").is(200); a.body != "jobs: []\n" {
		t.Errorf("of nothing: %q", a.body)
	}
	w.importFile("", "application/json", fileOf(20))
	var file struct{ Jobs []job.Job }
	w.call("GET", "/api/v1/jobs/export?tag=t1&type=interval", "").is(200).into(&file)
	if len(file.Jobs) != 1 || file.Jobs[0].ID != "job-00001" {
		t.Errorf("%+v", file)
	}
	w.call("GET", "/api/v1/jobs/export?limit=1", "").problem(422, "invalid", "limit")
	w.call("PUT", "/api/v1/jobs/export", intervalJobOf("export")).is(201)
	if j := w.call("GET", "/api/v1/jobs/%65xport", "").is(200).job(); j.ID != "export" {
		t.Errorf("%+v", j)
	}
}

func TestBulk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.importFile("", "application/json", fileOf(1_200))
	w.importFile("", "application/json", `{"jobs":[{"id":"done","tags":["t1"],"status":"completed","schedule":{"type":"date","at":"2020-01-01T00:00:00Z"},"request":{"url":"https://a/"}}]}`)
	bulk := func(body string) service.BulkResult {
		t.Helper()
		var done service.BulkResult
		w.call("POST", "/api/v1/jobs/bulk", body).is(200).into(&done)
		return done
	}
	done := bulk(`{"action":"pause","filter":{}}`)
	if done.Matched != 1_201 || done.Changed != 1_200 || len(done.Errors) != 1 || done.Errors[0].ID != "done" || done.Errors[0].Code != job.CodeConflict {
		t.Errorf("pause: %+v", done)
	}
	if done = bulk(`{"action":"pause","filter":{"status":"paused"}}`); done.Matched != 1_200 || done.Changed != 0 {
		t.Errorf("pause again: %+v", done)
	}
	if done = bulk(`{"action":"resume","filter":{"tag":"t1","type":"interval"}}`); done.Matched != 58 || done.Changed != 58 {
		t.Errorf("resume: %+v", done)
	}
	done = bulk(`{"action":"tag","ids":["job-00000","job-00001","none","job-00000","done"],"tag":"x"}`)
	if done.Matched != 3 || done.Changed != 3 || len(done.Errors) != 1 || done.Errors[0].ID != "none" || done.Errors[0].Code != job.CodeNotFound {
		t.Errorf("tag: %+v", done)
	}
	if j := w.call("GET", "/api/v1/jobs/job-00001", "").is(200).job(); fmt.Sprint(j.Tags) != "[t1 x]" || j.Version != 4 {
		t.Errorf("tagged: %v at version %d", j.Tags, j.Version)
	}
	if done = bulk(`{"action":"untag","filter":{"tag":["x","t1"]},"tag":"x"}`); done.Matched != 2 || done.Changed != 2 {
		t.Errorf("untag: %+v", done)
	}
	if done = bulk(`{"action":"run","ids":["job-00000","job-00001","none"]}`); done.Matched != 2 || done.Changed != 2 || len(done.Errors) != 1 {
		t.Errorf("run: %+v", done)
	}
	if done = bulk(`{"action":"run","ids":["job-00000","job-00002"]}`); done.Matched != 2 || done.Changed != 1 || len(done.Errors) != 1 || done.Errors[0].Code != job.CodeConflict {
		t.Errorf("run beside an open run: %+v", done)
	}
	if done = bulk(`{"action":"delete","filter":{"q":"job-"}}`); done.Matched != 1_200 || done.Changed != 1_200 || w.total() != 1 {
		t.Errorf("delete: %+v", done)
	}
	var runs runList
	w.call("GET", "/api/v1/runs?state=canceled", "").is(200).into(&runs)
	if len(runs.Runs) != 3 {
		t.Errorf("%d runs of deleted jobs are canceled", len(runs.Runs))
	}
	for body, field := range map[string]string{
		`{"ids":[]}`:                                  "action",
		`{"action":"eat","ids":[]}`:                   "action",
		`{"action":"run"}`:                            "ids",
		`{"action":"run","ids":[],"filter":{}}`:       "ids",
		`{"action":"run","ids":[],"tag":"x"}`:         "tag",
		`{"action":"tag","ids":[]}`:                   "tag",
		`{"action":"run","filter":{"status":"busy"}}`: "filter.status",
		`{"action":"run","filter":{"limit":1}}`:       "filter.limit",
		`{"action":"run","ids":["a"],"more":1}`:       "more",
		`{"action":"run","filter":{"tag":7}}`:         "filter.tag",
	} {
		w.call("POST", "/api/v1/jobs/bulk", body).problem(422, "invalid", field)
	}
}

// FuzzImport sends hostile files: none may break anything, nor be taken in part.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{fileOf(3), "jobs:\n- &a {id: x}\n- <<: *a\n", "a: !!binary x\nb: !!float .nan\nc: 0x1F\nd: 1e999\n", "* * * * * curl a", "jobs: [{schedule: {type: date, at: 2031-01-01}}]"} {
		f.Add(seed)
	}
	parser := new(trigger.Parser)
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []importer.Format{"", importer.FormatJSON, importer.FormatYAML, importer.FormatCrontab, importer.FormatSQLite} {
			batch, err := importer.Read(t.Context(), importer.File{Format: format, Data: []byte(text), Pickles: store.ReadPickles}, parser, begin)
			if err != nil {
				if code := job.CodeOf(err); code != job.CodeInvalid && code != job.CodeMalformed {
					t.Errorf("%q as %q gives %v", text, format, err)
				}
				continue
			}
			for _, source := range batch.Jobs {
				if source.ID == "" || source.Place == "" {
					t.Errorf("%q as %q gives %+v", text, format, source)
				}
			}
		}
	})
}
