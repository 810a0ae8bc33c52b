package worker

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// testKeys seal what the tests' workers open.
func testKeys(t testing.TB) *job.Keyring {
	t.Helper()
	keys, err := job.ParseKeys(strings.Repeat("5a", 32))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func withKeys(t testing.TB) func(*Options) { return func(o *Options) { o.Keys = testKeys(t) } }

// withSecrets gives a task sealed secrets, in pairs of name and value, and seals its credentials as the API does.
func withSecrets(t testing.TB, pairs ...string) func(*job.Task) {
	t.Helper()
	return func(task *job.Task) {
		keys := testKeys(t)
		if err := task.Request.Seal(keys, task.JobID, nil); err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for field, text := range task.Request.Sealed {
			all[field] = text
		}
		for i := 0; i < len(pairs); i += 2 {
			sealed, err := keys.Seal(job.SecretPlace(pairs[i]), pairs[i+1])
			if err != nil {
				t.Fatal(err)
			}
			all[job.SecretPrefix+pairs[i]] = sealed
		}
		task.Sealed = all
		text, err := json.Marshal(task)
		if err != nil {
			t.Fatal(err)
		}
		*task = job.Task{} // as it comes out of the queue
		if err := json.Unmarshal(text, task); err != nil {
			t.Fatal(err)
		}
	}
}

// recorded is the last request that an echo target has got.
type recorded struct {
	*http.Request
	body string
}

// recording is a target that keeps what it gets, and answers by the function if there is one.
func recording(t testing.TB, answer func(http.ResponseWriter, *recorded)) (*httptest.Server, *recorded) {
	t.Helper()
	last := &recorded{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		last.Request, last.body = r, string(data)
		if answer != nil {
			answer(w, last)
		}
	}))
	t.Cleanup(s.Close)
	return s, last
}

func TestTemplates(t *testing.T) {
	target, got := recording(t, nil)
	b := newBench(t, withKeys(t))
	const hostile = `a/b?c&d="<'` + "\n%"
	call := func(change func(*job.Request)) {
		t.Helper()
		b.expect(t, taskFor(target.URL, func(task *job.Task) {
			task.JobID = hostile
			task.Request.Method = "POST"
			change(&task.Request)
		}, withSecrets(t, "KEY", "k=1&x/y")), job.ReasonOK)
	}
	call(func(r *job.Request) {
		r.URL += "/{{ job_id }}/{{run_id}}?key={{ secret.KEY }}&at={{ scheduled_at }}&n={{attempt}}&s={{ unix }}&{{ attempt }}"
		r.Headers = map[string]string{"X-Key": "Key {{ secret.KEY }}, {{ attempt }}"}
	})
	q := got.URL.Query()
	if got.URL.Path != "/"+hostile+"/01JRUN" || q.Get("key") != "k=1&x/y" || q.Get("at") != "2027-01-15T07:59:59.750Z" ||
		q.Get("n") != "1" || q.Get("s") != "1800000000" || len(q) != 5 || strings.Count(got.URL.EscapedPath(), "/") != 2 {
		t.Errorf("%s", got.URL)
	}
	if value := got.Header.Get("X-Key"); value != "Key k=1&x/y, 1" {
		t.Errorf("X-Key: %q", value)
	}
	for _, test := range []struct{ contentType, body, want string }{
		{"application/json", `{"id":"{{ job_id }}","n":{{ attempt }}}`, `{"id":"a/b?c\u0026d=\"\u003c'\n%","n":1}`},
		{"application/vnd.x+json; charset=utf-8", `"{{ job_id }}"`, `"a/b?c\u0026d=\"\u003c'\n%"`},
		{"application/x-www-form-urlencoded", "id={{ job_id }}&k=v", "id=a%2Fb%3Fc%26d%3D%22%3C%27%0A%25&k=v"},
		{"text/xml", "<a>{{ job_id }}</a>", "<a>a/b?c&amp;d=&#34;&lt;&#39;&#xA;%</a>"},
		{"text/plain", "{{ job_id }}", hostile}, {"", "{{ job_id }}", hostile},
	} {
		call(func(r *job.Request) {
			r.Body = job.Body(test.body)
			r.Headers = map[string]string{"content-type": test.contentType}
		})
		if got.body != test.want {
			t.Errorf("%s: %q, want %q", test.contentType, got.body, test.want)
		}
	}
	call(func(r *job.Request) {
		r.Literal, r.Body, r.URL = true, "{{ nope }}", r.URL+"/{{ nope }}"
		r.Headers = map[string]string{"X-A": "{{ nope }}"}
	})
	if got.body != "{{ nope }}" || got.URL.Path != "/{{ nope }}" || got.Header.Get("X-A") != "{{ nope }}" {
		t.Errorf("literal: %s %q %v", got.URL, got.body, got.Header)
	}
}

