package api

import (
	"strings"
	"testing"
)

// badMembers are parts of a job that every way in refuses, each with the field that is named and its code.
var badMembers = map[string]struct{ request, field, code string }{
	"twins":          {`"url":"http://a.test/","headers":{"Authorization":"NEW","authorization":"OLD"}`, "request.headers.authorization", "duplicate"},
	"reserved":       {`"url":"http://a.test/","headers":{"X_Schedule_Run_Id":"x"}`, "request.headers.X_Schedule_Run_Id", "invalid"},
	"port":           {`"url":"http://a.test:99999/"`, "request.url", "invalid"},
	"empty label":    {`"url":"http://a..test/"`, "request.url", "invalid"},
	"numeric host":   {`"url":"http://0x7f.1/"`, "request.url", "invalid"},
	"unknown":        {`"url":"http://a.test/","timeout":"5s"`, "request.timeout", "unknown"},
	"twice":          {`"url":"http://a.test/","url":"http://b.test/"`, "request.url", "duplicate"},
	"header twice":   {`"url":"http://a.test/","headers":{"A":"1","A":"2"}`, "request.headers.A", "duplicate"},
	"in a JSON body": {`"url":"http://a.test/","body":{"a":1,"a":2}`, "request.body.a", "duplicate"},
}

func TestEveryWayInRefusesTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	for name, c := range badMembers {
		request := `{` + c.request + `}`
		whole := `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":` + request + `}`
		for way, send := range map[string]struct{ method, path, body, field string }{
			"POST":   {"POST", "/api/v1/jobs", strings.Replace(whole, `"a"`, `"b"`, 1), c.field},
			"PUT":    {"PUT", "/api/v1/jobs/a", whole, c.field},
			"PATCH":  {"PATCH", "/api/v1/jobs/a", `{"request":` + request + `}`, c.field},
			"dry":    {"PATCH", "/api/v1/jobs/a?dry_run=true", `{"request":` + request + `}`, c.field},
			"import": {"POST", "/api/v1/jobs/import", `{"jobs":[` + whole + `]}`, "jobs[0]." + c.field},
			"trial":  {"POST", "/api/v1/jobs/test", `{"request":` + request + `}`, c.field},
		} {
			p := w.call(send.method, send.path, send.body).is(422)
			var got problem
			if p.into(&got); len(got.Errors) != 1 || got.Errors[0].Field != send.field || got.Errors[0].Code != c.code || got.Errors[0].Message == "" {
				t.Errorf("%s by %s: %s", name, way, p.body)
			}
		}
		if c.code == "duplicate" && name != "twins" {
			continue // YAML refuses these itself, see below
		}
		yaml := w.call("POST", "/api/v1/jobs/import", "jobs:\n- "+whole+"\n", "Content-Type", "application/yaml").is(422)
		var got problem
		if yaml.into(&got); len(got.Errors) != 1 || got.Errors[0].Field != "jobs[0]."+c.field {
			t.Errorf("%s by YAML: %s", name, yaml.body)
		}
	}
	w.call("POST", "/api/v1/jobs/import", "jobs:\n- {id: a, id: b}\n", "Content-Type", "application/yaml").problem(400, "malformed")
	// A patch that would leave two names of one header is refused; one that takes the other away is not.
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"headers":{"Authorization":"x"}}}`).is(200)
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"headers":{"authorization":"x"}}}`).problem(422, "invalid", "request.headers.authorization")
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"headers":{"authorization":"x","Authorization":null}}}`).is(200)
	w.call("PATCH", "/api/v1/jobs/a", `{"name":"x","name":"y"}`).problem(422, "invalid", "name")
}

// Unknown members have one code everywhere, and a proposal.
func TestUnknownMembersHaveOneCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	var refused refusal
	w.call("POST", "/api/v1/schedules/preview", `{"schedule":{"type":"cron","expression":"0 2 * * *","timezone":"UTC"}}`).is(200).into(&refused)
	if len(refused.Errors) != 1 || refused.Errors[0].Field != "schedule.timezone" || refused.Errors[0].Code != "unknown" ||
		refused.Errors[0].Message != `there is no such field; did you mean "schedule.time_zone"?` {
		t.Errorf("a preview: %+v", refused)
	}
	for path, c := range map[string]struct{ body, field, meant string }{
		"POST /api/v1/jobs":              {`{"schedule":{"type":"cron","expression":"0 2 * * *","timezone":"UTC"},"request":{"url":"http://a/"}}`, "schedule.timezone", "schedule.time_zone"},
		"POST /api/v1/schedules/preview": {`{"schedule":{"type":"cron","expression":"0 2 * * *"},"cuont":3}`, "cuont", "count"},
		"PATCH /api/v1/jobs/a":           {`{"policy":{"retries":3}}`, "policy.retries", "policy.retry"},
		"POST /api/v1/jobs/test":         {`{"request":{"url":"http://a/","timeout":"3s"}}`, "request.timeout", "policy.attempt_timeout"},
		"POST /api/v1/jobs/bulk":         {`{"action":"pause","filter":{"tags":["a"]}}`, "filter.tags", "filter.tag"},
		"POST /api/v1/jobs/a/pause":      {`{"unitl":null}`, "unitl", "until"},
		"GET /api/v1/jobs?limt=3":        {``, "limt", "limit"},
	} {
		method, path, _ := strings.Cut(path, " ")
		p := w.call(method, path, c.body).problem(422, "invalid", c.field)
		if p.Errors[0].Code != "unknown" || !strings.Contains(p.Errors[0].Message, `; did you mean "`+c.meant+`"?`) {
			t.Errorf("%s %s: %+v", method, path, p.Errors)
		}
	}
}
