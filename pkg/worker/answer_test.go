package worker

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func TestAnswerBodies(t *testing.T) {
	full := strings.Repeat("x", maxBody)
	tests := []struct {
		name, body, kept, encoding string
		truncated                  bool
	}{
		{"empty", "", "", "text", false},
		{"text", "héllo 定时", "héllo 定时", "text", false},
		{"binary", "\xff\x00\x01", "/wAB", "base64", false},
		{"NUL", "a\x00b", "YQBi", "base64", false},
		{"exactly full", full, full, "text", false},
		{"one too many", full + "y", full, "text", true},
		{"much too long", full + full + full, full, "text", true},
		{"cut within a character", full[:maxBody-1] + "时" + full, full[:maxBody-1], "text", true},
	}
	var body string
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			_, _ = z.Write([]byte(body))
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	defer target.Close()
	b := newBench(t)
	for _, test := range tests {
		for _, path := range []string{"/", "/gzip"} {
			body = test.body
			got := b.expect(t, taskFor(target.URL+path), job.ReasonOK).Response
			if got.Body != test.kept || got.BodyEncoding != test.encoding || got.Truncated != test.truncated {
				t.Errorf("%s at %s: %d bytes %s, truncated %v", test.name, path, len(got.Body), got.BodyEncoding, got.Truncated)
			}
		}
	}
}

func TestSuccessPolicy(t *testing.T) {
	long := strings.Repeat("x", maxBody)
	tests := []struct {
		code    int
		body    string
		success job.Success
		want    job.Reason
	}{
		{200, "", job.Success{Status: []string{"2xx"}}, "ok"},
		{204, "", job.Success{}, "ok"},
		{302, "", job.Success{Status: []string{"2xx"}}, "status_302"},
		{302, "", job.Success{Status: []string{"2xx", "300-399"}}, "ok"},
		{404, "", job.Success{Status: []string{"2xx"}}, "status_404"},
		{404, "", job.Success{Status: []string{"404"}}, "ok"},
		{200, "", job.Success{Status: []string{"404"}}, "status_200"},
		{599, "", job.Success{Status: []string{"500-598"}}, "status_599"},
		{200, "all ok", job.Success{Status: []string{"2xx"}, BodyMatch: "o[kK]$"}, "ok"},
		{200, "all bad", job.Success{Status: []string{"2xx"}, BodyMatch: "o[kK]$"}, "body_mismatch"},
		{200, "error: x", job.Success{Status: []string{"2xx"}, BodyNotMatch: "(?i)ERROR"}, "body_mismatch"},
		{200, "fine", job.Success{Status: []string{"2xx"}, BodyMatch: "fine", BodyNotMatch: "error"}, "ok"},
		{500, "fine", job.Success{Status: []string{"2xx"}, BodyMatch: "fine"}, "status_500"},
		{200, long + "end", job.Success{Status: []string{"2xx"}, BodyMatch: "end"}, "body_mismatch"}, // beyond the first 64 KiB
		{200, "a\x00\xffb", job.Success{Status: []string{"2xx"}, BodyMatch: `a\x00`}, "ok"},
	}
	b := newBench(t)
	for i, test := range tests {
		target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.code)
			_, _ = w.Write([]byte(test.body))
		}))
		e := b.deliver(t, taskFor(target.URL, func(t *job.Task) { t.Policy.Success = test.success }))
		target.Close()
		if e.Attempt.Reason != test.want || *e.Attempt.StatusCode != test.code {
			t.Errorf("%d: %d %+v: got %s, want %s", i, test.code, test.success, e.Attempt.Reason, test.want)
		}
	}
}

func TestRulesAreKeptAndBounded(t *testing.T) {
	var r rules
	first, err := r.of(&job.Success{Status: []string{"2xx"}, BodyMatch: "a"})
	again, _ := r.of(&job.Success{Status: []string{"2xx"}, BodyMatch: "a"})
	if err != nil || first != again {
		t.Errorf("compiled twice: %v", err)
	}
	for i := range 3 * maxRules {
		if _, err := r.of(&job.Success{Status: []string{"2xx"}, BodyMatch: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		if len(r.compiled) > maxRules {
			t.Fatalf("%d rules are kept", len(r.compiled))
		}
	}
}

func TestKeptHeaders(t *testing.T) {
	kept := keepHeaders(http.Header{
		"Set-Cookie": {"sid=topsecret; Path=/; HttpOnly", "b=topsecret"}, "Vary": {"a", "b"}, "X-Latin": {"caf\xe9"},
	}, nil)
	want := map[string]string{"Set-Cookie": "sid=[hidden]; Path=/; HttpOnly, b=[hidden]", "Vary": "a, b", "X-Latin": "caf\uFFFD"}
	for name, value := range want {
		if kept[name] != value {
			t.Errorf("%s: %q, want %q", name, kept[name], value)
		}
	}
	many := http.Header{}
	for i := range 100 {
		many.Set(fmt.Sprintf("X-%03d", i), strings.Repeat("v", 1000))
	}
	kept = keepHeaders(many, nil)
	if len(kept) != 16 || kept["X-000"] == "" || kept["X-015"] == "" {
		t.Errorf("%d of 100 large headers are kept", len(kept))
	}
}

// The rest of a long answer does not cost the connection, an endless one does, and soon.
func TestLongAnswersAndConnections(t *testing.T) {
	tests := []struct {
		name  string
		size  int
		conns int64
	}{{"short", 100, 1}, {"long", maxBody + 100_000, 1}, {"very long", maxBody + 4*maxDiscard, 2}}
	for _, test := range tests {
		var conns connCounter
		target := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, test.size))
		}))
		target.Config.ConnState = conns.count
		target.Start()
		b := newBench(t, func(o *Options) { o.IdleTimeout = time.Minute })
		for range 2 {
			b.expect(t, taskFor(target.URL), job.ReasonOK)
		}
		if got := conns.opened.Load(); got != test.conns {
			t.Errorf("%s: %d connections, want %d", test.name, got, test.conns)
		}
		b.Close()
		target.Close()
	}
}
