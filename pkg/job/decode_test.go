package job_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

const now = job.Instant(1_795_406_400_000) // 2026-11-23T04:00:00Z

func decode(text string) (*job.Input, error) {
	return job.DecodeInput([]byte(text), "", &trigger.Parser{}, now)
}

const minimal = `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://example.com/"}}`

func TestDecodeInputFillsInDefaults(t *testing.T) {
	in, err := decode(minimal)
	if err != nil {
		t.Fatal(err)
	}
	want := job.DefaultPolicy()
	want.MisfireGraceTime = job.Grace(time.Minute)
	if diff := cmp.Diff(want, in.Policy); diff != "" {
		t.Error(diff)
	}
	if in.Request.Method != "GET" || *in.Schedule.Anchor != now || in.Tags == nil || in.Request.Headers == nil {
		t.Errorf("got %+v", in.Definition)
	}
}

func TestDecodeInputDependentDefaults(t *testing.T) {
	in, err := decode(`{"tags":["b","a","b"],"schedule":{"type":"date","at":"2026-11-18T08:00:00+01:00"},
		"request":{"url":"https://example.com","body":{"x": 9007199254740993}},"policy":{"retry":{"max_attempts":1}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if in.Policy.MisfireGraceTime != job.Unlimited {
		t.Errorf("a date job's grace is %v", in.Policy.MisfireGraceTime)
	}
	if in.Request.Method != "POST" || in.Request.Body != `{"x":9007199254740993}` || in.Request.Headers["Content-Type"] != "application/json" {
		t.Errorf("got %+v", in.Request)
	}
	if in.Policy.Retry.MaxAttempts != 1 || in.Policy.Retry.MinBackoff != job.Duration(5*time.Second) {
		t.Errorf("a partial policy lost its defaults: %+v", in.Policy.Retry)
	}
	if len(in.ID) != 26 || strings.Join(in.Tags, "") != "ab" {
		t.Errorf("id %q, tags %q", in.ID, in.Tags)
	}
}

func TestDecodeInputTakesBackWhatGetAnswered(t *testing.T) {
	in, err := decode(minimal)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(job.Job{Definition: in.Definition, Status: job.StatusActive, Version: 3, LastRun: &job.LastRun{ID: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := decode(string(whole))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in.Definition, again.Definition); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeInputNamesEveryFault(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no JSON", `{"id": `, "malformed"},
		{"empty", ``, "malformed"},
		{"list", `[]`, "malformed"},
		{"null", `null`, "malformed"},
		{"unknown", `{"id":"a","nmae":"x","request":{"url":"http://a/","colour":1},"schedule":{"type":"interval","every":"10s"}}`, "nmae unknown, request.colour unknown"},
		{"types", `{"id":5,"tags":"x","policy":{"retry":{"max_attempts":"3"},"attempt_timeout":30,"jitter":"x"},"request":{"url":"http://a/"},"schedule":{"type":"interval","every":"10s"}}`,
			"id invalid, policy.attempt_timeout invalid, policy.jitter invalid, policy.retry.max_attempts invalid, tags invalid"},
		{"empty object", `{}`, "schedule.type required, request.url required"},
		{"no scheme", `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"example.com/x"}}`, "request.url invalid"},
		{"zone", `{"id":"a","schedule":{"type":"cron","expression":"0 2 * * *","time_zone":"Mars/Olympus"},"request":{"url":"http://a/"}}`, "schedule.time_zone invalid"},
		{"expression", `{"id":"a","schedule":{"type":"cron","expression":"61 2 * * *"},"request":{"url":"http://a/"}}`, "schedule.expression invalid"},
		{"every", `{"id":"a","schedule":{"type":"interval","every":"10ms"},"request":{"url":"http://a/"}}`, "schedule.every invalid"},
		{"auth", `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://a/","auth":{"type":"basic"}}}`, "request.auth invalid"},
		{"header", `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://a/","headers":{"A\r\nB":"1","Idempotency-Key":"x","Ok":"a\nb"}}}`,
			"request.headers.A\r\nB invalid, request.headers.Idempotency-Key invalid, request.headers.Ok invalid"},
		{"policy", `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://a/"},
			"policy":{"coalesce":"x","concurrency_policy":"both","attempt_timeout":"1h","success":{"status":["600"],"body_match":"("},"queue":"x","misfire_grace_time":"0s"}}`,
			"policy.coalesce invalid, policy.concurrency_policy invalid, policy.queue invalid, policy.attempt_timeout invalid, policy.success.status[0] invalid, policy.success.body_match invalid"},
		{"status", `{"id":"a","status":"sleepy","paused_until":"2027-01-01T00:00:00Z","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://a/"}}`, "status invalid, paused_until invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := decode(test.body)
			var e *job.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			got := string(e.Code)
			if e.Code == job.CodeInvalid {
				var parts []string
				for _, f := range e.Fields {
					parts = append(parts, f.Field+" "+f.Code)
					if f.Message == "" {
						t.Errorf("%s has no message", f.Field)
					}
				}
				got = strings.Join(parts, ", ")
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s\n%v", got, test.want, err)
			}
		})
	}
}

func TestIDInPathGoesFirst(t *testing.T) {
	parser := &trigger.Parser{}
	in, err := job.DecodeInput([]byte(strings.Replace(minimal, `"id":"a",`, "", 1)), "from-path", parser, now)
	if err != nil || in.ID != "from-path" {
		t.Errorf("got %v, %v", in, err)
	}
	if _, err := job.DecodeInput([]byte(minimal), "other", parser, now); job.CodeOf(err) != job.CodeInvalid {
		t.Errorf("two different ids gave %v", err)
	}
}

func FuzzDecodeInput(f *testing.F) {
	f.Add(minimal)
	f.Add(`{"schedule":{"type":"cron","fields":{"second":"*/5"}},"request":{"url":"http://a/","body":["x"]},"policy":{"misfire_grace_time":"unlimited"}}`)
	f.Add(`{"id":"\u0000","schedule":{"exclude":["sat-sun",{"dates":["12-25"]}]},"request":{"headers":{"a":"\u0001"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		in, err := decode(text)
		if err != nil {
			if code := job.CodeOf(err); code != job.CodeInvalid && code != job.CodeMalformed {
				t.Fatalf("bad input gave %v", err)
			}
			return
		}
		data, err := json.Marshal(in.Definition)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(string(data))
		if err != nil {
			t.Fatalf("%s is refused when it comes back: %v", data, err)
		}
		if diff := cmp.Diff(in.Definition, again.Definition); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestStatusRange(t *testing.T) {
	for pattern, want := range map[string][2]int{"2xx": {200, 299}, "5XX": {500, 599}, "204": {204, 204}, "200-299": {200, 299}} {
		low, high, err := job.StatusRange(pattern)
		if err != nil || low != want[0] || high != want[1] {
			t.Errorf("%s gave %d-%d, %v", pattern, low, high, err)
		}
	}
	for _, pattern := range []string{"", "2x", "99", "600", "6xx", "xxx", "0xx", "299-200", "200-2999", "-12", "+12", "2 0"} {
		if _, _, err := job.StatusRange(pattern); err == nil {
			t.Errorf("%q was taken", pattern)
		}
	}
}
