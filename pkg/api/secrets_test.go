package api

import (
	"encoding/json"
	"strings"
	"testing"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

func TestSecrets(t *testing.T) {
	w := newWorld(t, worldOptions{})
	created := w.call("PUT", "/api/v1/secrets/TOKEN", `{"value":"hush-hush"}`).is(201)
	if created.header.Get("Location") != "/api/v1/secrets/TOKEN" {
		t.Errorf("Location %q", created.header.Get("Location"))
	}
	again := w.call("PUT", "/api/v1/secrets/TOKEN", `{"value":"hush-hush"}`).is(200)
	for _, a := range []answer{created, again, w.call("GET", "/api/v1/secrets/TOKEN", "").is(200), w.call("GET", "/api/v1/secrets", "").is(200)} {
		if strings.Contains(a.body, "hush") || !strings.Contains(a.body, `"name":"TOKEN"`) {
			t.Errorf("answered %s", a.body)
		}
	}
	w.call("PUT", "/api/v1/secrets/TOKEN", `{"value":""}`).problem(422, "invalid", "value")
	w.call("PUT", "/api/v1/secrets/TOKEN", `{}`).problem(422, "invalid", "value")
	w.call("PUT", "/api/v1/secrets/no.dots", `{"value":"x"}`).problem(422, "invalid", "name")
	w.call("GET", "/api/v1/secrets/other", "").problem(404, "not_found")
	w.call("DELETE", "/api/v1/secrets/other", "").problem(404, "not_found")

	const template = `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"http://example.com/?k={{ secret.%s }}"}}`
	w.call("PUT", "/api/v1/jobs/a", strings.Replace(template, "%s", "OTHER", 1)).problem(422, "invalid", "request.url")
	w.call("PUT", "/api/v1/jobs/a", strings.Replace(template, "%s", "TOKEN", 1)).is(201)
	w.call("DELETE", "/api/v1/secrets/TOKEN", "").problem(409, "conflict")
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	w.call("DELETE", "/api/v1/secrets/TOKEN", "").is(204)
}

func TestSecretHosts(t *testing.T) {
	w := newWorld(t, worldOptions{})
	put := func(body string, status int, hosts string) {
		t.Helper()
		for _, a := range []answer{w.call("PUT", "/api/v1/secrets/TOKEN", body).is(status), w.call("GET", "/api/v1/secrets/TOKEN", "").is(200),
			w.call("GET", "/api/v1/secrets", "").is(200)} {
			if !strings.Contains(a.body, `"hosts":`+hosts) {
				t.Errorf("%s: answered %s, want hosts %s", body, a.body, hosts)
			}
		}
	}
	w.call("PUT", "/api/v1/secrets/TOKEN", `{"hosts":["a.test"]}`).problem(422, "invalid", "value")
	w.call("PUT", "/api/v1/secrets/TOKEN", `{"hosts":null}`).problem(422, "invalid", "value")
	w.call("PUT", "/api/v1/secrets/TOKEN", `{"value":"hush-hush","hosts":["https://a.test","ok.test","*"]}`).problem(422, "invalid", "hosts[0]", "hosts[2]")
	put(`{"value":"hush-hush","hosts":["API.example.com","*.example.org:8443"]}`, 201, `["api.example.com","*.example.org:8443"]`)
	put(`{"value":"other"}`, 200, `["api.example.com","*.example.org:8443"]`) // a new value does not lift the limit
	put(`{"hosts":["api.example.com"]}`, 200, `["api.example.com"]`)

	job := func(url string) string {
		return `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"` + url + `","headers":{"X-Key":"{{ secret.TOKEN }}"}}}`
	}
	w.call("PUT", "/api/v1/jobs/a", job("https://evil.test/")).problem(422, "invalid", "request.headers.X-Key")
	w.call("POST", "/api/v1/jobs/test", `{"request":{"url":"https://evil.test/?k={{ secret.TOKEN }}"}}`).problem(422, "invalid", "request.url")
	w.call("POST", "/api/v1/jobs/import", `{"jobs":[{"id":"b",`+job("https://evil.test/")[1:]+`]}`).problem(422, "invalid", "request.headers.X-Key")
	w.call("PUT", "/api/v1/jobs/a", job("https://api.example.com/x")).is(201)
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"url":"https://evil.test/"}}`).problem(422, "invalid", "request.headers.X-Key")
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"headers":{"Host":"evil.test"}}}`).problem(422, "invalid", "request.headers.X-Key")
	put(`{"hosts":[]}`, 200, `[]`)
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"url":"https://elsewhere.test/"}}`).is(200)

	audit := w.call("GET", "/api/v1/audit?action=secret.put", "").is(200).body
	if strings.Contains(audit, "hush") || !strings.Contains(audit, `{"field":"hosts","before":null,"after":["api.example.com","*.example.org:8443"]}`) {
		t.Errorf("the audit log says %s", audit)
	}
}

func TestSecretsWithoutAKey(t *testing.T) {
	w := newWorld(t, worldOptions{noKey: true})
	p := w.call("PUT", "/api/v1/secrets/TOKEN", `{"value":"x"}`).problem(503, "unavailable")
	if !strings.Contains(p.Detail, "SECRET_KEY") {
		t.Errorf("the detail is %q", p.Detail)
	}
	w.call("PUT", "/api/v1/jobs/a", withAuth(`{"type":"bearer","token":"hush"}`)).problem(503, "unavailable")
	w.call("PUT", "/api/v1/jobs/a", cronJob).is(201)
}

// withAuth is a job whose request has that auth.
func withAuth(auth string) string {
	return `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"http://example.com/","auth":` + auth + `}}`
}

// Credentials that are written out never come back, and stay when what GET answered is sent again.
func TestCredentialsAreSealed(t *testing.T) {
	w := newWorld(t, worldOptions{monitor: true})
	w.call("PUT", "/api/v1/jobs/a", withAuth(`{"type":"basic","username":"ann","password":"hush-hush"}`)).is(201)
	sealed := w.sealedOf("a")
	check := func(how string) {
		t.Helper()
		got := w.call("GET", "/api/v1/jobs/a", "").is(200)
		if strings.Contains(got.body, "hush") || got.job().Request.Auth.Password != job.Redacted || got.job().Request.Auth.Username != "ann" {
			t.Errorf("%s: answered %s", how, got.body)
		}
		if now := w.sealedOf("a"); now["auth.password"] == "" || now["auth.password"] != sealed["auth.password"] {
			t.Errorf("%s: stored %v, was %v", how, now, sealed)
		}
	}
	check("created")
	w.call("PUT", "/api/v1/jobs/a", w.call("GET", "/api/v1/jobs/a", "").body).is(200)
	check("sent back whole")
	w.call("PATCH", "/api/v1/jobs/a", `{"name":"x","request":{"auth":{"username":"ann"}}}`).is(200)
	check("patched beside it")
	w.call("PUT", "/api/v1/jobs/a", withAuth(`{"type":"basic","username":"ann","password":"hush-hush"}`)).is(200)
	check("written again")

	run := w.call("POST", "/api/v1/jobs/a/run", "").is(202)
	var made job.Run
	run.into(&made)
	for _, a := range []answer{run, w.call("GET", "/api/v1/runs/"+made.ID, "").is(200), w.call("GET", "/api/v1/jobs", "").is(200),
		w.call("GET", "/monitoring/api/queues/default/pending_tasks", "").is(200)} {
		if strings.Contains(a.body, "hush") || !strings.Contains(a.body, `redacted`) {
			t.Errorf("answered %s", a.body)
		}
	}
	if logs := w.logs.String(); strings.Contains(logs, "hush") {
		t.Errorf("logged %s", logs)
	}

	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"auth":{"password":"other"}}}`).is(200)
	if now := w.sealedOf("a"); now["auth.password"] == sealed["auth.password"] {
		t.Error("another password changed nothing")
	}
	w.call("PATCH", "/api/v1/jobs/a", `{"request":{"auth":null}}`).is(200)
	if now := w.sealedOf("a"); len(now) != 0 {
		t.Errorf("without auth there is still %v", now)
	}
	w.call("PUT", "/api/v1/jobs/a", withAuth(`{"type":"bearer","token":"[redacted]"}`)).problem(422, "invalid", "request.auth.token")
	w.call("PUT", "/api/v1/jobs/b", withAuth(`{"type":"bearer","token":"[redacted]"}`)).problem(422, "invalid", "request.auth.token")
}

