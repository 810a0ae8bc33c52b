package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

const (
	cronJob     = `{"id":"a","schedule":{"type":"cron","expression":"0 2 * * *"},"request":{"url":"https://example.com/a"}}`
	intervalJob = `{"id":"i","schedule":{"type":"interval","every":"10s"},"request":{"url":"https://example.com/i"}}`
)

// dateJob is a job once, at a moment.
func dateJob(id string, at job.Instant) string {
	return fmt.Sprintf(`{"id":%q,"schedule":{"type":"date","at":%q},"request":{"url":"https://example.com/d"}}`, id, at)
}

func TestCreate(t *testing.T) {
	w := newWorld(t, worldOptions{})
	a := w.call("POST", "/api/v1/jobs", cronJob).is(201)
	j := a.job()
	if a.header.Get("Location") != "/api/v1/jobs/a" || a.header.Get("ETag") != `"1"` {
		t.Errorf("Location %q, ETag %q", a.header.Get("Location"), a.header.Get("ETag"))
	}
	if j.Version != 1 || j.Status != job.StatusActive || j.NextRunAt.String() != "2026-11-19T02:00:00.000Z" || j.CreatedAt != begin {
		t.Errorf("created %+v", j)
	}
	if again := w.call("GET", "/api/v1/jobs/a", "").is(200); again.body != a.body {
		t.Errorf("read back\n%s\nwant\n%s", again.body, a.body)
	}
	w.call("POST", "/api/v1/jobs", cronJob).problem(409, "conflict")

	made := w.call("POST", "/api/v1/jobs", strings.Replace(cronJob, `"id":"a",`, "", 1)).is(201).job()
	if len(made.ID) != 26 {
		t.Errorf("id made: %q", made.ID)
	}
	i := w.call("POST", "/api/v1/jobs", intervalJob).is(201).job()
	if *i.Schedule.Anchor != begin || *i.NextRunAt != begin.Add(10*time.Second) {
		t.Errorf("anchor %s, next %s", i.Schedule.Anchor, i.NextRunAt)
	}
	past := w.call("POST", "/api/v1/jobs", dateJob("d", begin-1000)).is(201).job()
	if past.Status != job.StatusActive || *past.NextRunAt != begin-1000 {
		t.Errorf("a date in the past: %s, next %v", past.Status, past.NextRunAt)
	}
	paused := w.call("POST", "/api/v1/jobs", strings.Replace(intervalJob, `"id":"i"`, `"id":"p","status":"paused","pause_reason":"not yet"`, 1)).is(201).job()
	if paused.Status != job.StatusPaused || paused.NextRunAt != nil || *paused.PauseReason != "not yet" {
		t.Errorf("created paused: %+v", paused)
	}
}

