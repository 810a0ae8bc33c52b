package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// login opens a session and answers its cookie, as a header's value.
func (w *world) login(key string, headers ...string) string {
	w.t.Helper()
	a := w.call("POST", v1+"/session", `{"key":"`+key+`"}`, headers...).is(201)
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		w.t.Fatalf("the login sets %v", cookies)
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

// TestOpenServer_Rebinding: the name by which an open server is called decides, not the address that it listens on.
func TestOpenServer_Rebinding(t *testing.T) {
	w := newWorld(t, worldOptions{hosts: []string{"cron.example.com", "ops.example:8443"}})
	for _, host := range []string{"evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "192.168.1.2:8000", "example.com", "xcron.example.com"} {
		w.call("GET", v1+"/jobs", "", "Host", host).problem(403, "forbidden")
		w.call("POST", v1+"/keys", `{"name":"x","scope":"admin"}`, "Host", host, "Origin", "http://"+host, "Sec-Fetch-Site", "same-origin").problem(403, "forbidden")
		if a := w.call("GET", "/scheduler/get_jobs", "", "Host", host); a.status != 403 {
			t.Errorf("%s: /scheduler answers %d", host, a.status)
		}
	}
	for _, host := range []string{"localhost", "LOCALHOST:99", "a.localhost", "[::1]:8000", "127.1.2.3", "cron.example.com", "Cron.Example.Com:443", "ops.example."} {
		w.call("GET", v1+"/jobs", "", "Host", host).is(200)
	}
	w.key = w.makeKey(access.Admin).Text
	w.pass(2 * time.Second)
	w.call("GET", v1+"/jobs", "", "Host", "any.example").is(200)
}

func TestAllowedHosts_Invalid(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for _, text := range []string{"", "https://a.example", "a.example/x", "*.example", "a b"} {
		_, err := New(w.deps(), Options{AllowedHosts: []string{text}})
		if err == nil || !strings.Contains(err.Error(), "--allowed-hosts") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestOpenServer_CompatOrigins: the original's API shows its answers to pages of any origin, so an open server must
// not answer those of other sites at all.
func TestOpenServer_CompatOrigins(t *testing.T) {
	w := newWorld(t, worldOptions{cors: []string{"https://tools.example"}})
	w.call("POST", v1+"/jobs", cronJob).is(201)
	add := `{"job_id":"driveby","url":"http://127.0.0.1:1/x","seconds":1}`
	const preflight = "Access-Control-Request-Method"
	for _, origin := range []string{"https://evil.example", "null", "https://localhost.evil.example", "file://localhost", "http://192.168.0.7"} {
		for _, call := range [][3]string{
			{"POST", "/scheduler/interval/add_job", add}, {"GET", "/scheduler/get_jobs", ""}, {"DELETE", "/scheduler/remove_job?job_id=a", ""},
			{"PUT", "/scheduler/pause_job?job_id=a", ""},
		} {
			a := w.call(call[0], call[1], call[2], "Origin", origin, "Sec-Fetch-Site", "cross-site")
			if a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s from %s: %d, Allow-Origin %q", call[0], call[1], origin, a.status, a.header.Get("Access-Control-Allow-Origin"))
			}
			a = w.call("OPTIONS", call[1], "", "Origin", origin, preflight, call[0])
			if a.status == 200 || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("a preflight for %s from %s: %d", call[1], origin, a.status)
			}
		}
	}
	if a := w.call("GET", "/scheduler/get_jobs", "", "Sec-Fetch-Site", "cross-site"); a.status != 403 {
		t.Errorf("without an Origin: %d", a.status)
	}
	if w.total() != 1 {
		t.Errorf("there are %d jobs", w.total())
	}
	for _, origin := range []string{"http://localhost:3000", "http://127.0.0.1:8080", "https://tools.example"} {
		a := w.call("GET", "/scheduler/get_jobs", "", "Origin", origin, "Sec-Fetch-Site", "cross-site").is(200)
		if a.header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s may not read", origin)
		}
		w.call("OPTIONS", "/scheduler/get_jobs", "", "Origin", origin, preflight, "GET").is(200)
	}
	// With a key, the key decides.
	key := w.makeKey(access.Admin)
	w.pass(2 * time.Second)
	w.call("GET", "/scheduler/get_jobs", "", "Origin", "https://evil.example").is(401)
	w.call("GET", "/scheduler/get_jobs", "", "Origin", "https://evil.example", "Authorization", "Bearer "+key.Text).is(200)
}