func TestTemplateFaults(t *testing.T) {
	target, _ := recording(t, nil)
	b := newBench(t, withKeys(t))
	for name, test := range map[string]struct {
		change func(*job.Task)
		want   job.Reason
	}{
		"unknown":       {func(t *job.Task) { t.Request.URL += "/{{ nope }}" }, job.ReasonInvalidRequest},
		"not closed":    {func(t *job.Task) { t.Request.Body = "{{ run_id" }, job.ReasonInvalidRequest},
		"gone":          {func(t *job.Task) { t.Request.Body = "{{ secret.GONE }}" }, job.ReasonSecret},
		"broken":        {func(t *job.Task) { t.Request.Body = "{{ secret.A }}"; t.Sealed = map[string]string{"secret.A": "x"} }, job.ReasonSecret},
		"no credential": {func(t *job.Task) { t.Request.SigningSecret = job.Redacted }, job.ReasonSecret},
		"a line break":  {func(t *job.Task) { t.JobID = "a\nb"; t.Request.Headers["X-A"] = "{{ job_id }}" }, job.ReasonInvalidRequest},
		"not a signer":  {func(t *job.Task) { t.Request.SigningSecret = "whsec_hush" }, job.ReasonInvalidRequest},
		"unknown auth":  {func(t *job.Task) { t.Request.Auth = &job.Auth{Type: "digest"} }, job.ReasonInvalidRequest},
		"a broken CA":   {func(t *job.Task) { t.Request.TLS = &job.TLS{CA: "hush"} }, job.ReasonInvalidRequest},
		"a broken pair": {func(t *job.Task) { t.Request.TLS = &job.TLS{ClientCert: "hush", ClientKey: "hush"} }, job.ReasonInvalidRequest},
		"a large header": {func(t *job.Task) {
			t.JobID = strings.Repeat("x", 512)
			t.Request.Headers["X-A"] = strings.Repeat("{{job_id}}", 40)
		}, job.ReasonInvalidRequest},
	} {
		e := b.expect(t, taskFor(target.URL, test.change), test.want)
		if strings.Contains(errorOf(e.Attempt), "hush") {
			t.Errorf("%s: %s", name, errorOf(e.Attempt))
		}
	}
	keyless := newBench(t)
	e := keyless.expect(t, taskFor(target.URL, func(t *job.Task) { t.Request.Body = "{{ secret.A }}" }, withSecrets(t, "A", "x")), job.ReasonSecret)
	if e.State != job.StateRetrying || !strings.Contains(errorOf(e.Attempt), "SECRET_KEY") {
		t.Errorf("%s: %s", e.State, errorOf(e.Attempt))
	}
}

// What a target echoes of the secrets of its call is not kept.
func TestEchoedSecretsAreHidden(t *testing.T) {
	const secret = `p"w/1 2&3`
	echo, _ := recording(t, func(w http.ResponseWriter, r *recorded) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization")+" "+r.Header.Get("X-Key"))
		switch r.URL.Path {
		case "/binary":
			_, _ = w.Write(append([]byte{0xff, 0}, secret...))
		case "/cut":
			_, _ = io.WriteString(w, strings.Repeat("x", maxBody-5)+secret)
		case "/moved":
			w.Header().Set("Location", "/"+r.URL.RawQuery)
			w.WriteHeader(302)
		default:
			_ = json.NewEncoder(w).Encode(r.Header)
			_, _ = io.WriteString(w, r.URL.RawQuery+" "+secret)
		}
	})
	b := newBench(t, withKeys(t))
	call := func(path string, want job.Reason) *job.Event {
		t.Helper()
		e := b.expect(t, taskFor(echo.URL+path+"?k={{ secret.KEY }}", func(t *job.Task) {
			t.Request.Headers["X-Key"] = "{{ secret.KEY }}"
			t.Request.Auth = &job.Auth{Type: job.AuthBasic, Username: "ann", Password: secret}
			t.Policy.Success.BodyMatch = `p"w/1`
		}, withSecrets(t, "KEY", secret)), want)
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{secret, inURL(secret), inJSON(secret), base64.StdEncoding.EncodeToString([]byte("ann:" + secret))} {
			for _, seen := range []string{string(text), e.Response.Body, e.Response.Headers["X-Echo"]} {
				if strings.Contains(seen, form) {
					t.Errorf("%s: %q is kept in %s", path, form, seen)
				}
			}
		}
		if !strings.Contains(e.Response.Headers["X-Echo"], job.Redacted) {
			t.Errorf("%s: headers %v", path, e.Response.Headers)
		}
		return e
	}
	call("/", job.ReasonOK)
	body, err := base64.StdEncoding.DecodeString(call("/binary", job.ReasonOK).Response.Body)
	if err != nil || string(body) != "\xff\x00"+job.Redacted {
		t.Errorf("%q, %v", body, err)
	}
	if cut := call("/cut", job.ReasonOK).Response; cut.Body != strings.Repeat("x", maxBody-5) || !cut.Truncated {
		t.Errorf("the end of a cut body is %q", cut.Body[len(cut.Body)-8:])
	}
	call("/moved", "status_302")
}
