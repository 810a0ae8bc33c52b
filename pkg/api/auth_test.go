package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// status is how a call ends; its answer, which may never end, is not read.
func (w *world) status(method, path, key string) int {
	w.t.Helper()
	request, err := http.NewRequest(method, w.url+path, nil)
	must(w.t, err)
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := w.client.Do(request)
	must(w.t, err)
	must(w.t, response.Body.Close())
	return response.StatusCode
}

// TestAuthorizationMatrix calls every route without a key, with one of each scope, and with keys that are no good.
func TestAuthorizationMatrix(t *testing.T) {
	w := newWorld(t, worldOptions{monitor: true})
	admin := w.makeKey(access.Admin)
	w.key = admin.Text
	callers := map[string]access.Scope{"": ""} // what each key may do
	for _, scope := range access.Scopes() {
		callers[w.makeKey(scope).Text] = scope
	}
	var expired newKey
	w.call("POST", v1+"/keys", fmt.Sprintf(`{"name":"old","scope":"admin","expires_at":%q}`, begin.Add(time.Second))).is(201).into(&expired)
	revoked := w.makeKey(access.Admin)
	w.call("DELETE", v1+"/keys/"+revoked.ID, "").is(204)
	other := access.NewToken(access.KindKey).Text()
	forged := admin.Text[:13] + other[13:] // of the right id: its checksum is wrong
	for _, bad := range []string{expired.Text, revoked.Text, other, forged, "sk_", "hunter2", strings.Repeat("x", 5000)} {
		callers[bad] = ""
	}
	routes := append(w.server.table(),
		route{method: "GET", path: "/monitoring/api/queues", scope: access.Read},
		route{method: "POST", path: "/monitoring/api/queues/low:pause", scope: access.Write},
		route{method: "DELETE", path: "/monitoring/api/queues/low/archived_tasks:delete_all", scope: access.Write},
		route{method: "GET", path: "/scheduler/get_jobs", scope: access.Write},
		route{method: "POST", path: "/scheduler/cron/add_job", scope: access.Write},
		route{method: "DELETE", path: "/scheduler/remove_job", scope: access.Write},
		route{method: "GET", path: "/docs/start.js", scope: access.Anyone},
	)
	w.pass(time.Minute)
	for _, r := range routes {
		methods := []string{r.method}
		if r.method == "GET" {
			methods = append(methods, "HEAD")
		}
		path := strings.ReplaceAll(r.path, ":id", "none")
		for _, method := range methods {
			for key, scope := range callers {
				w.pass(time.Minute) // nobody is made to wait
				bad := scope == "" && key != ""
				status := w.status(method, path, key)
				switch {
				case r.operation == "getSession" && bad, r.scope != access.Anyone && scope == "":
					if status != 401 {
						t.Errorf("%s %s with the bad key %.20q: %d", method, path, key, status)
					}
				case r.scope == access.Anyone: // a key changes nothing; a route may ask for something else
					if want := w.status(method, path, ""); status != want {
						t.Errorf("%s %s: %d with the key %.20q, and %d without", method, path, status, key, want)
					}
				case !scope.Allows(r.scope):
					if status != 403 {
						t.Errorf("%s %s with the scope %s: %d", method, path, scope, status)
					}
				case status == 401 || status == 403 || status == 429:
					t.Errorf("%s %s with the scope %q: %d, though %s is enough", method, path, scope, status, r.scope)
				}
			}
		}
	}
}

// TestOpenUntilTheFirstKey closes a server as soon as a key is made, and opens it by no way.
func TestOpenUntilTheFirstKey(t *testing.T) {
	w := newWorld(t, worldOptions{})
	var who session
	w.call("GET", v1+"/session", "").is(200).into(&who)
	if who.AuthRequired || who.Scope == nil || *who.Scope != access.Admin || who.Key != nil {
		t.Errorf("an open server says %+v", who)
	}
	w.call("POST", v1+"/session", `{"key":"`+access.NewToken(access.KindKey).Text()+`"}`).problem(409, "conflict")
	w.call("GET", v1+"/jobs", "", "Authorization", "Bearer sk_whatever").is(200)
	w.call("POST", v1+"/keys", `{"name":"x","scope":"write"}`).problem(422, "invalid", "scope")
	w.call("POST", v1+"/keys", fmt.Sprintf(`{"name":"x","scope":"admin","expires_at":%q}`, begin.Add(time.Hour))).problem(422, "invalid", "scope")
	w.call("GET", v1+"/jobs", "").is(200)

	first := w.makeKey(access.Admin)
	w.call("GET", v1+"/jobs", "").problem(401, "unauthorized")
	if got := w.call("GET", v1+"/jobs", "").header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
		t.Errorf("the challenge is %q", got)
	}
	w.call("GET", v1+"/session", "").is(200).into(&who)
	if !who.AuthRequired || who.Scope != nil {
		t.Errorf("a closed server says %+v", who)
	}
	w.key = first.Text
	w.call("DELETE", v1+"/keys/"+first.ID, "").problem(409, "conflict")
	second := w.makeKey(access.Admin)
	w.call("DELETE", v1+"/keys/"+first.ID, "").is(204)
	w.call("GET", v1+"/jobs", "").problem(401, "unauthorized")
	w.key = second.Text
	w.call("GET", v1+"/jobs", "").is(200)
}