// TestSession_OtherOrigins: pages of --cors-origins show a key; a login is for this server's own page only.
func TestSession_OtherOrigins(t *testing.T) {
	w := newWorld(t, worldOptions{cors: []string{"https://ops.corp.example"}, trust: []string{"127.0.0.1"}})
	key := w.makeKey(access.Admin)
	cookie := w.login(key.Text)
	keys := func(headers ...string) answer {
		return w.call("POST", v1+"/keys", `{"name":"x","scope":"admin"}`, append([]string{"Cookie", cookie}, headers...)...)
	}
	keys("Origin", "https://ops.corp.example", "Sec-Fetch-Site", "same-site").problem(403, "forbidden")
	keys("Origin", "https://ops.corp.example").problem(403, "forbidden")
	keys("Origin", "https://ops.corp.example", "Authorization", "Bearer "+key.Text).is(201)

	// The scheme counts: a page that came over plain http may be anybody's.
	tls := []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "cron.example"}
	cookie = w.login(key.Text, tls...)
	keys(append(tls, "Origin", "http://cron.example")...).problem(403, "forbidden")
	keys(append(tls, "Origin", "https://cron.example")...).is(201)
}

// TestSession_HostCookie: over TLS the cookie has the prefix that keeps neighbours from planting one.
func TestSession_HostCookie(t *testing.T) {
	w := newWorld(t, worldOptions{trust: []string{"127.0.0.1"}})
	admin := w.makeKey(access.Admin)
	tls := []string{"X-Forwarded-Proto", "https"}
	cookie := w.login(admin.Text, tls...)
	if !strings.HasPrefix(cookie, "__Host-schedule_session=") {
		t.Fatalf("the cookie is %s", cookie)
	}
	w.call("GET", v1+"/jobs", "", append(tls, "Cookie", cookie)...).is(200)
	planted := strings.TrimPrefix(cookie, "__Host-")
	w.call("GET", v1+"/jobs", "", append(tls, "Cookie", planted)...).is(401)
	w.call("DELETE", v1+"/session", "", append(tls, "Cookie", cookie)...).is(204)
	w.call("GET", v1+"/jobs", "", append(tls, "Cookie", cookie)...).is(401)
}

// TestTokens_Kinds: a login is no key and a key is no login, also right after it was used as what it is.
func TestTokens_Kinds(t *testing.T) {
	w := newWorld(t, worldOptions{})
	key := w.makeKey(access.Admin)
	cookie := w.login(key.Text)
	session := strings.TrimPrefix(cookie, sessionCookie+"=")
	w.call("GET", v1+"/jobs", "", "Cookie", cookie).is(200)
	w.call("GET", v1+"/jobs", "", "Authorization", "Bearer "+session).problem(401, "unauthorized")
	w.call("GET", "/scheduler/get_jobs", "", "Authorization", "Bearer "+session).is(401)
	w.call("GET", v1+"/jobs", "", "Authorization", "Bearer "+key.Text).is(200)
	w.call("GET", v1+"/jobs", "", "Cookie", sessionCookie+"="+key.Text).problem(401, "unauthorized")
}

// TestLogout_AmongGuesses: a logout ends the session whatever others at the address have shown.
func TestLogout_AmongGuesses(t *testing.T) {
	w := newWorld(t, worldOptions{trust: []string{"127.0.0.1"}})
	key := w.makeKey(access.Admin)
	here := []string{"X-Forwarded-For", "192.0.2.1"}
	cookie := w.login(key.Text, here...)
	for range 15 {
		w.call("GET", v1+"/jobs", "", append(here, "Authorization", "Bearer sk_guess")...)
	}
	w.access.Forget()
	w.call("DELETE", v1+"/session", "", append(here, "Cookie", cookie)...).is(204)
	w.call("GET", v1+"/jobs", "", "Cookie", cookie).problem(401, "unauthorized")
	w.call("DELETE", v1+"/session", "", append(here, "Cookie", cookie)...).is(204)
}