func TestBadInput(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	schedule := func(text string) string {
		return `{"id":"b","schedule":` + text + `,"request":{"url":"https://example.com/"}}`
	}
	with := func(member string) string { return strings.Replace(cronJob, `"id":"a"`, `"id":"b",`+member, 1) }
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
		fields                   []string
	}{
		{"empty", "POST", "/api/v1/jobs", "", 400, "malformed", nil},
		{"no JSON", "POST", "/api/v1/jobs", "{", 400, "malformed", nil},
		{"two values", "POST", "/api/v1/jobs", cronJob + cronJob, 400, "malformed", nil},
		{"a list", "POST", "/api/v1/jobs", "[]", 400, "malformed", nil},
		{"null", "POST", "/api/v1/jobs", "null", 400, "malformed", nil},
		{"broken UTF-8", "POST", "/api/v1/jobs", with(`"name":"` + "\xff" + `"`), 400, "malformed", nil},
		{"deep", "POST", "/api/v1/jobs", strings.Repeat(`{"a":`, 20000), 400, "malformed", nil},
		{"nothing required", "POST", "/api/v1/jobs", "{}", 422, "invalid", []string{"schedule.type", "request.url"}},
		{"unknown fields", "POST", "/api/v1/jobs", with(`"nmae":1,"policy":{"retyr":{}}`), 422, "invalid", []string{"nmae", "policy.retyr"}},
		{"wrong type", "POST", "/api/v1/jobs", with(`"name":5`), 422, "invalid", []string{"name"}},
		{"minute", "POST", "/api/v1/jobs", schedule(`{"type":"cron","expression":"61 * * * *"}`), 422, "invalid", []string{"schedule.expression"}},
		{"zone", "POST", "/api/v1/jobs", schedule(`{"type":"cron","expression":"0 * * * *","time_zone":"Mars/Base"}`), 422, "invalid", []string{"schedule.time_zone"}},
		{"date", "POST", "/api/v1/jobs", schedule(`{"type":"date","at":"2026-02-31T00:00:00Z"}`), 422, "invalid", []string{"schedule.at"}},
		{"31 February", "POST", "/api/v1/jobs", schedule(`{"type":"cron","expression":"0 0 31 2 *"}`), 422, "invalid", []string{"schedule"}},
		{"over", "POST", "/api/v1/jobs", schedule(`{"type":"interval","every":"10s","end_at":"2020-01-01T00:00:00Z"}`), 422, "invalid", []string{"schedule"}},
		{"paused into the past", "POST", "/api/v1/jobs", with(`"status":"paused","paused_until":"2020-01-01T00:00:00Z"`), 422, "invalid", []string{"paused_until"}},
		{"pause without pause", "POST", "/api/v1/jobs", with(`"paused_until":"2030-01-01T00:00:00Z"`), 422, "invalid", []string{"paused_until"}},
		{"NUL", "POST", "/api/v1/jobs", with(`"status":"paused","pause_reason":"\u0000"`), 422, "invalid", []string{"pause_reason"}},
		{"no scheme", "POST", "/api/v1/jobs", strings.Replace(cronJob, "https://", "", 1), 422, "invalid", []string{"request.url"}},
		{"too large", "POST", "/api/v1/jobs", with(`"name":"` + strings.Repeat("x", maxJobBody) + `"`), 413, "too_large", nil},
		{"query", "POST", "/api/v1/jobs?dry=1", cronJob, 422, "invalid", []string{"dry"}},
		{"id twice", "PUT", "/api/v1/jobs/other", cronJob, 422, "invalid", []string{"id"}},
		{"id in path", "GET", "/api/v1/jobs/%FF", "", 400, "malformed", nil},
		{"none", "GET", "/api/v1/jobs/none", "", 404, "not_found", nil},
		{"none to delete", "DELETE", "/api/v1/jobs/none", "", 404, "not_found", nil},
		{"none to patch", "PATCH", "/api/v1/jobs/none", "{}", 404, "not_found", nil},
		{"none to pause", "POST", "/api/v1/jobs/none/pause", "", 404, "not_found", nil},
		{"none to resume", "POST", "/api/v1/jobs/none/resume", "", 404, "not_found", nil},
		{"none to run", "POST", "/api/v1/jobs/none/run", "", 404, "not_found", nil},
		{"none with runs", "GET", "/api/v1/jobs/none/runs", "", 404, "not_found", nil},
		{"no run", "GET", "/api/v1/runs/none", "", 404, "not_found", nil},
		{"until", "POST", "/api/v1/jobs/a/pause", `{"until":"2020-01-01T00:00:00Z"}`, 422, "invalid", []string{"until"}},
		{"until what", "POST", "/api/v1/jobs/a/pause", `{"until":"tomorrow"}`, 422, "invalid", []string{"until"}},
		{"long reason", "POST", "/api/v1/jobs/a/pause", `{"reason":"` + strings.Repeat("x", 1001) + `"}`, 422, "invalid", []string{"reason"}},
		{"resume from where", "POST", "/api/v1/jobs/a/resume", `{"resume_from":"x"}`, 422, "invalid", []string{"resume_from"}},
		{"force", "POST", "/api/v1/jobs/a/run", `{"force":"yes"}`, 422, "invalid", []string{"force"}},
		{"patch list", "PATCH", "/api/v1/jobs/a", "[]", 400, "malformed", nil},
		{"patch nothing", "PATCH", "/api/v1/jobs/a", "", 400, "malformed", nil},
		{"patch id", "PATCH", "/api/v1/jobs/a", `{"id":"b"}`, 422, "invalid", []string{"id"}},
		{"patch type", "PATCH", "/api/v1/jobs/a", `{"schedule":{"type":"interval","every":"10s"}}`, 422, "invalid", []string{"schedule.expression"}},
		{"patch away", "PATCH", "/api/v1/jobs/a", `{"schedule":null}`, 422, "invalid", []string{"schedule.type"}},
		{"patch dry", "PATCH", "/api/v1/jobs/a?dry_run=yes", `{}`, 422, "invalid", []string{"dry_run"}},
		{"patch pause", "PATCH", "/api/v1/jobs/a", `{"paused_until":"2030-01-01T00:00:00Z"}`, 422, "invalid", []string{"paused_until"}},
		{"limit", "GET", "/api/v1/jobs?limit=501", "", 422, "invalid", []string{"limit"}},
		{"limit 0", "GET", "/api/v1/jobs?limit=0", "", 422, "invalid", []string{"limit"}},
		{"sort", "GET", "/api/v1/jobs?sort=size&status=x", "", 422, "invalid", []string{"status", "sort"}},
		{"cursor", "GET", "/api/v1/jobs?cursor=x", "", 422, "invalid", []string{"cursor"}},
		{"twice", "GET", "/api/v1/jobs?q=a&q=b", "", 422, "invalid", []string{"q"}},
		{"unknown", "GET", "/api/v1/jobs?page=2&per=3", "", 422, "invalid", []string{"page", "per"}},
		{"broken query", "GET", "/api/v1/jobs?q=%FF", "", 422, "invalid", []string{"q"}},
		{"runs since", "GET", "/api/v1/runs?since=now&state=x&trigger=y", "", 422, "invalid", []string{"state", "trigger", "since"}},
		{"runs cursor", "GET", "/api/v1/runs?cursor=x", "", 422, "invalid", []string{"cursor"}},
		{"job's runs", "GET", "/api/v1/jobs/a/runs?job=b", "", 422, "invalid", []string{"job"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.call(c.method, c.path, c.body).problem(c.status, c.code, c.fields...)
		})
	}
	w.t = t
	if got := w.call("GET", "/api/v1/jobs/a", "").is(200).job(); got.Version != 1 {
		t.Errorf("refused calls changed the job: %+v", got)
	}
}

