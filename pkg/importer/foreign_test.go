package importer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

const cronJobs = `# what a team keeps in its repository
apiVersion: batch/v1
kind: CronJob
metadata: {name: digest, namespace: web, labels: {app: shop}}
spec:
  schedule: "0 9 * * MON"
  timeZone: Asia/Tokyo
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 200
  jobTemplate: {spec: {backoffLimit: 2, template: {spec: {containers: [{name: c, image: curlimages/curl, args: ["-fsS", "-XPOST", "https://m.example/digest"]}]}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: shell}
spec:
  schedule: "@every 1h"
  suspend: true
  jobTemplate: {spec: {template: {spec: {containers: [{name: c, command: [sh, -c], args: ["curl -s https://m.example/h || true"]}]}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: secret}
spec:
  schedule: "0 * * * *"
  jobTemplate: {spec: {template: {spec: {containers: [{name: c, command: [curl, -H, "api-key: $(KEY)", "https://m.example/"]}]}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
`

const dkronJobs = `[{"name":"a","displayname":"A","schedule":"0 */5 * * * *","timezone":"Europe/Berlin","executor":"http","retries":2,"concurrency":"forbid","tags":{"team":"web"},
 "executor_config":{"method":"POST","url":"https://m.example/a","headers":"[\"X-A: 1\"]","body":"{}","timeout":"20","expectCode":"200"}},
 {"name":"every","schedule":"@every 90s","executor":"http","disabled":true,"executor_config":{"url":"https://m.example/b"}},
 {"name":"hand","schedule":"@manually","executor":"http","executor_config":{"url":"https://m.example/c"}},
 {"name":"minute","schedule":"@minutely","executor":"http","executor_config":{"url":"https://m.example/d"}},
 {"name":"child","parent_job":"a","executor":"http","executor_config":{"url":"https://m.example/e"}},
 {"name":"shell","schedule":"@daily","executor":"shell","executor_config":{"command":"ls"}}]`

// TestForeignFiles reads files of other programs as they are: each of their jobs is a job, or skipped with a reason.
func TestForeignFiles(t *testing.T) {
	for name, test := range map[string]struct{ text, jobs, skipped string }{
		"Kubernetes": {cronJobs, "web/digest 0 9 * * MON  Asia/Tokyo POST https://m.example/digest forbid 3 3m20s active; shell  1h  GET https://m.example/h allow 1 unlimited paused",
			"3 $(KEY); 4 ConfigMap"},
		"Dkron": {dkronJobs, "a 0 */5 * * * *  Europe/Berlin POST https://m.example/a forbid 3 60s active; every  90s  GET https://m.example/b allow 1 60s paused",
			"3 by hand; 4 @minutely; 5 after the job a; 6 executor is shell"},
	} {
		batch, err := importer.Read(context.Background(), importer.File{Data: []byte(test.text)}, new(trigger.Parser), 1_800_000_000_000)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var jobs []string
		for _, j := range batch.Jobs {
			every := ""
			if j.Schedule.Every > 0 {
				every = j.Schedule.Every.String()
			}
			jobs = append(jobs, fmt.Sprintf("%s %s %s %s %s %s %s %d %s %s", j.ID, j.Schedule.Expression, every, j.Schedule.TimeZone, j.Request.Method, j.Request.URL,
				j.Policy.ConcurrencyPolicy, j.Policy.Retry.MaxAttempts, grace(j.Policy.MisfireGraceTime), *j.Status))
		}
		if got := strings.Join(jobs, "; "); got != test.jobs {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.jobs)
		}
		want := strings.Split(test.skipped, "; ")
		if len(batch.Skipped) != len(want) {
			t.Errorf("%s: skipped %v", name, batch.Skipped)
			continue
		}
		for i, s := range batch.Skipped {
			line, reason, _ := strings.Cut(want[i], " ")
			if fmt.Sprint(s.Line) != line || !strings.Contains(s.Reason, reason) {
				t.Errorf("%s: skipped %+v, want %s", name, s, want[i])
			}
		}
		if len(batch.Warnings) == 0 {
			t.Errorf("%s: nothing is told of what is not carried over", name)
		}
	}
}

func grace(g job.Grace) string {
	text, _ := json.Marshal(g)
	return strings.Trim(string(text), `"`)
}

func FuzzForeignFiles(f *testing.F) {
	f.Add([]byte(cronJobs))
	f.Add([]byte(dkronJobs))
	f.Fuzz(func(t *testing.T, data []byte) {
		batch, err := importer.Read(context.Background(), importer.File{Data: data}, new(trigger.Parser), 0)
		if err == nil && batch == nil {
			t.Error("neither a batch nor an error")
		}
	})
}

// Documents of one file share what aliases may make of them: a thousand small ones would grow to a gigabyte.
func TestDocumentsShareTheirBudget(t *testing.T) {
	bomb := "apiVersion: v1\nkind: ConfigMap\na: &a [" + strings.Repeat("x,", 300) + "]\nb: [" + strings.Repeat("*a,", 600) + "]\n"
	single, err := importer.FromYAML(context.Background(), []byte(bomb))
	if err != nil || len(single) < 700_000 {
		t.Fatalf("one of them: %d bytes, %v", len(single), err)
	}
	_, err = importer.Read(context.Background(), importer.File{Data: []byte(strings.Repeat(bomb+"---\n", 400))}, new(trigger.Parser), 0)
	if err == nil || !strings.Contains(err.Error(), "grows too large") || !strings.Contains(err.Error(), "document ") {
		t.Errorf("400 of them: %v", err)
	}
}

// What of a foreign job finds no place is told of.
func TestForeignWarnings(t *testing.T) {
	labels := `"long":"` + strings.Repeat("x", 100) + `"`
	for i := range job.MaxTags {
		labels += fmt.Sprintf(`,"a%02d":"1"`, i)
	}
	text := `[{"name":"a","schedule":"@daily","executor":"http","tags":{` + labels + `},"expires_at":"2031-01-01T00:00:00Z","ephemeral":true,"executor_config":{"url":"https://m.example/"}}]`
	batch, err := importer.Read(context.Background(), importer.File{Data: []byte(text)}, new(trigger.Parser), 1_800_000_000_000)
	if err != nil || len(batch.Jobs) != 1 || len(batch.Jobs[0].Tags) != job.MaxTags {
		t.Fatalf("%+v, %v", batch, err)
	}
	var all []string
	for _, w := range batch.Warnings {
		all = append(all, w.Message)
	}
	for _, want := range []string{"the label long is not", "expires_at is not", "ephemeral is not"} {
		if !strings.Contains(strings.Join(all, "; "), want) {
			t.Errorf("got the warnings %q, want one that says %q", all, want)
		}
	}
}