// TestEvents_EndWithTheirKey: a stream ends when its key is deleted or expires, its login ends, or the server that was
// open when it began has a key.
func TestEvents_EndWithTheirKey(t *testing.T) {
	w := newWorld(t, worldOptions{recheck: time.Millisecond})
	open := w.watch("")
	admin := w.makeKey(access.Admin)
	w.key = admin.Text
	w.pass(2 * time.Second)
	open.ends()

	deleted := w.makeKey(access.Read)
	byKey := w.watch("", "Authorization", "Bearer "+deleted.Text)
	w.call("DELETE", v1+"/keys/"+deleted.ID, "").is(204)
	byKey.ends()

	cookie := w.login(admin.Text)
	byLogin := w.watch("", "Cookie", cookie)
	w.call("DELETE", v1+"/session", "", "Authorization", "", "Cookie", cookie).is(204)
	byLogin.ends()

	var short newKey
	w.call("POST", v1+"/keys", fmt.Sprintf(`{"name":"x","scope":"read","expires_at":%q}`, w.clock().Add(time.Hour))).is(201).into(&short)
	expiring := w.watch("", "Authorization", "Bearer "+short.Text)
	staying := w.watch("", "Authorization", "Bearer "+admin.Text)
	w.pass(time.Hour)
	expiring.ends()
	w.call("POST", v1+"/jobs", cronJob).is(201)
	staying.wants("job", `"a"`)
}

// ends waits for the end of the stream.
func (s *eventStream) ends() {
	s.t.Helper()
	for s.lines.Scan() { // until the server closes it
		continue
	}
}

// TestEvents_OneKeyTakesItsShare: the streams of one key leave room for those of others.
func TestEvents_OneKeyTakesItsShare(t *testing.T) {
	var n streamCount
	reader, other := &access.Key{ID: "reader"}, &access.Key{ID: "other"}
	var leave func()
	for range maxKeyStreams {
		var err error
		leave, err = n.enter(reader)
		must(t, err)
	}
	if _, err := n.enter(reader); job.CodeOf(err) != job.CodeRateLimited {
		t.Errorf("one too many: %v", err)
	}
	_, err := n.enter(other)
	must(t, err)
	leave()
	_, err = n.enter(reader)
	must(t, err)
	if n.count() != maxKeyStreams+1 {
		t.Errorf("%d streams", n.count())
	}
	for n.count() < maxStreams {
		_, err := n.enter(nil)
		must(t, err)
	}
	if _, err := n.enter(nil); job.CodeOf(err) != job.CodeUnavailable {
		t.Errorf("beyond all: %v", err)
	}
}

