package job_test

import (
	"fmt"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

func TestUnknownFieldsAreExplained(t *testing.T) {
	tests := []struct{ path, meant string }{
		{"schedule.timezone", "schedule.time_zone"},
		{"schedule.timeZone", "schedule.time_zone"},
		{"schedule.tz", "schedule.time_zone"},
		{"schedule.cron", "schedule.expression"},
		{"schedule.expresion", "schedule.expression"},
		{"schedule.interval", "schedule.every"},
		{"schedule.run_date", "schedule.at"},
		{"schedule.fields.minutes", "schedule.fields.minute"},
		{"schedule.fields.dayOfWeek", "schedule.fields.day_of_week"},
		{"schedule.exclude[1].date", "schedule.exclude.dates"},
		{"policy.retries", "policy.retry"},
		{"policy.retry.max_attempt", "policy.retry.max_attempts"},
		{"policy.retry.max_retries", "policy.retry.max_attempts"},
		{"policy.maxRetries", "policy.retry.max_attempts"},
		{"policy.timeout", "policy.attempt_timeout"},
		{"policy.concurrencyPolicy", "policy.concurrency_policy"},
		{"policy.concurrency", "policy.concurrency_policy"},
		{"request.timeout", "policy.attempt_timeout"},
		{"request.uri", "request.url"},
		{"request.header", "request.headers"},
		{"request.payload", "request.body"},
		{"request.auth.user", "request.auth.username"},
		{"jitter", "policy.jitter"},
		{"url", "request.url"},
		{"timezone", "schedule.time_zone"},
		{"nmae", "name"},
		{"desc", "description"},
		{"labels", "tags"},
		{"enabled", "status"},
		{"shedule", "schedule"},
		{"scheduel", "schedule"},
	}
	for _, test := range tests {
		_, err := decode(withMember(test.path))
		path := strings.Replace(test.path, "[1]", "[0]", 1)
		if got := faultsOf(err); got != path+" unknown" {
			t.Errorf("%s: %s", test.path, got)
			continue
		}
		if want := `there is no such field; did you mean "` + test.meant + `"?`; !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", test.path, err, want)
		}
	}
}

// withMember is a document with a member at a path, and nothing else.
func withMember(path string) string {
	text := "1"
	parts := strings.Split(path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		name, list := strings.CutSuffix(parts[i], "[1]")
		if list {
			text = "[" + text + "]"
		}
		text = fmt.Sprintf("{%q:%s}", name, text)
	}
	return text
}

func TestUnknownFieldsThatNothingIsNearTo(t *testing.T) {
	_, err := decode(withMember("policy.retry.zzzzzz"))
	want := "there is no such field; there are max_attempts, min_backoff, max_backoff, max_doublings, max_retry_duration"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	long := strings.Repeat("x", 10_000)
	_, err = decode(withMember(long))
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("a long name makes a message of %d bytes", len(err.Error()))
	}
	if got := job.DidYouMean([]string{"limit", "cursor"}, "limt"); got != `; did you mean "limit"?` {
		t.Error(got)
	}
	if got := job.DidYouMean([]string{"limit", "cursor"}, "page"); got != "" {
		t.Error(got)
	}
}

// However many faults an input has, the answer to it is small.
func TestFaultsAreBounded(t *testing.T) {
	var members strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&members, `,"x%d":1`, i)
	}
	for name, text := range map[string]string{
		"unknown":    `{"a":1` + members.String() + `}`,
		"schedule":   `{"schedule":{"a":1` + members.String() + `}}`,
		"duplicates": `{` + strings.Repeat(`"name":"a",`, 5000) + `"name":"b"}`,
		"patterns": `{"schedule":{"type":"interval","every":"1s"},"request":{"url":"http://a/"},"policy":{"success":{"status":["9"` +
			strings.Repeat(`,"9"`, 5000) + `]}}}`,
	} {
		_, err := decode(text)
		if n := strings.Count(faultsOf(err), ",") + 1; n != job.MaxFaults {
			t.Errorf("%s: %d faults are named", name, n)
		}
	}
}
