package job_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/job"
)

func TestExpand(t *testing.T) {
	upper := func(name string) (string, error) {
		if name == "bad" {
			return "", errors.New("bad name")
		}
		return strings.ToUpper(name), nil
	}
	for text, want := range map[string]string{
		"": "", "plain } text }}": "plain } text }}", "{{a}}": "A", "x{{ a }}y{{b }}z": "xAyBz", "{{ }}": "",
		`{"a":{"b":{{ n }}}}`: `{"a":{"b":N}}`, "{{ {{a}}": "{{A", "{{a}}}}": "A}}",
	} {
		if got, err := job.Expand(text, 100, upper); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"{{", "a {{ b", "{{a}} {{", "{{ bad }}"} {
		if got, err := job.Expand(text, 100, upper); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
	long := func(string) (string, error) { return strings.Repeat("x", 60), nil }
	for _, text := range []string{"{{a}}{{a}}", "{{a}}" + strings.Repeat("y", 41), strings.Repeat("y", 41) + "{{a}}"} {
		if got, err := job.Expand(text, 100, long); err == nil {
			t.Errorf("%d bytes of at most 100", len(got))
		}
	}
}

func TestSecretUses(t *testing.T) {
	r := job.Request{
		URL: "http://a/?k={{secret.A}}&r={{run_id}}", Headers: map[string]string{"X-B": "{{ secret.B }} {{secret.A}}", "X-C": "c"},
		Body: "{{ secret.C }}", SigningSecret: "{{ secret.S }} {{ secret.T }}",
		Auth: &job.Auth{Type: job.AuthBasic, Username: "{{ secret.U }}", Password: job.Redacted},
		TLS:  &job.TLS{CA: "{{ secret.CA }}"},
	}
	want := []job.SecretUse{
		{"request.url", "A"}, {"request.headers.X-B", "B"}, {"request.headers.X-B", "A"}, {"request.body", "C"},
		{"request.signing_secret", "S"}, {"request.signing_secret", "T"}, {"request.auth.username", "U"}, {"request.tls.ca", "CA"},
	}
	if diff := cmp.Diff(want, r.SecretUses()); diff != "" {
		t.Error(diff)
	}
	r.Literal = true
	if got := r.SecretUses(); len(got) != 4 {
		t.Errorf("a literal request uses %v", got)
	}
	r.Literal, r.BodyEncoding = false, job.EncodingBase64
	for _, use := range r.SecretUses() {
		if use.Field == "request.body" {
			t.Errorf("a body in base64 uses %v", use)
		}
	}
}
