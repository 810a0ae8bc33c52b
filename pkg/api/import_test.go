package api

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/access"
	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// oneJob is a file of one job.
const oneJob = `{"jobs":[{"id":"a","schedule":{"type":"cron","expression":"0 9 * * *"},"request":{"url":"https://m.example/"}}]}`

const (
	yamlJobs = "jobs:\n- id: a\n  schedule: {type: cron, expression: 0 9 * * *}\n  request: {url: 'https://m.example/'}\n"
	yamlList = "- id: a\n  schedule: {type: cron, expression: 0 9 * * *}\n  request: {url: 'https://m.example/'}\n"
)

// jsonList is the list of oneJob alone.
func jsonList() string {
	return strings.TrimSuffix(strings.TrimPrefix(oneJob, `{"jobs":`), "}")
}

func utf16(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteByte(byte(r))
		b.WriteByte(0)
	}
	return b.String()
}

// TestRecognise wants every file to be what it is, and nothing to be a crontab because it is nothing else.
func TestRecognise(t *testing.T) {
	sqlite, err := os.ReadFile("../apscheduler/testdata/jobs.sqlite")
	must(t, err)
	const bom = "\xEF\xBB\xBF"
	for _, c := range []struct {
		name, data string
		want       importer.Format
		jobs       int
	}{
		{"", oneJob, importer.FormatJSON, 1}, {"", bom + oneJob, importer.FormatJSON, 1}, {"", "\n " + jsonList(), importer.FormatJSON, 1}, {"jobs.JSON", oneJob, importer.FormatJSON, 1},
		{"x.yaml", oneJob, importer.FormatYAML, 1}, {"", yamlJobs, importer.FormatYAML, 1}, {"", "---\n" + yamlJobs, importer.FormatYAML, 1}, {"", "%YAML 1.1\n---\n" + yamlJobs, importer.FormatYAML, 1},
		{"", "# of one team\n\n" + yamlJobs, importer.FormatYAML, 1}, {"", bom + "# of one team\r\n" + strings.ReplaceAll(yamlJobs, "\n", "\r\n"), importer.FormatYAML, 1},
		{"", yamlList, importer.FormatYAML, 1}, {"", "# a comment\n" + oneJob, importer.FormatYAML, 1}, {"", "--- # a comment\n" + yamlJobs, importer.FormatYAML, 1},
		{"x", string(sqlite), importer.FormatSQLite, 7}, {"x.json", string(sqlite), importer.FormatSQLite, 7},
		{"", "0 9 * * * curl https://m.example/", importer.FormatCrontab, 1}, {"", bom + "0 9 * * * curl https://m.example/", importer.FormatCrontab, 1},
		{"", "MAILTO=x\n# caf\xe9\n@daily root curl https://m.example/\n0 2 * * * /opt/x.sh\n", importer.FormatCrontab, 1},
		{"crontab.txt", "0 0 9 * * mon-fri curl https://m.example/", importer.FormatCrontab, 0},
	} {
		batch, err := importer.Read(t.Context(), importer.File{Name: c.name, Data: []byte(c.data), Pickles: store.ReadPickles}, new(trigger.Parser), begin)
		if err != nil || batch.Format != c.want || len(batch.Jobs) != c.jobs {
			t.Errorf("%q, %.60q: %+v, %v; want %s", c.name, c.data, batch, err, c.want)
		}
	}
	for _, c := range []struct{ name, data, want string }{
		{"hostname", "web-1\n", `no crontab (none of its lines has a schedule and a command; line 1 is "web-1")`},
		{"", "", "it is empty"}, {"", " \n\t", "it is empty"}, {"", bom, "it is empty"}, {"x.json", "", "it is empty"},
		{"", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n", "not recognised"},
		{"", "\x7fELF\x02\x01\x01\x00\x00", "NUL"}, {"", "\xff\xfe" + utf16(oneJob), "UTF-16"}, {"", utf16(oneJob), "UTF-16"}, {"", "\xfe\xff\x00{", "UTF-16"},
		{"", "<!doctype html>\n<html><body>502</body></html>\n", "not recognised"},
		{"", "-----BEGIN CERTIFICATE-----\nMIIB\n", "not recognised"},
		{"README.md", "In a crontab:\n\n    */5 * * * * curl https://m.example/\n\nruns every five minutes\n", "only 1 of its 3 lines"},
		{"", "A=1\nB=2\n", "none of its lines has a schedule"}, {"", "# nothing but this\n", "none of its lines has a schedule"},
		{"", "1 2 3 4 5 6\n7 8 9 1 2 3\n", "not recognised"},
		{"", "[Unit]\nDescription=x\n", "taken for JSON, because it begins with ["}, {"x.json", yamlJobs, "taken for JSON, because it is named .json"},
		{"x.yml", "\t-", "taken for YAML, because it is named .yml"}, {"x.sqlite", "hello", "named .sqlite, and does not begin as a SQLite file"}, {"x.db", oneJob, "named .db"},
		{"", "SQLite format 3\x00" + strings.Repeat("\xff", 9000), "taken for a SQLite file, because it begins as one"},
		{"", "{\"jobs\":\n[\"\xe9\"]}", "line 2 is not UTF-8"},
		{"", "jobs:\n- schedule: {type: cron}\n  expression: */5 * * * *\n", "quote"}, {"", "jobs:\n- expression: @daily\n", "quote"},
	} {
		batch, err := importer.Read(t.Context(), importer.File{Name: c.name, Data: []byte(c.data), Pickles: store.ReadPickles}, new(trigger.Parser), begin)
		if batch != nil || job.CodeOf(err) != job.CodeMalformed || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %.60q: %+v, %v; want %q", c.name, c.data, batch, err, c.want)
		}
	}
}