func TestConditions(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("PUT", "/api/v1/jobs/a", cronJob, "If-Match", "*").problem(412, "precondition_failed")
	w.call("PUT", "/api/v1/jobs/a", cronJob, "If-None-Match", "*").is(201)
	w.call("PUT", "/api/v1/jobs/a", cronJob, "If-None-Match", "*").problem(412, "precondition_failed")
	for _, c := range []struct {
		method, header, value string
		status                int
	}{
		{"PUT", "If-Match", `"2"`, 412},
		{"PUT", "If-Match", `"1"`, 200},   // 2
		{"PUT", "If-Match", `W/"2"`, 200}, // 3
		{"PUT", "If-Match", `*`, 200},     // 4
		{"PUT", "If-Match", `4`, 400},     // no quotes
		{"PUT", "If-Match", `"4", "5"`, 400},
		{"PUT", "If-Match", `"four"`, 412},
		{"PATCH", "If-Match", `"3"`, 412},
		{"PATCH", "If-Match", `"4"`, 200}, // 5
		{"GET", "If-None-Match", `"4"`, 200},
		// The tag is the version's, and a job's last and next run change without that.
		{"GET", "If-None-Match", `"5"`, 200},
		{"GET", "If-None-Match", `*`, 200},
		{"GET", "If-None-Match", `five`, 200},
		{"DELETE", "If-Match", `"4"`, 412},
		{"DELETE", "If-Match", `nonsense`, 400},
		{"DELETE", "If-Match", `"5"`, 204},
	} {
		t.Run(c.method+" "+c.value, func(t *testing.T) {
			w.t = t
			body := map[string]string{"PUT": cronJob, "PATCH": `{"name":"x"}`}[c.method]
			w.call(c.method, "/api/v1/jobs/a", body, c.header, c.value).is(c.status)
		})
	}
}

func TestHostileIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, id := range []string{"定时 任务/1?&%", "a/../b", `"';--`, strings.Repeat("é", 256), "%2F", "a+b", ".", "{id}", ":id", "*"} {
		t.Run(id[:min(len(id), 20)], func(t *testing.T) {
			w.t = t
			path := "/api/v1/jobs/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
			a := w.call("PUT", path, strings.Replace(cronJob, `"id":"a",`, "", 1)).is(201)
			if got := a.job(); got.ID != id {
				t.Fatalf("id %q", got.ID)
			}
			if location := a.header.Get("Location"); location != "/api/v1/jobs/"+url.PathEscape(id) {
				t.Errorf("Location %q", location)
			}
			if got := w.call("GET", path, "").is(200).job(); got.ID != id {
				t.Errorf("read %q", got.ID)
			}
			run := w.call("POST", path+"/run", "").is(202)
			w.call("GET", run.header.Get("Location"), "").is(200)
			var list runList
			w.call("GET", "/api/v1/runs?job="+url.QueryEscape(id), "").is(200).into(&list)
			if len(list.Runs) != 1 || list.Runs[0].JobID != id {
				t.Errorf("runs %+v", list.Runs)
			}
			w.call("DELETE", path, "").is(204)
			w.call("GET", path, "").problem(404, "not_found")
			w.call("GET", path+"/runs", "").is(200)
		})
	}
}