func (w *world) sealedOf(id string) map[string]string {
	w.t.Helper()
	j, err := w.store.GetJob(w.t.Context(), id)
	must(w.t, err)
	return j.Request.Sealed
}

func TestRequestFaults(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for request, fields := range map[string]string{
		`{"url":"http://example.com/{{ nope }}"}`:                                                            "request.url",
		`{"url":"http://{{ run_id }}.example.com/"}`:                                                         "request.url",
		`{"url":"http://example.com/{{ run_id"}`:                                                             "request.url",
		`{"url":"http://example.com/","headers":{"X-A":"{{ secret.a.b }}"}}`:                                 "request.headers.X-A",
		`{"url":"http://example.com/","body":"{{ }}"}`:                                                       "request.body",
		`{"url":"http://example.com/","auth":{"type":"digest"}}`:                                             "request.auth.type",
		`{"url":"http://example.com/","auth":{"type":"basic"}}`:                                              "request.auth",
		`{"url":"http://example.com/","auth":{"type":"bearer"}}`:                                             "request.auth.token",
		`{"url":"http://example.com/","auth":{"type":"bearer","token":"x","username":"y"}}`:                  "request.auth.username",
		`{"url":"http://example.com/","auth":{"type":"bearer","token":"a\nb"}}`:                              "request.auth.token",
		`{"url":"http://example.com/","auth":{"type":"bearer","token":"x {{ secret.A }}"}}`:                  "request.auth.token",
		`{"url":"http://example.com/","auth":{"type":"bearer","token":"{{ run_id }}"}}`:                      "request.auth.token",
		`{"url":"http://example.com/","auth":{"type":"bearer","token":"x","colour":1}}`:                      "request.auth.colour",
		`{"url":"http://example.com/","headers":{"authorization":"x"},"auth":{"type":"bearer","token":"x"}}`: "request.auth",
		`{"url":"http://example.com/","auth":{"type":"oauth2","token_url":"ftp://x/"}}`:                      "request.auth.client_id request.auth.client_secret request.auth.token_url",
		`{"url":"http://example.com/","signing_secret":"whsec_c2hvcnQ="}`:                                    "request.signing_secret",
		`{"url":"http://example.com/","tls":{"ca":"x"}}`:                                                     "request.tls.ca",
		`{"url":"http://example.com/","tls":{"client_cert":"x"}}`:                                            "request.tls.client_cert",
	} {
		w.call("PUT", "/api/v1/jobs/a", `{"schedule":{"type":"interval","every":"10s"},"request":`+request+`}`).
			problem(422, "invalid", strings.Fields(fields)...)
	}
	const literal = `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"http://example.com/{{ nope }}","literal":true}}`
	if got := w.call("PUT", "/api/v1/jobs/a", literal).is(201).job(); got.Request.URL != "http://example.com/{{ nope }}" || !got.Request.Literal {
		t.Errorf("%+v", got.Request)
	}
	const number = `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"http://example.com/","body":"{\"n\": {{ attempt }}}"}}`
	if got := w.call("PUT", "/api/v1/jobs/b", number).is(201).job(); got.Request.Headers["Content-Type"] != "application/json" {
		t.Errorf("%+v", got.Request)
	}
}