// TestContentType wants a body to be what its Content-Type says, and nothing to be written otherwise.
func TestContentType(t *testing.T) {
	w := newWorld(t, worldOptions{})
	sqlite, err := os.ReadFile("../apscheduler/testdata/jobs.sqlite")
	must(t, err)
	const crontab = "0 9 * * * curl https://m.example/"
	for _, c := range []struct{ media, body string }{
		{"text/crontab", oneJob}, {"text/crontab", jsonList()}, {"text/crontab", yamlJobs}, {"text/crontab", string(sqlite)}, {"text/crontab", "<html></html>"},
		{"text/crontab", ""}, {"text/crontab", "hello"}, {"text/crontab", "%PDF-1.7\x00"}, {"text/crontab; charset=utf-16", crontab},
		{"application/json", yamlJobs}, {"application/json", crontab}, {"application/json", string(sqlite)}, {"application/json", utf16(oneJob)},
		{"application/yaml", crontab}, {"application/yaml", string(sqlite)}, {"application/yaml", "hello"},
		{"application/vnd.sqlite3", oneJob}, {"application/vnd.sqlite3", ""}, {"application/vnd.sqlite3", "\xEF\xBB\xBF" + string(sqlite)},
		{"text/plain", oneJob}, {"text/html", oneJob}, {"application/xml", crontab}, {"application/octet-stream", "hello"}, {"application/json; charset", oneJob},
	} {
		p := w.call("POST", "/api/v1/jobs/import", c.body, "Content-Type", c.media).problem(400, "malformed")
		if p.Detail == "" {
			t.Errorf("%s: no detail", c.media)
		}
	}
	if n := w.total(); n != 0 {
		t.Fatalf("%d jobs were written", n)
	}
	for _, c := range []struct {
		media, query, body string
		format             importer.Format
		jobs               int
	}{
		{"application/json; charset=UTF-8", "", "\xEF\xBB\xBF" + oneJob, importer.FormatJSON, 1}, {"application/json", "", jsonList(), importer.FormatJSON, 1}, {"application/json", "", "[]", importer.FormatJSON, 0},
		{"application/x-www-form-urlencoded", "", oneJob, importer.FormatJSON, 1}, {"text/yaml", "", yamlList, importer.FormatYAML, 1}, {"application/yaml", "", oneJob, importer.FormatYAML, 1},
		{"text/crontab", "", crontab, importer.FormatCrontab, 1}, {"text/crontab", "", "# nothing\nA=b\n", importer.FormatCrontab, 0}, {"application/octet-stream", "", crontab, importer.FormatCrontab, 1},
		{"application/octet-stream", "&filename=x.yml", oneJob, importer.FormatYAML, 1}, {"application/octet-stream", "", string(sqlite), importer.FormatSQLite, 7},
		{"application/x-sqlite3", "", string(sqlite), importer.FormatSQLite, 7},
	} {
		done := w.importFile("?dry_run=true"+c.query, c.media, c.body)
		if done.Format != c.format || len(done.Created) != c.jobs || !done.DryRun {
			t.Errorf("%s %.40q: %+v", c.media, c.body, done)
		}
	}
}