func TestList(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for i := range 7 {
		body := fmt.Sprintf(`{"name":"n%d","tags":["all","t%d"],"schedule":{"type":"interval","every":"%dm"},"request":{"url":"https://h%d.example.com/"}}`, 9-i, i%2, i+1, i%3)
		w.call("PUT", fmt.Sprintf("/api/v1/jobs/j%d", i), body).is(201)
	}
	w.call("POST", "/api/v1/jobs/j3/pause", "").is(200)
	for query, want := range map[string]string{
		"":                                  "j0 j1 j2 j3 j4 j5 j6",
		"?sort=-id":                         "j6 j5 j4 j3 j2 j1 j0",
		"?sort=name":                        "j6 j5 j4 j3 j2 j1 j0",
		"?sort=next_run_at":                 "j0 j1 j2 j4 j5 j6 j3",
		"?tag=t1":                           "j1 j3 j5",
		"?tag=t1&tag=all":                   "j1 j3 j5",
		"?tag=t1&tag=t0":                    "",
		"?status=paused":                    "j3",
		"?type=cron":                        "",
		"?type=interval&q=H1.EXAMPLE":       "j1 j4",
		"?host=h2.example.com":              "j2 j5",
		"?q=%25":                            "",
		"?last_state=failed":                "",
		"?status=active&sort=-name&limit=3": "j0 j1 j2 j4 j5 j6",
	} {
		t.Run(query, func(t *testing.T) {
			w.t = t
			var got []string
			cursor := ""
			var total int64
			for {
				var page jobList
				path := "/api/v1/jobs" + query
				if cursor != "" {
					path += map[bool]string{true: "&", false: "?"}[query != ""] + "cursor=" + url.QueryEscape(cursor)
				}
				w.call("GET", path, "").is(200).into(&page)
				for _, j := range page.Jobs {
					got = append(got, j.ID)
				}
				total = page.Total
				if page.NextCursor == nil {
					break
				}
				cursor = *page.NextCursor
			}
			if strings.Join(got, " ") != want || int(total) != len(strings.Fields(want)) {
				t.Errorf("got %q of %d, want %q", got, total, want)
			}
		})
	}
}

func TestHTTP(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	for _, c := range []struct {
		method, path, allow string
		status              int
		code                string
	}{
		{"GET", "/nothing", "", 404, "not_found"},
		{"GET", "/api/v1/jobs/", "", 404, "not_found"},
		{"GET", "/API/v1/jobs", "", 404, "not_found"},
		{"GET", "/docs/../page/docs.html", "", 404, "not_found"},
		{"GET", "/docs/swagger-ui.js", "", 404, "not_found"},
		{"GET", "/monitoring", "", 404, "not_found"},
		{"DELETE", "/api/v1/jobs", "GET, HEAD, POST, OPTIONS", 405, "method_not_allowed"},
		{"POST", "/api/v1/jobs/a", "GET, HEAD, PUT, DELETE, OPTIONS, PATCH", 405, "method_not_allowed"},
		{"GET", "/api/v1/schedules/preview", "POST, OPTIONS", 405, "method_not_allowed"},
		{"PUT", "/healthz", "GET, HEAD, OPTIONS", 405, "method_not_allowed"},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			w.t = t
			a := w.call(c.method, c.path, "")
			a.problem(c.status, c.code)
			if got := a.header.Get("Allow"); got != c.allow {
				t.Errorf("Allow %q, want %q", got, c.allow)
			}
		})
	}
	w.t = t
	if got := w.call("OPTIONS", "/api/v1/jobs/a", "").is(204).header.Get("Allow"); got != "DELETE, GET, HEAD, PATCH, PUT, OPTIONS" {
		t.Errorf("OPTIONS allows %q", got)
	}
	head := w.call("HEAD", "/api/v1/jobs/a", "").is(200)
	if head.body != "" || head.header.Get("ETag") != `"1"` || head.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %q %v", head.body, head.header)
	}
	if id := w.call("GET", "/healthz", "", "X-Request-Id", "mine-1").header.Get("X-Request-Id"); id != "mine-1" {
		t.Errorf("request id %q", id)
	}
	if id := w.call("GET", "/healthz", "", "X-Request-Id", "a b").header.Get("X-Request-Id"); len(id) != 26 {
		t.Errorf("request id %q", id)
	}
	a := w.call("GET", "/api/v1/jobs/a", "")
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	w.call("GET", "/api/v1/jobs?q="+strings.Repeat("x", 20<<10), "").problem(431, "too_large")
	w.call("BREW", "/api/v1/jobs", "").problem(405, "method_not_allowed")
	for _, refused := range []answer{
		w.call("BREW", "/", ""), w.call("GET", "/"+strings.Repeat("x", 20<<10), ""),
		w.call("POST", "/api/v1/jobs", strings.Repeat(" ", maxBody+1)), w.call("GET", "/nothing", ""),
	} {
		if refused.header.Get("X-Request-Id") == "" || refused.header.Get("X-Content-Type-Options") == "" {
			t.Errorf("status %d has the headers %v", refused.status, refused.header)
		}
	}
	if !strings.Contains(w.call("GET", "/metrics", "").body, `{method="other",route="unmatched",status="405"} 2`) {
		t.Error("methods that nobody knows are not counted as one")
	}
	if strings.Contains(w.logs.String(), "xxx") {
		t.Error("the log holds a query")
	}
}