// TestTrial_SecretsNeedWrite: a trial sends what its caller says where its caller says, so one who may not write jobs
// gets neither secrets, nor the server's signature, nor a word on which secrets there are.
func TestTrial_SecretsNeedWrite(t *testing.T) {
	w := newWorld(t, worldOptions{})
	given := w.try()
	w.key = w.makeKey(access.Admin).Text
	w.call("PUT", v1+"/secrets/TOKEN", `{"value":"very secret"}`).is(201)
	runner, writer := w.makeKey(access.Run).Text, w.makeKey(access.Write).Text
	trial := func(key, request string) answer {
		return w.call("POST", v1+"/jobs/test", `{"request":`+request+`}`, "Authorization", "Bearer "+key)
	}
	for field, request := range map[string]string{
		"request.url":             `{"url":"https://example.com/?x={{ secret.TOKEN }}"}`,
		"request.headers.X-A":     `{"url":"https://example.com/","headers":{"X-A":"{{ secret.NONE }}"}}`,
		"request.body":            `{"url":"https://example.com/","method":"POST","body":"{{ secret.TOKEN }}"}`,
		"request.auth.token":      `{"url":"https://example.com/","auth":{"type":"bearer","token":"{{ secret.TOKEN }}"}}`,
		"request.signing_secret":  `{"url":"https://example.com/","signing_secret":"{{ secret.TOKEN }}"}`,
		"request.tls.client_cert": `{"url":"https://example.com/","tls":{"client_cert":"{{ secret.TOKEN }}","client_key":"x"}}`,
	} {
		a := trial(runner, request)
		if a.status == 422 { // the place takes no secret at all
			continue
		}
		a.problem(403, "forbidden", field)
	}
	if given() != nil {
		t.Fatalf("a worker was given %+v", given())
	}
	trial(runner, `{"url":"https://example.com/secret-path?token=hidden"}`).is(200)
	if !given().Unsigned {
		t.Error("a run key has the server sign")
	}
	trial(writer, `{"url":"https://example.com/","headers":{"X-A":"{{ secret.TOKEN }}"}}`).is(200)
	if given().Unsigned || given().Sealed["secret.TOKEN"] == "" {
		t.Errorf("a write key's trial is %+v", given())
	}
	audit := w.call("GET", v1+"/audit?action=request.test", "").is(200).body
	for _, want := range []string{`"target":"example.com"`, `"TOKEN"`, `"GET"`} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit log lacks %s: %s", want, audit)
		}
	}
	if strings.Contains(audit, "hidden") || strings.Contains(audit, "secret-path") {
		t.Errorf("the audit log tells too much: %s", audit)
	}
}

// TestTrial_ManySecretNames is refused at once, and not looked up one by one.
func TestTrial_ManySecretNames(t *testing.T) {
	w := newWorld(t, worldOptions{})
	var body strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&body, "{{secret.S%d}}", i)
	}
	w.call("POST", v1+"/jobs/test", `{"request":{"url":"https://example.com/","method":"POST","body":"`+body.String()+`"}}`).
		problem(422, "invalid", "request")
}

// TestIdempotency_KeepsLittle: calls that change nothing are not kept, and a large answer is not given again, but its
// call is not made again either.
func TestIdempotency_KeepsLittle(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for range 3 {
		a := w.call("POST", v1+"/jobs/parse", `{"text":"* * * * * curl https://example.com/"}`, "Idempotency-Key", "p").is(200)
		if a.header.Get(headerReplayed) != "" {
			t.Error("an answer that reads only is kept")
		}
		w.call("POST", v1+"/schedules/preview", `{"schedule":{"type":"interval","every":"10s"}}`, "Idempotency-Key", "p").is(200)
	}
	large := `{"schedule":{"type":"interval","every":"10s"},"request":{"url":"https://example.com/","method":"POST","body":"` + strings.Repeat("x", maxKept) + `"}}`
	first := w.call("POST", v1+"/jobs", large, "Idempotency-Key", "large").is(201)
	again := w.call("POST", v1+"/jobs", large, "Idempotency-Key", "large")
	again.problem(409, "conflict")
	if again.header.Get("Location") != first.header.Get("Location") || again.header.Get(headerReplayed) != "true" || w.total() != 1 {
		t.Errorf("again: %v, %d jobs", again.header, w.total())
	}
}

// TestFilter_ManyTags: each tag is a condition of the statement, and databases bound their depth.
func TestFilter_ManyTags(t *testing.T) {
	w := newWorld(t, worldOptions{})
	tags := strings.Repeat("&tag=a", maxFilterTags+1)
	w.call("GET", v1+"/jobs?limit=1"+tags, "").problem(422, "invalid", "tag")
	w.call("GET", v1+"/jobs/export?"+tags[1:], "").problem(422, "invalid", "tag")
	w.call("POST", v1+"/jobs/bulk", `{"action":"pause","filter":{"tag":["a"`+strings.Repeat(`,"a"`, 30_000)+`]}}`).problem(422, "invalid", "filter.tag")
	w.call("GET", v1+"/jobs?"+tags[len("&tag=a&"):], "").is(200)
}