// numbered is a file of jobs with the given ids.
func numbered(ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = intervalJobOf(id)
	}
	return `{"jobs":[` + strings.Join(list, ",") + `]}`
}

// TestPrune wants prune to delete nothing by a file that was not wholly understood, and no more than it was told.
func TestPrune(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for i := range 12 {
		w.call("PUT", fmt.Sprintf("/api/v1/jobs/old-%02d", i), intervalJobOf(fmt.Sprintf("old-%02d", i))).is(201)
	}
	kept := func(what string, jobs int64) {
		t.Helper()
		if n := w.total(); n != jobs {
			t.Fatalf("%s: %d jobs are left, want %d", what, n, jobs)
		}
	}
	const path = "/api/v1/jobs/import?prune=true"
	skips := "0 9 * * * curl https://m.example/\n0 2 * * * /opt/x.sh\n"
	for name, c := range map[string]struct{ media, body, code string }{
		"no jobs in JSON": {"application/json", `{"jobs":[]}`, "nothing_read"}, "an empty list": {"application/json", `[]`, "nothing_read"},
		"no jobs in YAML": {"application/yaml", "jobs: []", "nothing_read"}, "comments": {"text/crontab", "# x\nA=b", "nothing_read"},
		"all lines skipped": {"text/crontab", "0 2 * * * /opt/x.sh", "nothing_read"}, "a line skipped": {"text/crontab", skips, "lines_skipped"},
		"a line that never fires": {"text/crontab", "0 9 * * * curl https://m.example/\n0 0 31 2 * curl https://m.example/x", "lines_skipped"},
	} {
		dry := w.importFile("?prune=true&max_deletes=1000&dry_run=true", c.media, c.body)
		if dry.Refused == nil || dry.Refused.Code != c.code || dry.Refused.Field != "prune" {
			t.Errorf("%s: a dry run says %+v", name, dry.Refused)
		}
		p := problem{}
		w.call("POST", path+"&max_deletes=1000", c.body, "Content-Type", c.media).is(422).into(&p)
		if p.Code != job.CodeInvalid || p.Errors[0].Code != c.code {
			t.Errorf("%s: %+v", name, p)
		}
		if c.code == "lines_skipped" && (len(p.Errors) != 2 || p.Errors[1].Field != "line 2") {
			t.Errorf("%s: the line is not named: %+v", name, p.Errors)
		}
		kept(name, 12)
	}
	body := numbered("old-00", "new")
	for query, most := range map[string]string{"": "10", "&max_deletes=0": "0", "&max_deletes=10": "10"} {
		p := w.call("POST", path+query, body).problem(409, "conflict", "max_deletes")
		if p.Deletes == nil || p.Deletes.Total != 11 || len(p.Deletes.IDs) != 11 || p.Deletes.IDs[0] != "old-01" ||
			p.Errors[0].Code != "too_many_deletes" || !strings.HasSuffix(p.Errors[0].Message, "which is "+most) {
			t.Errorf("%s: %+v", query, p)
		}
		kept("too many", 12)
		w.call("GET", "/api/v1/jobs/new", "").problem(404, "not_found")
	}
	dry := w.importFile("?prune=true&dry_run=true", "application/json", body)
	if dry.Refused == nil || dry.Refused.Field != "max_deletes" || len(dry.Deleted) != 11 {
		t.Errorf("%+v", dry)
	}
	w.call("POST", path+"&max_deletes=-1", body).problem(422, "invalid", "max_deletes")
	w.call("POST", path+"&max_deletes=many", body).problem(422, "invalid", "max_deletes")
	if done := w.importFile("?prune=true&max_deletes=11", "application/json", body); len(done.Deleted) != 11 || done.Refused != nil {
		t.Errorf("%+v", done)
	}
	kept("told the number", 2)
	if done := w.importFile("?prune=true", "application/json", numbered("new")); len(done.Deleted) != 1 {
		t.Errorf("%+v", done)
	}
	kept("one", 1)
	w.importFile("", "application/json", fileOf(150))
	if p := w.call("POST", path, body).problem(409, "conflict", "max_deletes"); p.Deletes.Total != 150 || len(p.Deletes.IDs) != 100 {
		t.Errorf("%d of %d ids", len(p.Deletes.IDs), p.Deletes.Total)
	}
}

