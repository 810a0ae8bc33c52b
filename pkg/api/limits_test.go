package api

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"schedule-server/internal/race"
	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// escaped is a JSON string in which every byte is escaped, as some writers do.
func escaped(text string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.Grow(6*len(text) + 2)
	b.WriteByte('"')
	for i := range len(text) {
		b.WriteString(`\u00` + string(hex[text[i]>>4]) + string(hex[text[i]&15]))
	}
	return b.String() + `"`
}

// A request body of 1 MiB goes in by every way, however it is written, and what GET answers can be sent back.
func TestBodiesOfTheDocumentedSize(t *testing.T) {
	if race.Enabled {
		t.Skip("with the race detector each call takes seconds; the run without it has this test")
	}
	w := newWorld(t, worldOptions{})
	given := w.try()
	control, quotes := strings.Repeat("\x01", job.MaxBodyBytes), strings.Repeat(`"`, job.MaxBodyBytes)
	packed := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", job.MaxBodyBytes)))
	for name, c := range map[string]struct{ member, want string }{
		"plain":         {`"body":"` + strings.Repeat("x", job.MaxBodyBytes) + `"`, strings.Repeat("x", job.MaxBodyBytes)},
		"quotes":        {`"body":"` + strings.Repeat(`\"`, job.MaxBodyBytes) + `"`, quotes},
		"all escaped":   {`"body":` + escaped(control), control},
		"a JSON object": {`"body":{"a":"` + strings.Repeat("x", job.MaxBodyBytes-8) + `"}`, `{"a":"` + strings.Repeat("x", job.MaxBodyBytes-8) + `"}`},
		"base64":        {`"body_encoding":"base64","body":"` + packed + `"`, packed},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			request := `{"url":"https://example.com/","method":"POST",` + c.member + `}`
			text := `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":` + request + `}`
			w.call("DELETE", "/api/v1/jobs/a", "")
			w.call("POST", "/api/v1/jobs", text).is(201)
			got := w.call("GET", "/api/v1/jobs/a", "").is(200)
			if j := got.job(); string(j.Request.Body) != c.want {
				t.Errorf("the body has %d bytes, want %d", len(j.Request.Body), len(c.want))
			}
			w.call("PUT", "/api/v1/jobs/a", got.body).is(200)
			w.call("PATCH", "/api/v1/jobs/a", `{"request":`+request+`}`).is(200)
			w.call("POST", "/api/v1/jobs/import", `{"jobs":[`+text+`]}`).is(200)
			w.call("POST", "/api/v1/jobs/test", `{"request":`+request+`}`).is(200)
			if task := given(); string(task.Request.Body) != c.want {
				t.Errorf("the trial's body has %d bytes, want %d", len(task.Request.Body), len(c.want))
			}
		})
	}
	w.t = t
	over := `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"https://example.com/","body":"` + strings.Repeat("x", job.MaxBodyBytes+1) + `"}}`
	p := w.call("PUT", "/api/v1/jobs/a", over).problem(422, "invalid", "request.body")
	if want := "a body is at most 1 MiB (1048576 bytes), this one has 1048577"; p.Errors[0].Message != want {
		t.Errorf("got %q, want %q", p.Errors[0].Message, want)
	}
}

// What is too large is told how large it may be.
func TestLimitsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.key = w.makeKey(access.Admin).Text
	for path, c := range map[string]struct {
		limit int
		named string
	}{
		"POST /api/v1/jobs":              {maxJobBody, "8 MiB"},
		"PUT /api/v1/jobs/a":             {maxJobBody, "8 MiB"},
		"PATCH /api/v1/jobs/a":           {maxJobBody, "8 MiB"},
		"POST /api/v1/jobs/test":         {maxJobBody, "8 MiB"},
		"POST /api/v1/jobs/bulk":         {maxJobBody, "8 MiB"},
		"POST /api/v1/schedules/preview": {maxBody, "1 MiB"},
		"POST /api/v1/jobs/parse":        {maxBody, "1 MiB"},
		"PUT /api/v1/secrets/A":          {maxBody, "1 MiB"},
		"POST /api/v1/jobs/a/pause":      {maxBody, "1 MiB"},
		"POST /api/v1/session":           {maxPublicBody, "64 KiB"},
	} {
		method, path, _ := strings.Cut(path, " ")
		body := `{"x":"` + strings.Repeat("x", c.limit-8) + `"}`
		if a := w.call(method, path, body); a.status == 413 {
			t.Errorf("%s %s refuses %d bytes: %s", method, path, len(body), a.body)
		}
		p := w.call(method, path, body+" ").problem(413, "too_large")
		if !strings.Contains(p.Detail, " "+c.named+",") {
			t.Errorf("%s %s: %q does not name %s", method, path, p.Detail, c.named)
		}
	}
}

// The ids that a bulk call may name fit into it.
func TestBulkOfManyIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	ids := make([]string, maxBulkIDs)
	for i := range ids {
		ids[i] = job.NewID(begin)
	}
	text, err := json.Marshal(ids)
	must(t, err)
	w.call("POST", "/api/v1/jobs/bulk", `{"action":"pause","ids":`+string(text)+`}`).is(200)
}

// Answers of this API, errors too, end with a newline, so that the prompt of a terminal does not stick to them.
func TestAnswersEndWithANewline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, a := range []answer{
		w.call("POST", "/api/v1/jobs", cronJob), w.call("GET", "/api/v1/jobs", ""), w.call("GET", "/api/v1/jobs/none", ""), w.call("GET", "/readyz", ""),
	} {
		if !strings.HasSuffix(a.body, "}\n") {
			t.Errorf("%d: %q", a.status, a.body)
		}
	}
}