func TestKeys(t *testing.T) {
	w := newWorld(t, worldOptions{})
	admin := w.makeKey(access.Admin)
	w.key = admin.Text
	w.pass(time.Second)
	reader := w.makeKey(access.Read)
	for _, bad := range []struct{ body, field string }{
		{`{"scope":"read"}`, "name"}, {`{"name":"x"}`, "scope"}, {`{"name":"x","scope":"root"}`, "scope"},
		{`{"name":"x\u0007","scope":"read"}`, "name"}, {`{"name":"` + strings.Repeat("ß", 101) + `","scope":"read"}`, "name"},
		{`{"name":"x","scope":"read","expires_at":"2020-01-01T00:00:00Z"}`, "expires_at"},
	} {
		w.call("POST", v1+"/keys", bad.body).problem(422, "invalid", bad.field)
	}
	list := w.call("GET", v1+"/keys", "").is(200)
	for _, secret := range []string{admin.Text[13:], reader.Text[13:], "hash"} {
		if strings.Contains(list.body, secret) {
			t.Errorf("the list tells %q: %s", secret, list.body)
		}
	}
	var keys struct{ Keys []access.Key }
	list.into(&keys)
	if len(keys.Keys) != 2 || keys.Keys[1].ID != reader.ID || keys.Keys[1].Name != "the read" {
		t.Errorf("the keys are %s", list.body)
	}
	if a := w.call("POST", v1+"/keys", `{"name":"x","scope":"read"}`); a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a new key may be stored by the way: %v", a.header)
	}
	w.call("GET", v1+"/keys/none", "").problem(404, "not_found")
	w.call("DELETE", v1+"/keys/none", "").problem(404, "not_found")
}

// TestLastUse is known at once here and written later, never with a request.
func TestLastUse(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.key = w.makeKey(access.Admin).Text
	reader := w.makeKey(access.Read)
	lastUse := func() *job.Instant {
		key, err := w.store.FindKey(t.Context(), reader.ID)
		must(t, err)
		return key.LastUsedAt
	}
	w.pass(time.Hour)
	w.call("GET", v1+"/jobs", "", "Authorization", "Bearer "+reader.Text).is(200)
	used := w.clock()
	w.pass(time.Second)
	if lastUse() != nil {
		t.Error("a request wrote to the database")
	}
	var key access.Key
	w.call("GET", v1+"/keys/"+reader.ID, "").is(200).into(&key)
	if key.LastUsedAt == nil || *key.LastUsedAt != used {
		t.Errorf("the API says %v, not %v", key.LastUsedAt, used)
	}
	w.access.Flush(t.Context())
	if at := lastUse(); at == nil || *at != used {
		t.Errorf("the database says %v, not %v", at, used)
	}
}

// cookieOf is the cookie that an answer sets.
func (a answer) cookieOf() *http.Cookie {
	a.t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 || strings.TrimPrefix(cookies[0].Name, "__Host-") != sessionCookie {
		a.t.Fatalf("the answer sets %v", cookies)
	}
	return cookies[0]
}

// jar keeps the cookies of one server as a browser does, by the clock of the server.
// The standard library's jar goes by the machine's clock, to which these cookies expired long ago.
type jar struct {
	now     func() job.Instant
	cookies map[string]*http.Cookie
}

// SetCookies keeps what an answer sets.
func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		j.cookies[c.Name] = c
	}
}

// Cookies are those that have not expired.
func (j *jar) Cookies(*url.URL) []*http.Cookie {
	var kept []*http.Cookie
	for _, c := range j.cookies {
		if c.Expires.After(j.now().Time()) {
			kept = append(kept, c)
		}
	}
	return kept
}

