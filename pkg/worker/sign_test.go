package worker

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"schedule-server/pkg/job"
)

// whsec makes a signing secret.
func whsec(fill string) string {
	return job.SigningPrefix + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
}

// The reference library of Standard Webhooks accepts what is signed, and nothing else.
func TestSignature(t *testing.T) {
	target, got := recording(t, func(w http.ResponseWriter, r *recorded) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r.Request, "/", http.StatusSeeOther)
		}
	})
	now := func(o *Options) { o.Now = func() job.Instant { return job.Instant(time.Now().UnixMilli()) } }
	b := newBench(t, withKeys(t), now, func(o *Options) { o.WebhookSecret = whsec("s") })
	accepts := func(secret string) bool {
		t.Helper()
		verifier, err := webhook.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return verifier.Verify([]byte(got.body), got.Header) == nil
	}
	for name, test := range map[string]struct {
		own, body string
		secrets   []string
		accepted  string // fills of the secrets that verify
	}{
		"the worker's own":   {"", "", nil, "s"},
		"with a body":        {"", `{"a": "定时"}`, nil, "s"},
		"the job's":          {whsec("j"), "x", nil, "j"},
		"two of the job's":   {whsec("j") + " " + whsec("k"), "x", nil, "jk"},
		"a secret":           {"{{ secret.A }}", "x", []string{"A", whsec("a")}, "a"},
		"two secrets":        {"{{ secret.A }} {{ secret.B }}", "x", []string{"A", whsec("a"), "B", whsec("b")}, "ab"},
		"two in one secret":  {"{{ secret.A }}", "x", []string{"A", whsec("a") + "\n" + whsec("b")}, "ab"},
		"a templated body":   {whsec("j"), "run {{ run_id }}", nil, "j"},
		"a body that is not": {whsec("j"), "\x00\xff", nil, "j"},
	} {
		b.expect(t, taskFor(target.URL, func(task *job.Task) {
			task.Request.Method, task.Request.SigningSecret = "POST", test.own
			task.Request.Body = job.Body(base64.StdEncoding.EncodeToString([]byte(test.body)))
			task.Request.BodyEncoding = job.EncodingBase64
			if strings.Contains(test.body, "{{") {
				task.Request.Body, task.Request.BodyEncoding = job.Body(test.body), ""
			}
		}, withSecrets(t, test.secrets...)), job.ReasonOK)
		for _, fill := range "sjkab" {
			if want := strings.ContainsRune(test.accepted, fill); accepts(whsec(string(fill))) != want {
				t.Errorf("%s: %c verifies: %v; %v", name, fill, !want, got.Header["Webhook-Signature"])
			}
		}
		got.body += "!"
		if accepts(whsec(test.accepted[:1])) {
			t.Errorf("%s: another body verifies", name)
		}
	}

	// A redirect that takes the body away is signed anew.
	b.expect(t, taskFor(target.URL+"/moved", func(t *job.Task) {
		t.Request.Method, t.Request.Body, t.Request.FollowRedirects = "POST", "x", 1
	}), job.ReasonOK)
	if got.Method != "GET" || !accepts(whsec("s")) {
		t.Errorf("redirected: %s %v", got.Method, got.Header)
	}
	plain := newBench(t)
	plain.expect(t, taskFor(target.URL), job.ReasonOK)
	if got.Header.Get("Webhook-Signature") != "" {
		t.Errorf("signed without a secret: %v", got.Header)
	}
}

func TestTraceparent(t *testing.T) {
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	form := regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-01$`)
	first, second, odd := form.FindStringSubmatch(traceparent(id, 1)), form.FindStringSubmatch(traceparent(id, 2)), form.FindStringSubmatch(traceparent("x", 1))
	if first == nil || second == nil || odd == nil || first[1] != second[1] || first[2] == second[2] || first[1] == odd[1] {
		t.Errorf("%v %v %v", first, second, odd)
	}
	target, got := recording(t, nil)
	newBench(t).expect(t, taskFor(target.URL, func(t *job.Task) { t.Request.Headers["traceparent"] = "mine" }), job.ReasonOK)
	if got.Header.Get("Traceparent") != "mine" {
		t.Errorf("%v", got.Header)
	}
}
