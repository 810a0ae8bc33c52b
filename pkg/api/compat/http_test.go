package compat_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/api/compat"
	"schedule-server/pkg/job"
)

func TestPaths(t *testing.T) {
	b := setup(t)
	const missing, method = `{"detail":"Not Found"}`, `{"detail":"Method Not Allowed"}`
	for _, one := range []struct {
		method, target string
		status         int
		body, location string
	}{
		{"GET", "/scheduler", 404, missing, ""},
		{"GET", "/scheduler/", 404, missing, ""},
		{"POST", "/scheduler/nothing", 404, missing, ""},
		{"GET", "/Scheduler/get_jobs", 404, missing, ""},
		{"GET", "/scheduler/Get_Jobs", 404, missing, ""},
		{"GET", "/scheduler//get_jobs", 404, missing, ""},
		{"GET", "/scheduler/get%5Fjobs", 200, strings.Replace(ok, "{}}", `{"task_list":[],"total":0}}`, 1), ""},
		{"GET", "/scheduler/get_jobs//?job_id=%E4%BB%BB&a=/", 307, "", "/scheduler/get_jobs?job_id=%E4%BB%BB&a=/"},
		{"DELETE", "/scheduler/get_jobs/", 307, "", "/scheduler/get_jobs"},
		{"PATCH", "/scheduler/cron/add_job", 405, method, ""},
		{"OPTIONS", "/scheduler/nothing", 404, missing, ""},
	} {
		r := b.call(t, one.method, one.target, "")
		if r.StatusCode != one.status || r.body != one.body || r.Header.Get("Location") != one.location {
			t.Errorf("%s %s answers %d %s %s", one.method, one.target, r.StatusCode, r.body, r.Header.Get("Location"))
		}
	}
}

// Under a base path everything moves with it.
func TestBasePath(t *testing.T) {
	b := setup(t)
	app := fiber.New()
	compat.New(b.jobs, compat.Options{Now: func() job.Instant { return b.now }}).Mount(app.Group("/Base"))
	for target, want := range map[string][2]string{
		"/Base/scheduler/get_job?job_id=x": {"200", ""}, "/Base/scheduler/get_jobs/": {"307", "/Base/scheduler/get_jobs"}, "/Base/scheduler/x": {"404", ""},
	} {
		response, err := app.Test(httptest.NewRequest("GET", target, nil))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := [2]string{fmt.Sprint(response.StatusCode), response.Header.Get("Location")}; got != want {
			t.Errorf("%s answers %v", target, got)
		}
	}
}

// A browser shows an answer only when it carries the CORS headers: all of them do.
func TestCORSOnEveryAnswer(t *testing.T) {
	b := setup(t)
	check := func(status int, method, target string) {
		t.Helper()
		r := b.call(t, method, target, "", "Origin", "https://page.test")
		if r.StatusCode != status || r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s %s answers %d, %v", method, target, r.StatusCode, r.Header)
		}
	}
	check(404, "GET", "/scheduler/nothing")
	check(405, "POST", "/scheduler/get_jobs")
	check(405, "OPTIONS", "/scheduler/get_jobs")
	check(422, "GET", "/scheduler/get_job")
	check(422, "POST", "/scheduler/date/add_job")
	check(307, "GET", "/scheduler/get_jobs/")
	b.jobs.fail = job.Unavailable("the database", errors.New("dial: refused"))
	check(503, "GET", "/scheduler/get_jobs")
	b.jobs.fail = errors.New("a bug")
	check(500, "GET", "/scheduler/get_jobs")

	r := b.call(t, "OPTIONS", "/scheduler/nothing", "", "Origin", "https://page.test", "Access-Control-Request-Method", "PROPFIND", "Cookie", "a=b")
	if r.StatusCode != 400 || r.body != "Disallowed CORS method" || r.Header.Get("Access-Control-Allow-Headers") != "" {
		t.Errorf("preflight for an unknown method: %d %s %v", r.StatusCode, r.body, r.Header)
	}
}

// A database that is away is said so, without its secrets, and logged with its cause.
func TestDatabaseAway(t *testing.T) {
	b := setup(t)
	b.jobs.fail = job.Unavailable("the database", errors.New("dial 10.0.0.7: refused"))
	for _, one := range [][2]string{{"GET", "get_jobs"}, {"GET", "get_job"}, {"PUT", "pause_job"}, {"PUT", "resume_job"}, {"DELETE", "remove_job"}} {
		b.logs.Reset()
		b.with(t, one[0], one[1], "x").want(t, 503, `{"detail":"the database does not answer"}`)
		if !strings.Contains(b.logs.String(), "dial 10.0.0.7: refused") {
			t.Errorf("%s logs %q", one[1], b.logs.String())
		}
	}
	b.add(t, "interval", `{"job_id":"x","url":"http://a.test/","seconds":5}`).want(t, 503, `{"detail":"the database does not answer"}`)
	b.jobs.fail = errors.New("secret cause")
	b.with(t, "GET", "get_job", "x").want(t, 500, `{"detail":"Internal Server Error"}`)
}
