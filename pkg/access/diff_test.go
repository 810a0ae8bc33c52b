package access

import (
	"fmt"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

func TestDiffIsBoundedAndTellsNoCredentials(t *testing.T) {
	j := &job.Job{Definition: job.Definition{ID: "a", Policy: job.DefaultPolicy(), Request: job.Request{
		URL: "https://user:hunter2@example.com/?api_key=hunter2&x=1", Body: job.Body(strings.Repeat("ß", 100_000)),
		Headers: map[string]string{"Authorization": "hunter2", "Session.Id": "hunter2", "X": "1"},
	}}, Status: job.StatusActive}
	d := DiffJobs(nil, j)
	text := fmt.Sprintf("%s", d.Changes)
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "redacted") || !strings.Contains(text, "x=1") {
		t.Errorf("it tells %.2000s", text)
	}
	if !d.Truncated || len(text) > maxDiff+4096 {
		t.Errorf("%d bytes, truncated: %t", len(text), d.Truncated)
	}
	for _, c := range d.Changes {
		if strings.HasPrefix(c.Field, "policy.") {
			t.Errorf("%s is as it is by default", c.Field)
		}
		if string(c.Before) != "null" {
			t.Errorf("%s was %s before there was a job", c.Field, c.Before)
		}
	}
	for i := range 1000 {
		j.Tags = append(j.Tags, fmt.Sprint("tag ", i))
		j.Request.Headers[fmt.Sprint("X-", i)] = strings.Repeat("x", 100)
	}
	if d := DiffJobs(nil, j); !d.Truncated || len(fmt.Sprintf("%s", d.Changes)) > 2*maxDiff {
		t.Error("a job of many headers is told whole")
	}
	if d := DiffJobs(j, j); len(d.Changes) != 0 || d.Truncated {
		t.Errorf("nothing changed: %s", d.Changes)
	}
	nested := DiffOf(map[string]any{"auth": map[string]any{"user": "a", "pass": "hunter2"}}, map[string]any{"auth": nil})
	if text := fmt.Sprintf("%s", nested.Changes); strings.Contains(text, "hunter2") || len(nested.Changes) != 2 {
		t.Errorf("it tells %s", text)
	}
}