func TestOtherOrigin(t *testing.T) {
	w := newWorld(t, worldOptions{monitor: true})
	host := strings.TrimPrefix(w.url, "http://")
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"a program", nil, 422},
		{"our page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://" + host}, 422},
		{"behind a proxy", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:5173"}, 422},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"another port", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"an old browser, our page", []string{"Origin", "http://" + host}, 422},
		{"an old browser, another site", []string{"Origin", "https://evil.example"}, 403},
		{"a file", []string{"Origin", "null"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.call("POST", "/api/v1/jobs", "{}", c.header...).is(c.status)
			w.call("GET", "/api/v1/jobs", "", c.header...).is(200)
			if a := w.call("POST", "/monitoring/api/queues/default:pause", "", c.header...); (a.status == 403) != (c.status == 403) {
				t.Errorf("the queue monitor answers %d", a.status)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	w := newWorld(t, worldOptions{jobs: func(s service.Store) service.Store { return panicking{s} }})
	p := w.call("GET", "/api/v1/jobs/a", "").problem(500, "internal")
	if strings.Contains(p.Detail, "secret") {
		t.Error("the cause of a panic is shown")
	}
	if log := w.logs.String(); !strings.Contains(log, "a secret") || !strings.Contains(log, "goroutine") || !strings.Contains(log, p.RequestID) {
		t.Errorf("log: %s", log)
	}
	w.call("GET", "/api/v1/jobs", "").is(200)
}

type panicking struct{ service.Store }

func (panicking) GetJob(context.Context, string) (*job.Job, error) { panic("a secret") }

func TestDatabaseAway(t *testing.T) {
	w := newWorld(t, worldOptions{})
	must(t, w.store.Close())
	for _, c := range [][3]string{
		{"GET", "/api/v1/jobs", ""}, {"POST", "/api/v1/jobs", cronJob}, {"GET", "/api/v1/jobs/a", ""},
		{"PUT", "/api/v1/jobs/a", cronJob}, {"PATCH", "/api/v1/jobs/a", "{}"}, {"DELETE", "/api/v1/jobs/a", ""},
		{"POST", "/api/v1/jobs/a/pause", ""}, {"POST", "/api/v1/jobs/a/resume", ""}, {"POST", "/api/v1/jobs/a/run", ""},
		{"GET", "/api/v1/jobs/a/runs", ""}, {"GET", "/api/v1/runs", ""}, {"GET", "/api/v1/runs/a", ""},
	} {
		p := w.call(c[0], c[1], c[2]).problem(503, "unavailable")
		if strings.Contains(p.Detail, "sql") {
			t.Errorf("%s %s: %s", c[0], c[1], p.Detail)
		}
	}
	w.call("GET", "/", "").is(http.StatusOK)
	var r readiness
	w.call("GET", "/readyz", "").is(503).into(&r)
	if r.Checks["database"] == "ok" || r.Checks["redis"] != "ok" {
		t.Errorf("readiness %+v", r)
	}
}

// TestRecent lists jobs with and without their runs.
func TestRecent(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	run := w.run("/api/v1/jobs/i/run", "")
	var list jobList
	w.call("GET", "/api/v1/jobs?include=recent", "").is(200).into(&list)
	if list.Jobs[0].Recent == nil || len(list.Jobs[0].Recent) != 0 {
		t.Errorf("a job that never ran has %v", list.Jobs[0].Recent)
	}
	if r := list.Jobs[1].Recent; len(r) != 1 || r[0].ID != run.ID || r[0].State != job.StateQueued {
		t.Errorf("recent runs: %+v", r)
	}
	for _, path := range []string{"/api/v1/jobs", "/api/v1/jobs/i"} {
		if a := w.call("GET", path, "").is(200); strings.Contains(a.body, "recent") {
			t.Errorf("nobody asked %s for runs: %s", path, a.body)
		}
	}
	w.call("GET", "/api/v1/jobs?include=all", "").problem(422, "invalid", "include")
	for range 25 {
		w.pass(time.Second)
		run = w.run("/api/v1/jobs/i/run", `{"force":true}`)
	}
	w.call("GET", "/api/v1/jobs?include=recent", "").is(200).into(&list)
	if r := list.Jobs[1].Recent; len(r) != 24 || r[0].ID != run.ID {
		t.Errorf("of 26 runs %d are shown, the first %s", len(r), r[0].ID)
	}
}

// TestPagesWhileJobsChange: whatever comes and goes between two pages, what stays is listed once.
func TestPagesWhileJobsChange(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for _, sort := range []string{"id", "-id", "name", "-name", "next_run_at", "-next_run_at", "-updated_at"} {
		w.call("POST", "/api/v1/jobs/bulk", `{"action":"delete","filter":{}}`).is(200)
		w.importFile("", "application/json", fileOf(40))
		seen, cursor := map[string]int{}, ""
		for n := 0; ; n++ {
			var page jobList
			w.call("GET", "/api/v1/jobs?limit=7&sort="+sort+"&cursor="+url.QueryEscape(cursor), "").is(200).into(&page)
			for _, j := range page.Jobs {
				seen[j.ID]++
			}
			if page.NextCursor == nil {
				break
			}
			cursor = *page.NextCursor
			w.call("DELETE", "/api/v1/jobs/"+page.Jobs[len(page.Jobs)-1].ID, "").is(204) // the one at which the next page begins
			w.call("PUT", fmt.Sprintf("/api/v1/jobs/a%d", n), strings.Replace(intervalJob, `"id":"i",`, "", 1)).is(201)
			w.call("PUT", fmt.Sprintf("/api/v1/jobs/z%d", n), strings.Replace(intervalJob, `"id":"i",`, "", 1)).is(201)
		}
		for i := range 40 {
			if id := fmt.Sprintf("job-%05d", i); seen[id] != 1 {
				t.Errorf("by %s: %s was listed %d times", sort, id, seen[id])
			}
		}
	}
}

// TestDescriptions lists jobs with their schedules in words.
func TestDescriptions(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	var list jobList
	w.call("GET", "/api/v1/jobs?include=recent,description", "").is(200).into(&list)
	if words := list.Jobs[0].ScheduleWords; words == nil || !strings.HasPrefix(words.English, "every ") || !strings.HasPrefix(words.Chinese, "每") {
		t.Errorf("in words: %+v", words)
	}
	if list.Jobs[0].Recent == nil {
		t.Error("its runs were asked for too")
	}
	if a := w.call("GET", "/api/v1/jobs?include=recent", "").is(200); strings.Contains(a.body, "schedule_description") {
		t.Errorf("nobody asked for words: %s", a.body)
	}
}

// TestDue lists the jobs that are due in a stretch of time.
func TestDue(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	next := w.call("GET", "/api/v1/jobs/i", "").is(200).job().NextRunAt.String()
	for query, want := range map[string]int64{
		"due_since=" + next + "&due_until=" + next: 1, "due_since=2099-01-01T00:00:00Z": 0, "due_until=2020-01-01T00:00:00Z": 0,
	} {
		var list jobList
		if w.call("GET", "/api/v1/jobs?"+query, "").is(200).into(&list); list.Total != want {
			t.Errorf("%s: %d jobs, not %d", query, list.Total, want)
		}
	}
	w.call("GET", "/api/v1/jobs?due_since=soon", "").problem(422, "invalid", "due_since")
	var done service.BulkResult
	w.call("POST", "/api/v1/jobs/bulk", `{"action":"pause","filter":{"due_since":"2099-01-01T00:00:00Z"}}`).is(200).into(&done)
	if done.Matched != 0 {
		t.Errorf("many: %+v", done)
	}
}
