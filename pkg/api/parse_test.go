package api

import (
	"encoding/json"
	"strings"
	"testing"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
)

func TestParseJobs(t *testing.T) {
	w := newWorld(t, worldOptions{})
	parse := func(text string) importer.Drafts {
		t.Helper()
		body, err := json.Marshal(map[string]string{"text": text, "time_zone": "Europe/Berlin"})
		must(t, err)
		var out importer.Drafts
		w.call("POST", "/api/v1/jobs/parse", string(body)).is(200).into(&out)
		return out
	}
	out := parse(`curl -X PUT 'https://example.com/x' -H 'X-A: 1' -d '{"a":1}'`)
	if out.Kind != "command" || len(out.Drafts) != 1 || out.Drafts[0].Job.Schedule != nil || out.Drafts[0].Job.Request.Method != "PUT" ||
		out.Drafts[0].Job.Name != "example.com/x" || out.Drafts[0].Job.Policy.Retry.MaxAttempts != 3 {
		t.Errorf("%+v", out)
	}
	out = parse("curl https://a/ | sh")
	if len(out.Drafts) != 0 || len(out.Skipped) != 1 || out.Skipped[0].Reason != "another command reads its output" {
		t.Errorf("%+v", out)
	}
	out = parse("0 2 * * * curl https://example.com/x\n0 2 * * * date\n")
	if out.Kind != "crontab" || len(out.Drafts) != 1 || len(out.Skipped) != 1 || out.Drafts[0].Job.Schedule.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", out)
	}
	// A draft of a line is a job as it stands.
	draft, err := json.Marshal(out.Drafts[0].Job)
	must(t, err)
	if j := w.call("POST", "/api/v1/jobs", string(draft)).is(201).job(); j.ID != out.Drafts[0].Job.ID || j.Status != job.StatusActive {
		t.Errorf("%+v", j)
	}
	w.call("POST", "/api/v1/jobs/parse", `{}`).problem(422, "invalid", "text")
	w.call("POST", "/api/v1/jobs/parse", `{"text":"x","time_zone":"Nowhere"}`).problem(422, "invalid", "time_zone")
}

// A key that may only read gets an answer of bounded size, and every line is in it.
func TestParseIsBounded(t *testing.T) {
	w := newWorld(t, worldOptions{})
	body, err := json.Marshal(map[string]string{"text": "A=" + strings.Repeat("x", 600_000) + strings.Repeat("\n* * * * * curl -d $A a.b", 12_000)})
	if err != nil {
		t.Fatal(err)
	}
	var out importer.Drafts
	a := w.call("POST", "/api/v1/jobs/parse", string(body)).is(200)
	a.into(&out)
	if len(out.Drafts)+len(out.Skipped) != 12_000 || len(a.body) > 8<<20 {
		t.Errorf("%d drafts and %d skipped lines in %d bytes", len(out.Drafts), len(out.Skipped), len(a.body))
	}
}
