package api

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// converted runs the jq program of a section of docs/migrating.md over what the other scheduler tells.
func converted(t *testing.T, section string, options []string, told string) string {
	t.Helper()
	jq, err := exec.LookPath("jq")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("jq is missing")
	}
	if err != nil {
		t.Skip("jq is not installed")
	}
	page, err := os.ReadFile("../../docs/migrating.md")
	must(t, err)
	_, text, _ := strings.Cut(string(page), "\n## "+section+"\n")
	_, text, _ = strings.Cut(text, "| jq ")
	_, text, _ = strings.Cut(text, "'")
	program, _, found := strings.Cut(text, "'")
	if !found || program == "" {
		t.Fatalf("docs/migrating.md has no jq program under %q", section)
	}
	cmd := exec.CommandContext(t.Context(), jq, append(options, program)...)
	cmd.Stdin = strings.NewReader(told)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("jq: %v\n%s", err, out)
	}
	return string(out)
}

// TestMigrateFromDkron follows the page with what Dkron answers to GET /v1/jobs.
func TestMigrateFromDkron(t *testing.T) {
	file := converted(t, "From Dkron", nil, `[
		{"name":"cron","displayname":"Nightly","schedule":"0 30 2 * * *","timezone":"Europe/Berlin","owner":"","disabled":true,"tags":{"server":"true"},
		 "retries":2,"concurrency":"forbid","executor":"http",
		 "executor_config":{"method":"POST","url":"https://example.com/hook","headers":"[\"X-A: 1\",\"Authorization: Bearer a: b\"]","body":"{}","timeout":"10"}},
		{"name":"every","schedule":"@every 10m","executor":"http","executor_config":{"method":"GET","url":"https://example.com/"}},
		{"name":"once","schedule":"@at 2031-01-02T15:04:05Z","executor":"http","tags":null,"executor_config":{"method":"GET","url":"https://example.com/"}},
		{"name":"program","schedule":"@daily","executor":"shell","executor_config":{"command":"date"}}]`)
	w := newWorld(t, worldOptions{})
	if done := w.importFile("", "application/json", file); strings.Join(done.Created, " ") != "cron every once" {
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

// TestMigrateFromKubernetes follows the page with what kubectl tells.
func TestMigrateFromKubernetes(t *testing.T) {
	cronJob := func(name, spec, container string) string {
		return `{"metadata":{"namespace":"shop","name":"` + name + `"},"spec":{` + spec + `,"jobTemplate":{"spec":{"template":{"spec":{"containers":[` + container + `]}}}}}}`
	}
	file := converted(t, "From Kubernetes CronJob", []string{"-r"}, `{"items":[`+strings.Join([]string{
		cronJob("ping", `"schedule":"*/5 * * * *","timeZone":"Europe/Berlin"`, `{"command":["curl","-fsS","-d","100% it's"],"args":["https://example.com/ping"]}`),
		cronJob("image", `"schedule":"@hourly"`, `{"args":["https://example.com/hourly"]}`),
		cronJob("shell", `"schedule":"0 1 * * *"`, `{"command":["sh","-c","curl https://example.com/ | tee /tmp/x"]}`),
		cronJob("off", `"schedule":"0 1 * * *","suspend":true`, `{"command":["curl","https://example.com/off"]}`),
	}, ",")+`]}`)
	w := newWorld(t, worldOptions{})
	done := w.importFile("", "text/crontab", file)
	if len(done.Created) != 2 || len(done.Skipped) != 1 || !strings.Contains(done.Skipped[0].Text, "tee") {
		t.Fatalf("%+v of\n%s", done, file)
	}
	var list jobList
	w.call("GET", "/api/v1/jobs?q=ping", "").is(200).into(&list)
	if len(list.Jobs) != 1 {
		t.Fatalf("%+v", list)
	}
	j := list.Jobs[0]
	if j.Description != "shop/ping" || j.Schedule.Expression != "*/5 * * * *" || j.Schedule.TimeZone != "Europe/Berlin" ||
		j.Request.Method != "POST" || j.Request.Body != "100% it's" {
		t.Errorf("%+v", j)
	}
	w.call("GET", "/api/v1/jobs?q=hourly", "").is(200).into(&list)
	if len(list.Jobs) != 1 || list.Jobs[0].Schedule.TimeZone != "UTC" {
		t.Errorf("%+v", list.Jobs)
	}
}