// TestPruneConfirmed deletes only what somebody was shown.
func TestPruneConfirmed(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.importFile("", "application/json", numbered("a", "b", "c"))
	batch, err := importer.Read(t.Context(), importer.File{Data: []byte(numbered("a"))}, new(trigger.Parser), begin)
	must(t, err)
	o := service.ImportOptions{Prune: true, MaxDeletes: 10, Confirmed: map[string]bool{"b": true}}
	if _, err := w.service.Import(t.Context(), batch, o); job.CodeOf(err) != job.CodeConflict || !strings.Contains(err.Error(), `"c"`) || w.total() != 3 {
		t.Errorf("%v, %d jobs", err, w.total())
	}
	o.Confirmed["c"] = true
	if done, err := w.service.Import(t.Context(), batch, o); err != nil || len(done.Deleted) != 2 || w.total() != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestImportDescribes wants a dry run and the real one to show what each job is, without its credentials.
func TestImportDescribes(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.importFile("", "application/json", `{"jobs":[
		{"id":"same","schedule":{"type":"interval","every":"10s"},"request":{"url":"https://a.example/"}},
		{"id":"gone","name":"Gone","schedule":{"type":"cron","expression":"0 4 * * *"},"request":{"url":"https://u:p@a.example/?token=t1"}},
		{"id":"new-secret","schedule":{"type":"cron","expression":"0 4 * * *"},"request":{"url":"https://a.example/","auth":{"type":"bearer","token":"token-a"}}},
		{"id":"changed","schedule":{"type":"cron","expression":"0 2 * * *"},"request":{"url":"https://a.example/","headers":{"Authorization":"Bearer t2"}}}]}`)
	file := `{"jobs":[
		{"id":"same","schedule":{"type":"interval","every":"10s"},"request":{"url":"https://a.example/"}},
		{"id":"new-secret","schedule":{"type":"cron","expression":"0 4 * * *"},"request":{"url":"https://a.example/","auth":{"type":"bearer","token":"token-b"}}},
		{"id":"changed","schedule":{"type":"cron","expression":"30 2 * * *","time_zone":"Europe/Berlin"},"request":{"url":"https://a.example/?key=k&api_key=t3","headers":{"Authorization":"Bearer t4"}}},
		{"id":"paused","status":"paused","schedule":{"type":"date","at":"2031-01-01T00:00:00Z"},"request":{"url":"https://a.example/{{ secret.X }}","method":"POST"}},
		{"id":"done","status":"completed","schedule":{"type":"date","at":"2020-01-01T00:00:00Z"},"request":{"url":"https://a.example/"}}]}`
	for _, query := range []string{"?dry_run=true", ""} {
		w.call("POST", "/api/v1/jobs/import"+query, file).problem(422, "invalid", "jobs[3].request.url")
	}
	line := "0 9 * * * curl -H 'X-A: {{secret.X}}' https://m.example/\n"
	for _, query := range []string{"?dry_run=true", ""} {
		if done := w.importFile(query, "text/crontab", line); len(done.Created) != 0 || len(done.Skipped) != 1 || !strings.Contains(done.Skipped[0].Reason, `no secret "X"`) {
			t.Errorf("%+v", done)
		}
	}
	w.call("PUT", "/api/v1/secrets/X", `{"value":"t5"}`).is(201)
	dry := w.importFile("?prune=true&dry_run=true", "application/json", file)
	done := w.importFile("?prune=true", "application/json", file)
	var order []string
	byID := map[string]service.ImportedJob{}
	for _, j := range dry.Jobs {
		order = append(order, string(j.Action)+" "+j.ID+" "+j.Place)
		byID[j.ID] = j
	}
	want := "deleted gone , updated changed jobs[2], updated new-secret jobs[1], created done jobs[4], created paused jobs[3], unchanged same jobs[0]"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	text, err := json.Marshal(dry.Jobs)
	must(t, err)
	for _, secret := range []string{"t1", "t2", "t3", "t4", "t5", "token-a", "token-b", "u:p"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is shown: %s", secret, text)
		}
	}
	if j := byID["changed"]; !strings.Contains(j.Words.EN, "02:30") || j.TimeZone != "Europe/Berlin" || len(j.Next) != 3 ||
		j.Next[0].Local != "2026-11-19T02:30:00+01:00" || fmt.Sprint(j.Changed) != "[request.headers.Authorization request.url schedule.expression schedule.time_zone]" {
		t.Errorf("%+v", j)
	}
	if j := byID["new-secret"]; fmt.Sprint(j.Changed) != "[request.auth.token]" {
		t.Errorf("%+v", j)
	}
	if j := byID["gone"]; j.Name != "Gone" || len(j.Next) != 0 || !strings.Contains(j.Words.EN, "04:00") || j.Method != "GET" {
		t.Errorf("%+v", j)
	}
	if j := byID["paused"]; j.Status != job.StatusPaused || j.Method != "POST" || len(j.Next) != 1 || !strings.Contains(j.Words.ZH, "2031") {
		t.Errorf("%+v", j)
	}
	if j := byID["done"]; j.Status != job.StatusCompleted || len(j.Next) != 0 {
		t.Errorf("%+v", j)
	}
	if a, b := fmt.Sprintf("%+v", dry.Jobs), fmt.Sprintf("%+v", done.Jobs); a != b || done.DryRun || !dry.DryRun {
		t.Errorf("the dry run shows\n%s\nthe real one\n%s", a, b)
	}
	many := w.importFile("?dry_run=true", "application/json", fileOf(2_000))
	if len(many.Created) != 2_000 || len(many.Jobs) != 200 {
		t.Errorf("%d of %d jobs are described", len(many.Jobs), len(many.Created))
	}
}

