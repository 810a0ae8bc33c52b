package api

import (
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// TestMigrateFromDkron imports what Dkron answers to GET /v1/jobs.
func TestMigrateFromDkron(t *testing.T) {
	const file = `[
		{"name":"cron","displayname":"Nightly","schedule":"0 30 2 * * *","timezone":"Europe/Berlin","owner":"","disabled":true,"tags":{"server":"true"},
		 "retries":2,"concurrency":"forbid","executor":"http",
		 "executor_config":{"method":"POST","url":"https://example.com/hook","headers":"[\"X-A: 1\",\"Authorization: Bearer a: b\"]","body":"{}","timeout":"10"}},
		{"name":"every","schedule":"@every 10m","executor":"http","executor_config":{"method":"GET","url":"https://example.com/"}},
		{"name":"once","schedule":"@at 2031-01-02T15:04:05Z","executor":"http","tags":null,"executor_config":{"method":"GET","url":"https://example.com/"}},
		{"name":"program","schedule":"@daily","executor":"shell","executor_config":{"command":"date"}}]`
	w := newWorld(t, worldOptions{})
	if done := w.importFile("", "application/json", file); strings.Join(done.Created, " ") != "cron every once" || len(done.Skipped) != 1 {
		t.Fatalf("%+v", done)
	}
	j := w.call("GET", "/api/v1/jobs/cron", "").is(200).job()
	if j.Status != job.StatusPaused || j.Name != "Nightly" || j.Schedule.Expression != "0 30 2 * * *" || j.Schedule.TimeZone != "Europe/Berlin" ||
		strings.Join(j.Tags, " ") != "server=true" || j.Request.Method != "POST" || j.Request.Headers["X-A"] != "1" ||
		j.Policy.Retry.MaxAttempts != 3 || j.Policy.ConcurrencyPolicy != job.ConcurrencyForbid || j.Policy.AttemptTimeout.String() != "10s" {
		t.Errorf("%+v", j)
	}
	if j = w.call("GET", "/api/v1/jobs/every", "").is(200).job(); j.Schedule.Every.String() != "10m" || j.Policy.ConcurrencyPolicy != job.ConcurrencyAllow {
		t.Errorf("%+v", j)
	}
	if j = w.call("GET", "/api/v1/jobs/once", "").is(200).job(); j.NextRunAt == nil || j.NextRunAt.String() != "2031-01-02T15:04:05.000Z" {
		t.Errorf("%+v", j)
	}
}

// TestMigrateFromKubernetes imports what kubectl tells.
func TestMigrateFromKubernetes(t *testing.T) {
	cronJob := func(name, spec, container string) string {
		return `{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"namespace":"shop","name":"` + name + `"},"spec":{` + spec + `,"jobTemplate":{"spec":{"template":{"spec":{"containers":[` + container + `]}}}}}}`
	}
	file := `{"apiVersion":"v1","kind":"List","items":[` + strings.Join([]string{
		cronJob("ping", `"schedule":"*/5 * * * *","timeZone":"Europe/Berlin"`, `{"command":["curl","-fsS","-d","100% it's"],"args":["https://example.com/ping"]}`),
		cronJob("image", `"schedule":"@hourly"`, `{"args":["https://example.com/hourly"]}`),
		cronJob("shell", `"schedule":"0 1 * * *"`, `{"command":["sh","-c","curl https://example.com/ | sh"]}`),
		cronJob("off", `"schedule":"0 1 * * *","suspend":true`, `{"command":["curl","https://example.com/off"]}`),
	}, ",") + `]}`
	w := newWorld(t, worldOptions{})
	done := w.importFile("", "application/json", file)
	if len(done.Created) != 3 || len(done.Skipped) != 1 || !strings.Contains(done.Skipped[0].Text, "shell") {
		t.Fatalf("%+v of\n%s", done, file)
	}
	if j := w.call("GET", "/api/v1/jobs/shop%2Foff", "").is(200).job(); j.Status != job.StatusPaused {
		t.Errorf("%+v", j)
	}
	var list jobList
	w.call("GET", "/api/v1/jobs?q=ping", "").is(200).into(&list)
	if len(list.Jobs) != 1 {
		t.Fatalf("%+v", list)
	}
	j := list.Jobs[0]
	if j.ID != "shop/ping" || j.Schedule.Expression != "*/5 * * * *" || j.Schedule.TimeZone != "Europe/Berlin" ||
		j.Request.Method != "POST" || j.Request.Body != "100% it's" {
		t.Errorf("%+v", j)
	}
	w.call("GET", "/api/v1/jobs?q=hourly", "").is(200).into(&list)
	if len(list.Jobs) != 1 || list.Jobs[0].Schedule.TimeZone != "" {
		t.Errorf("%+v", list.Jobs)
	}
}