func TestSession(t *testing.T) {
	w := newWorld(t, worldOptions{monitor: true})
	key := w.makeKey(access.Admin)
	browser := &jar{now: w.clock, cookies: map[string]*http.Cookie{}}
	w.client.Jar = browser
	login := w.call("POST", v1+"/session", `{"key":"`+key.Text+`"}`).is(201)
	cookie := login.cookieOf()
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Secure || cookie.Domain != "" ||
		!cookie.Expires.Equal(begin.Add(7*24*time.Hour).Time().Truncate(time.Second)) || strings.Contains(login.body, cookie.Value) {
		t.Errorf("the cookie is %v", cookie)
	}
	var who session
	w.call("GET", v1+"/session", "").is(200).into(&who)
	if who.Key == nil || who.Key.Name != "the admin" || who.Scope == nil || *who.Scope != access.Admin || who.ExpiresAt == nil {
		t.Errorf("the page hears %+v", who)
	}
	w.call("POST", v1+"/jobs", cronJob).is(201)
	w.call("GET", "/monitoring/api/queues", "").is(200)
	w.call("POST", v1+"/jobs", cronJob, "Sec-Fetch-Site", "cross-site").problem(403, "forbidden")
	w.call("DELETE", v1+"/jobs/a", "", "Origin", "https://evil.example").problem(403, "forbidden")
	w.call("POST", "/monitoring/api/queues/default:pause", "", "Sec-Fetch-Site", "same-site").problem(403, "forbidden")
	w.call("POST", v1+"/session", `{"key":"`+key.Text+`"}`, "Sec-Fetch-Site", "cross-site").problem(403, "forbidden")
	w.call("DELETE", v1+"/session", "", "Sec-Fetch-Site", "cross-site").problem(403, "forbidden")
	// Who shows a key is no browser that was tricked; the original's API takes a key and nothing else.
	w.call("DELETE", v1+"/jobs/a", "", "Origin", "https://evil.example", "Authorization", "Bearer "+key.Text).is(204)
	w.call("GET", "/scheduler/get_jobs", "").is(401)
	w.call("GET", v1+"/jobs", "", "Authorization", "Basic dXNlcjpwYXNz").is(200)

	if c := w.call("DELETE", v1+"/session", "").is(204).cookieOf(); !c.Expires.Before(begin.Time()) || c.Value != "" {
		t.Errorf("a logout leaves %v", c)
	}
	if len(browser.Cookies(nil)) != 0 {
		t.Error("the cookie is still there")
	}
	w.call("GET", v1+"/jobs", "", "Cookie", cookie.Name+"="+cookie.Value).problem(401, "unauthorized")
	w.call("GET", v1+"/session", "", "Cookie", cookie.Name+"="+cookie.Value).is(200).into(&who)
	if who.Scope != nil {
		t.Error("a login outlives its end")
	}
	w.call("DELETE", v1+"/session", "").is(204)

	w.call("POST", v1+"/session", `{"key":"`+key.Text+`"}`).is(201)
	w.pass(7*24*time.Hour - time.Second)
	w.call("GET", v1+"/jobs", "").is(200)
	w.pass(time.Second)
	if kept := browser.Cookies(nil); len(kept) != 0 {
		t.Errorf("after seven days the browser keeps %v", kept)
	}
	w.call("GET", v1+"/jobs", "").is(401)
}

// TestSessionEnds with its time, with its key, and with the key's time.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.key = w.makeKey(access.Admin).Text
	login := func(key string) func(status int) {
		cookie := w.call("POST", v1+"/session", `{"key":"`+key+`"}`).is(201).cookieOf()
		return func(status int) {
			t.Helper()
			w.call("GET", v1+"/jobs", "", "Authorization", "", "Cookie", cookie.Name+"="+cookie.Value).is(status)
		}
	}
	var short newKey
	w.call("POST", v1+"/keys", fmt.Sprintf(`{"name":"x","scope":"read","expires_at":%q}`, begin.Add(time.Hour))).is(201).into(&short)
	gone := w.makeKey(access.Read)
	byKey, byShort, byGone := login(w.key), login(short.Text), login(gone.Text)
	for _, check := range []func(int){byKey, byShort, byGone} {
		check(200)
	}
	w.call("DELETE", v1+"/keys/"+gone.ID, "").is(204)
	byGone(401)
	w.pass(time.Hour)
	byShort(401)
	w.call("POST", v1+"/session", `{"key":"`+short.Text+`"}`).problem(401, "unauthorized")
	byKey(200)
	w.pass(7 * 24 * time.Hour)
	byKey(401)
}

// TestTooManyBadKeys makes an address wait, and neither others nor who is known there.
func TestTooManyBadKeys(t *testing.T) {
	w := newWorld(t, worldOptions{trust: []string{"127.0.0.1"}})
	w.key = w.makeKey(access.Admin).Text
	known, unknown := w.makeKey(access.Read).Text, w.makeKey(access.Read).Text
	call := func(from, key string) answer {
		return w.call("GET", v1+"/jobs", "", "X-Forwarded-For", from, "Authorization", "Bearer "+key)
	}
	call("192.0.2.1", known).is(200)
	for range 10 {
		call("192.0.2.1", "sk_guess").problem(401, "unauthorized")
	}
	a := call("192.0.2.1", "sk_guess")
	a.problem(429, "rate_limited")
	if got := a.header.Get("Retry-After"); got != "6" {
		t.Errorf("Retry-After is %q", got)
	}
	// Whoever shows bad keys there keeps no good one out, whether it was seen before or not, and not after the memory
	// of good ones was dropped either.
	call("192.0.2.1", unknown).is(200)
	w.call("POST", v1+"/session", `{"key":"`+unknown+`"}`, "X-Forwarded-For", "192.0.2.1").is(201)
	w.makeKey(access.Read)
	call("192.0.2.1", known).is(200)
	call("192.0.2.1", access.NewToken(access.KindKey).Text()).problem(429, "rate_limited")
	call("192.0.2.2", unknown).is(200)
	w.call("GET", v1+"/jobs", "", "X-Forwarded-For", "192.0.2.1", "Authorization", "").is(401) // no key is no guess
	w.pass(6 * time.Second)
	call("192.0.2.1", "sk_guess").is(401)
	call("192.0.2.1", "sk_guess").is(429)
	w.pass(time.Minute)
	call("192.0.2.1", unknown).is(200)
}