// TestImportRows wants what cannot be taken of the original's store to be skipped, and the rest to be imported.
func TestImportRows(t *testing.T) {
	w := newWorld(t, worldOptions{})
	data, err := os.ReadFile("../apscheduler/testdata/3.0.6-python2.7-protocol2.sqlite")
	must(t, err)
	done := w.importFile("", "application/vnd.sqlite3", string(data))
	if len(done.Created) != 8 || len(done.Skipped) != 2 || done.Skipped[0].Line != 2 || done.Skipped[0].Text != "cron-fixed" || len(done.Warnings) != 2 || w.total() != 8 {
		t.Errorf("%+v", done)
	}
	w.call("POST", "/api/v1/jobs/import?prune=true", string(data), "Content-Type", "application/vnd.sqlite3").problem(422, "invalid", "prune", "line 2", "line 3")
	w.pass(20 * 365 * 24 * time.Hour) // its date is over, and judged by its policy: that is no reason to leave it out
	w.call("DELETE", "/api/v1/jobs/date", "").is(204)
	if again := w.importFile("", "application/vnd.sqlite3", string(data)); len(again.Created) != 1 || len(again.Skipped) != 2 {
		t.Errorf("%+v", again)
	}
}

// TestDryRunLeavesNoTrace wants a dry run to take no lock and to write no line into the audit log.
func TestDryRunLeavesNoTrace(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.importFile("?dry_run=true", "application/json", oneJob)
	page, err := w.store.ListEntries(t.Context(), access.EntryQuery{Limit: 10})
	must(t, err)
	if len(page.Entries) != 0 || w.total() != 0 {
		t.Errorf("%+v", page.Entries)
	}
}

// TestImport_IfPlan wants an import to be refused, and nothing written, once somebody has changed one of its jobs.
func TestImport_IfPlan(t *testing.T) {
	w := newWorld(t, worldOptions{})
	const path = "/api/v1/jobs/import"
	plan := func() string { return w.importFile("?dry_run=true", "application/json", oneJob).Plan }
	first := plan()
	if again := plan(); first == "" || again != first {
		t.Fatalf("the plan of the same is %q and %q", first, again)
	}
	for _, tag := range []string{first, `""`, `"a", "b"`} { // no quotes, nothing, two
		w.call("POST", path, oneJob, "If-Match", tag).problem(400, "malformed")
	}
	w.call("POST", path, oneJob, "If-Match", `"`+first+`"`).is(200)
	w.call("POST", path, oneJob, "If-Match", `"`+first+`"`).problem(412, "precondition_failed") // it is there now
	second := plan()
	w.call("PATCH", "/api/v1/jobs/a", `{"name":"of somebody else"}`).is(200)
	w.call("POST", path, oneJob, "If-Match", `"`+second+`"`).problem(412, "precondition_failed")
	if j := w.call("GET", "/api/v1/jobs/a", "").is(200).job(); j.Name != "of somebody else" {
		t.Errorf("the refused import wrote the name %q", j.Name)
	}
	w.call("POST", path, oneJob, "If-Match", `"`+plan()+`"`).is(200)
	third := plan()
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	w.call("POST", path, oneJob, "If-Match", `"`+third+`"`).problem(412, "precondition_failed")
	w.call("GET", "/api/v1/jobs/a", "").is(404)
}