// The original knew no templates.
func TestTheOriginalsURLsAreLiteral(t *testing.T) {
	w := newWorld(t, worldOptions{})
	body, err := json.Marshal(map[string]any{"job_id": "a", "url": "http://example.com/{{ secret.X }}", "hour": "1"})
	must(t, err)
	w.call("POST", "/scheduler/cron/add_job", string(body)).is(200)
	w.call("POST", "/scheduler/cron/add_job", `{"job_id":"b","url":"http://example.com/","hour":"1"}`).is(200)
	if got := w.call("GET", "/api/v1/jobs/a", "").is(200).job(); !got.Request.Literal {
		t.Errorf("%+v", got.Request)
	}
	if got := w.call("GET", "/api/v1/jobs/b", "").is(200).job(); got.Request.Literal {
		t.Errorf("%+v", got.Request)
	}
}

// An import seals too, also a job that is completed already, and sees that a credential changed.
func TestImportSealsCredentials(t *testing.T) {
	w := newWorld(t, worldOptions{})
	file := func(password string) string {
		return `{"jobs":[{"id":"a","status":"completed","schedule":{"type":"date","at":"2020-01-01T00:00:00Z"},
			"request":{"url":"http://example.com/","auth":{"type":"basic","username":"ann","password":"` + password + `"}}}]}`
	}
	w.call("POST", "/api/v1/jobs/import", file("hush-hush")).is(200)
	first := w.sealedOf("a")
	if body := w.call("GET", "/api/v1/jobs/export", "").is(200).body; strings.Contains(body, "hush") || first["auth.password"] == "" {
		t.Errorf("exported %s, sealed %v", body, first)
	}
	var done service.Imported
	w.call("POST", "/api/v1/jobs/import", file("hush-hush")).is(200).into(&done)
	if len(done.Unchanged) != 1 {
		t.Errorf("the same again: %+v", done)
	}
	w.call("POST", "/api/v1/jobs/import", file("other")).is(200).into(&done)
	if len(done.Updated) != 1 || w.sealedOf("a")["auth.password"] == first["auth.password"] {
		t.Errorf("another password: %+v", done)
	}
}
