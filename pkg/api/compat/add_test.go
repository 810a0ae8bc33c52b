package compat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

func refusal(kind, member, msg, input string) string {
	return fmt.Sprintf(`{"detail":[{"type":%q,"loc":["body",%q],"msg":%q,"input":%s}]}`, kind, member, msg, input)
}

// A job made here is an ordinary job, with the policy that the contract names.
func TestJobsMadeHere(t *testing.T) {
	for kind, one := range map[string]struct {
		body     string
		schedule trigger.Spec
		grace    job.Grace
	}{
		"cron": {
			`"second":"*","minute":" 5 ","day_of_week":"MON"`,
			trigger.Spec{Type: "cron", Fields: &trigger.Fields{Second: "0", Minute: " 5 ", Hour: "*", Day: "*", Month: "*", DayOfWeek: "MON"}},
			job.Grace(time.Minute),
		},
		"interval": {
			`"hours":1,"seconds":-60`,
			trigger.Spec{Type: "interval", Every: job.Duration(59 * time.Minute), Anchor: new(job.Instant)},
			job.Unlimited,
		},
		"date": {
			`"year":2030,"month":"2","day":3.0,"hour":4,"minute":5,"second":true`,
			trigger.Spec{Type: "date", At: new(trigger.InstantOf(time.Date(2030, 2, 3, 4, 5, 1, 0, time.UTC)))},
			job.Grace(time.Minute),
		},
	} {
		t.Run(kind, func(t *testing.T) {
			b := setup(t)
			if one.schedule.Anchor != nil {
				one.schedule.Anchor = &b.now
			}
			b.add(t, kind, `{"job_id":"x","url":"http://a.test/",`+one.body+`}`).want(t, 200, strings.Replace(ok, "{}}", `{"job_id":"x"}}`, 1))
			got := b.jobs.jobs["x"]
			policy := job.DefaultPolicy()
			policy.MisfireGraceTime, policy.Retry.MaxAttempts = one.grace, 1
			want := job.Definition{
				ID: "x", Tags: []string{}, Schedule: one.schedule, Policy: policy,
				Request: job.Request{Method: "GET", URL: "http://a.test/", Headers: map[string]string{}, FollowRedirects: 10},
			}
			if diff := cmp.Diff(want, got.Definition, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if got.Status != job.StatusActive || got.NextRunAt == nil {
				t.Errorf("status %s, next %v", got.Status, got.NextRunAt)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const date = `"year":2030,"month":1,"day":1,"hour":0,"minute":0,"second":0`
	const urlAndID = `"job_id":"x","url":"http://a.test/"`
	long := strings.Repeat("i", 513)
	tests := map[string]struct{ kind, body, want string }{
		"big month": {
			"date", `{` + urlAndID + `,` + strings.Replace(date, `"month":1`, `"month":99999999999999999999`, 1) + `}`,
			refusal("value_error", "month", "month must be 1 to 12", "99999999999999999999"),
		},
		"big day as text": {
			"date", `{` + urlAndID + `,` + strings.Replace(date, `"day":1`, `"day":"-99999999999999999999"`, 1) + `}`,
			refusal("value_error", "day", "day must be 1 to 31", `"-99999999999999999999"`),
		},
		"id too long": {
			"date", `{"job_id":"` + long + `","url":"http://a.test/",` + date + `}`,
			refusal("value_error", "job_id", "an id is 1 to 512 bytes of UTF-8 without NUL", `"`+long+`"`),
		},
		"NUL in the id": {
			"date", `{"job_id":"a\u0000b","url":"http://a.test/",` + date + `}`,
			refusal("value_error", "job_id", "an id is 1 to 512 bytes of UTF-8 without NUL", `"a\u0000b"`),
		},
		"half a surrogate pair": {
			"date", `{"job_id":"\ud800","url":"http://a.test/",` + date + `}`,
			refusal("string_unicode", "job_id", "Input should be a valid string, unable to parse raw data as a unicode string", `"\ud800"`),
		},
		"a port that there is none of": {
			"date", `{"job_id":"x","url":"http://a.test:99999/",` + date + `}`,
			refusal("value_error", "url", "the port is not a number from 1 to 65535", `"http://a.test:99999/"`),
		},
		"an old form of an address": {
			"date", `{"job_id":"x","url":"http://0x7f.1/",` + date + `}`,
			refusal("value_error", "url", "the host ends in a number and is not an IPv4 address; write that as four decimal numbers, such as 192.0.2.1", `"http://0x7f.1/"`),
		},
		"huge hours": {
			"interval", `{` + urlAndID + `,"hours":9223372036854775807}`,
			refusal("value_error", "hours", "an interval is at most 106751 days (292 years) in all", "9223372036854775807"),
		},
		"huge seconds beside negative hours": {
			"interval", `{` + urlAndID + `,"hours":-1,"seconds":1e18}`,
			refusal("value_error", "seconds", "an interval is at most 106751 days (292 years) in all", "1e18"),
		},
		"sum too large": {
			"interval", `{` + urlAndID + `,"minutes":153722867,"seconds":9223372036}`,
			refusal("value_error", "seconds", "an interval is at most 106751 days (292 years) in all", "9223372036"),
		},
		"below a second": {
			"interval", `{` + urlAndID + `,"hours":1,"minutes":-60}`,
			refusal("value_error", "minutes", "an interval is at least 1 second in all", "-60"),
		},
		"false is zero": {
			"interval", `{` + urlAndID + `,"seconds":false}`,
			refusal("value_error", "seconds", "an interval is at least 1 second in all", "false"),
		},
		"NaN": {
			"interval", `{` + urlAndID + `,"seconds":NaN}`,
			refusal("finite_number", "seconds", "Input should be a finite number", "null"),
		},
		"three nulls and no id": {
			"interval", `{"url":"http://a.test/","hours":null,"minutes":null}`,
			refusal("missing", "job_id", "Field required", `{"url":"http://a.test/","hours":null,"minutes":null}`),
		},
		"faults in the order of the members": {
			"cron", `{"job_id":"x","url":"ftp://a","hour":"25","second":"61"}`,
			`{"detail":[{"type":"value_error","loc":["body","url"],"msg":"a URL must begin with http:// or https://","input":"ftp://a"},` +
				`{"type":"value_error","loc":["body","second"],"msg":"second: 61 is outside 0-59","input":"61"},` +
				`{"type":"value_error","loc":["body","hour"],"msg":"hour: 25 is outside 0-23","input":"25"}]}`,
		},
		"a fault of the schedule and of the URL": {
			"date", `{"job_id":"x","url":"",` + strings.Replace(date, `"hour":0`, `"hour":24`, 1) + `}`,
			`{"detail":[{"type":"value_error","loc":["body","url"],"msg":"a URL is required","input":""},` +
				`{"type":"value_error","loc":["body","hour"],"msg":"hour must be 0 to 23","input":24}]}`,
		},
	}
	for name, one := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.add(t, one.kind, one.body).want(t, 422, one.want)
			if len(b.jobs.jobs) != 0 {
				t.Error("a job was stored")
			}
		})
	}
}

func TestBodies(t *testing.T) {
	const body = `{"job_id":"x","url":"http://a.test/","seconds":5}`
	unparsable := `{"detail":"There was an error parsing the body"}`
	added := strings.Replace(ok, "{}}", `{"job_id":"x"}}`, 1)
	for name, one := range map[string]struct {
		contentType, body string
		status            int
		want              string
	}{
		"no content type":       {"", body, 200, added},
		"parameters":            {"Application/JSON ; charset=utf-8", body, 200, added},
		"another JSON":          {"application/vnd.x+json", body, 200, added},
		"byte order mark":       {"application/json", "\xEF\xBB\xBF" + body, 200, added},
		"the last of a name":    {"application/json", strings.Replace(body, `"seconds":5`, `"seconds":"x","seconds":5`, 1), 200, added},
		"NaN nobody reads":      {"application/json", strings.Replace(body, `"seconds":5`, `"seconds":5,"x":NaN`, 1), 200, added},
		"not UTF-8":             {"application/json", strings.Replace(body, "x", "\xff", 1), 400, unparsable},
		"too deep":              {"application/json", strings.Repeat("[", 5000), 400, unparsable},
		"too large":             {"application/json", strings.Repeat(" ", 256<<10) + body, 413, `{"detail":"The body is longer than 262144 bytes"}`},
		"text that is no UTF-8": {"text/plain", "a\xff<b>", 422, `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"a` + "\uFFFD" + `<b>"}]}`},
		"not quite JSON":        {"application/json/x", `1`, 422, `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"1"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			var headers []string
			if one.contentType != "" {
				headers = []string{"Content-Type", one.contentType}
			}
			b.call(t, "POST", "/scheduler/interval/add_job", one.body, headers...).want(t, one.status, one.want)
		})
	}
}

// The body is read as sent: a compressed one is no JSON, and cannot swell.
func TestNoContentEncoding(t *testing.T) {
	b := setup(t)
	r := b.call(t, "POST", "/scheduler/date/add_job", "\x1f\x8b\x08\x00\xff", "Content-Type", "application/json", "Content-Encoding", "gzip")
	r.want(t, 400, `{"detail":"There was an error parsing the body"}`)
}

func TestReplacingKeepsTheOldJobUntilTheNewOneIsGood(t *testing.T) {
	b := setup(t)
	b.add(t, "interval", `{"job_id":"x","url":"http://a.test/","minutes":5}`)
	before := b.with(t, "GET", "get_job", "x").body
	b.with(t, "PUT", "pause_job", "x").want(t, 200, ok)
	for _, body := range []string{`{"job_id":"x","url":"http://a.test/","seconds":0}`, `{"job_id":"x","url":"http://a.test/"}`, `{"job_id":"x","url":"no"}`, `{"job_id":"x"`} {
		b.add(t, "interval", body)
		if got := b.jobs.jobs["x"]; got.Status != job.StatusPaused || got.Version != 1 {
			t.Fatalf("after %s the old job is %+v", body, got)
		}
	}
	b.with(t, "PUT", "resume_job", "x").want(t, 200, ok)
	b.with(t, "GET", "get_job", "x").want(t, 200, before)
}

// What the service itself refuses is a refusal here too.
func TestTheServiceRefuses(t *testing.T) {
	b := setup(t)
	b.jobs.fail = &job.Error{Code: job.CodeInvalid, Fields: []job.FieldError{
		{Field: "request.url", Message: "no such scheme"}, {Field: "schedule", Message: "it never fires"},
		{Field: "schedule.fields.hour", Message: "no"},
	}}
	b.add(t, "cron", `{"job_id":"x","url":"http://a.test/"}`).want(t, 422,
		`{"detail":[{"type":"value_error","loc":["body"],"msg":"schedule: it never fires","input":null},`+
			`{"type":"value_error","loc":["body","url"],"msg":"no such scheme","input":"http://a.test/"},`+
			`{"type":"value_error","loc":["body","hour"],"msg":"no","input":null}]}`)
}
