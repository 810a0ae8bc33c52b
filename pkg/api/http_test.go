package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/access"
)

// TestCompression makes lists smaller, and leaves alone what holds secrets and what streams.
func TestCompression(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for _, id := range []string{"a", "b", "c"} {
		w.call("PUT", v1+"/jobs/"+id, strings.Replace(cronJob, `"id":"a",`, "", 1)).is(201)
	}
	plain := w.call("GET", v1+"/jobs", "", "Accept-Encoding", "identity").is(200)
	if plain.header.Get("Content-Encoding") != "" {
		t.Errorf("an unasked encoding: %v", plain.header)
	}
	small := w.get("GET", v1+"/jobs", "gzip")
	if small.header.Get("Content-Encoding") != "gzip" || !strings.Contains(small.header.Get("Vary"), "Accept-Encoding") || len(small.body) >= len(plain.body) {
		t.Errorf("%d of %d bytes: %v", len(small.body), len(plain.body), small.header)
	}
	reader, err := gzip.NewReader(strings.NewReader(small.body))
	must(t, err)
	text, err := io.ReadAll(reader)
	must(t, err)
	if string(text) != plain.body {
		t.Errorf("it unpacks to %s", text)
	}
	if a := w.get("GET", v1+"/jobs", "br"); a.header.Get("Content-Encoding") != "br" {
		t.Errorf("no br: %v", a.header)
	}
	for _, path := range []string{v1 + "/session", v1 + "/events"} {
		if a := w.get("HEAD", path, "gzip, br"); a.header.Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed: %v", path, a.header)
		}
	}
}

// get makes a call whose answer is taken as it comes.
func (w *world) get(method, path, encoding string) answer {
	w.t.Helper()
	request, err := http.NewRequest(method, w.url+path, nil)
	must(w.t, err)
	request.Header.Set("Accept-Encoding", encoding)
	response, err := w.client.Do(request)
	must(w.t, err)
	defer response.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(response.Body)
	must(w.t, err)
	return answer{w.t, response.StatusCode, response.Header, body.String()}
}

// TestHeadHasNoBody asks something else on the same connection: nothing of a body may stand before that answer.
func TestHeadHasNoBody(t *testing.T) {
	w := newWorld(t, worldOptions{monitor: true})
	for _, r := range w.server.table() {
		if r.method != "GET" {
			continue
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		must(t, err)
		path := strings.ReplaceAll(r.path, ":id", "none")
		_, err = conn.Write([]byte("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n" +
			"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
		must(t, err)
		text, err := io.ReadAll(conn)
		must(t, err)
		must(t, conn.Close())
		_, after, _ := strings.Cut(string(text), "\r\n\r\n")
		if !strings.HasPrefix(after, "HTTP/1.1 200 OK") {
			t.Errorf("after HEAD %s comes %.40q", path, after)
		}
	}
}

// TestRebinding answers no page whose name was made to lead here, as long as no key keeps it out.
func TestRebinding(t *testing.T) {
	w := newWorld(t, worldOptions{})
	as := func(host, method, path string) int {
		t.Helper()
		request, err := http.NewRequest(method, w.url+path, nil)
		must(t, err)
		request.Host = host
		request.Header.Set("Origin", "http://"+host)
		response, err := w.client.Do(request)
		must(t, err)
		must(t, response.Body.Close())
		return response.StatusCode
	}
	for _, host := range []string{"localhost", "localhost:8000", "LOCALHOST.", "a.localhost:1", "127.0.0.1", "127.1.2.3:80", "[::1]:8000", "[::1]"} {
		if got := as(host, "GET", v1+"/jobs"); got != 200 {
			t.Errorf("%s: %d", host, got)
		}
	}
	for _, host := range []string{"evil.example", "evil.example:8000", "localhost.evil.example", "192.0.2.1", "127.0.0.1.nip.io", "[2001:db8::1]:80"} {
		for _, path := range []string{v1 + "/jobs", "/metrics", "/scheduler/get_jobs"} {
			if got := as(host, "GET", path); got != 403 {
				t.Errorf("%s%s: %d", host, path, got)
			}
		}
		if got := as(host, "POST", v1+"/jobs/a/run"); got != 403 {
			t.Errorf("%s: %d", host, got)
		}
	}
	key := w.makeKey(access.Admin).Text
	request, err := http.NewRequest("GET", w.url+v1+"/jobs", nil)
	must(t, err)
	request.Host = "cron.example"
	request.Header.Set("Authorization", "bearer "+key)
	response, err := w.client.Do(request)
	must(t, err)
	must(t, response.Body.Close())
	if response.StatusCode != 200 {
		t.Errorf("with a key: %d", response.StatusCode)
	}
}

// TestTrustedProxies believes proxies as far as they are trusted, and nobody else.
func TestTrustedProxies(t *testing.T) {
	for _, c := range []struct {
		trust         []string
		forwarded     string
		want          string
		proto, secure bool
	}{
		{nil, "192.0.2.1", "127.0.0.1", true, false},
		{[]string{"10.0.0.0/8"}, "192.0.2.1", "127.0.0.1", true, false},
		{[]string{"127.0.0.1"}, "", "127.0.0.1", true, true},
		{[]string{"127.0.0.1"}, "192.0.2.1", "192.0.2.1", true, true},
		{[]string{"127.0.0.1"}, "192.0.2.1", "192.0.2.1", false, false},
		{[]string{"127.0.0.0/8"}, "6.6.6.6, 192.0.2.1", "192.0.2.1", true, true},
		{[]string{"127.0.0.1", "10.0.0.0/8"}, "6.6.6.6, 192.0.2.1, 10.1.2.3", "192.0.2.1", true, true},
		{[]string{"127.0.0.1"}, "6.6.6.6, nonsense", "127.0.0.1", true, true},
		{[]string{"127.0.0.1"}, "::ffff:192.0.2.1", "192.0.2.1", true, true},
	} {
		w := newWorld(t, worldOptions{trust: c.trust})
		key := w.makeKey(access.Admin).Text
		headers := []string{}
		if c.forwarded != "" {
			headers = append(headers, "X-Forwarded-For", c.forwarded)
		}
		if c.proto {
			headers = append(headers, "X-Forwarded-Proto", "https")
		}
		a := w.call("POST", v1+"/session", `{"key":"`+key+`"}`, headers...).is(201)
		if got := a.cookieOf().Secure; got != c.secure {
			t.Errorf("%+v: a cookie with Secure %t", c, got)
		}
		page, err := w.store.ListEntries(t.Context(), access.EntryQuery{Action: access.ActionLogin, Limit: 1})
		must(t, err)
		if got := page.Entries[0].Address; got != c.want || !strings.Contains(w.logs.String(), `"remote":"`+c.want+`"`) {
			t.Errorf("%+v: from %s", c, got)
		}
	}
}

// TestLogHoldsNoSecrets looks for keys, logins and queries in the log of calls that succeed and fail.
func TestLogHoldsNoSecrets(t *testing.T) {
	w := newWorld(t, worldOptions{monitor: true})
	key := w.makeKey(access.Admin).Text
	cookie := w.call("POST", v1+"/session", `{"key":"`+key+`"}`).is(201).cookieOf()
	w.call("GET", v1+"/jobs?q=hunter2", "", "Authorization", "Bearer "+key).is(200)
	w.call("GET", v1+"/jobs", "", "Cookie", cookie.Name+"="+cookie.Value).is(200)
	w.call("GET", v1+"/jobs?access_token="+key, "", "Authorization", "Bearer "+key+"x").is(401)
	w.call("POST", v1+"/session", `{"key":"`+key+`x"}`).is(401)
	for _, secret := range []string{key[13:], cookie.Value[13:], "hunter2", "access_token"} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

// TestMonitorNeedsScopes shows the queues to readers without buttons, and writes down what others press.
func TestMonitorNeedsScopes(t *testing.T) {
	w := newWorld(t, worldOptions{monitor: true, basePath: "/cron"})
	w.key = w.makeKey(access.Admin).Text
	reader, writer := w.makeKey(access.Read), w.makeKey(access.Write)
	const pause = "/monitoring/api/queues/default:pause"
	w.call("POST", pause, "", "Authorization", "Bearer "+reader.Text).problem(403, "forbidden")
	paused := func() bool {
		stats, err := w.broker.Stats(t.Context())
		must(t, err)
		for _, q := range stats {
			if q.Queue == "default" {
				return q.Paused
			}
		}
		return false
	}
	if paused() {
		t.Error("a reader paused a queue")
	}
	page := func(key string) string {
		return w.call("GET", "/monitoring", "", "Authorization", "Bearer "+key).is(200).body
	}
	if page(reader.Text) == page(writer.Text) {
		t.Error("a reader sees the buttons of a writer")
	}
	w.call("POST", pause, "", "Authorization", "Bearer "+writer.Text)
	if !paused() {
		t.Error("a writer paused nothing")
	}
	w.call("POST", "/monitoring/api/queues/default/pending_tasks:batch_archive", `{"task_ids":["t-1"],"payload":"hunter2"}`, "Authorization", "Bearer "+writer.Text)
	batch := w.call("GET", v1+"/audit?action=monitoring&limit=1", "").is(200).body
	if !strings.Contains(batch, "t-1") || !strings.Contains(batch, "batch_archive") || strings.Contains(batch, "hunter2") {
		t.Errorf("of a call with a body the log says %s", batch)
	}
	var log entryList
	w.call("GET", v1+"/audit?action=monitoring&target=queues/default:pause", "").is(200).into(&log)
	if len(log.Entries) != 1 || log.Entries[0].Actor.ID != writer.ID || log.Entries[0].Target != "queues/default:pause" {
		t.Errorf("the log says %+v", log.Entries)
	}
}

// TestSlowReaderGetsADeadline sets one for each write, and leaves those of others alone.
func TestSlowReaderGetsADeadline(t *testing.T) {
	inner, other := net.Pipe()
	defer other.Close()
	watched := &watchedConn{Conn: inner}
	conn := &patientConn{Conn: watched}
	go func() { _, _ = io.Copy(io.Discard, other) }()
	for range 2 {
		_, err := conn.Write([]byte("x"))
		must(t, err)
	}
	if watched.set != 2 {
		t.Errorf("%d deadlines for 2 writes", watched.set)
	}
	must(t, conn.SetWriteDeadline(begin.Time().AddDate(-10, 0, 0)))
	if _, err := conn.Write([]byte("x")); err == nil || watched.set != 3 {
		t.Errorf("a deadline that is over was replaced: %v, %d", err, watched.set)
	}
	must(t, conn.Close())
}

type watchedConn struct {
	net.Conn
	set int
}

func (c *watchedConn) SetWriteDeadline(t time.Time) error {
	c.set++
	return c.Conn.SetWriteDeadline(t)
}

// A browser that opens the queue monitor without a login is sent to the page's; programs are told as ever.
func TestTheMonitorLeadsToTheLogin(t *testing.T) {
	for _, base := range []string{"", "/cron"} {
		w := newWorld(t, worldOptions{monitor: true, basePath: base})
		key := w.makeKey(access.Admin).Text
		for _, path := range []string{"/monitoring", "/monitoring/", "/monitoring/queues/default"} {
			a := w.call("GET", path, "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8").is(302)
			if got := a.header.Get("Location"); got != base+"/?next=/monitoring" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s%s: to %q, %v", base, path, got, a.header)
			}
		}
		w.call("GET", "/monitoring", "", "Accept", "text/html", "Authorization", "Bearer "+key).is(200)
		w.call("GET", "/monitoring", "", "Accept", "text/html", "Authorization", "Bearer sk_wrong").is(302)
		w.call("GET", "/monitoring", "").problem(401, "unauthorized")
		w.call("GET", "/monitoring/api/queues", "", "Accept", "text/html").problem(401, "unauthorized")
		w.call("POST", "/monitoring/api/queues/default:pause", "", "Accept", "text/html").problem(401, "unauthorized")
		w.call("GET", v1+"/jobs", "", "Accept", "text/html").problem(401, "unauthorized")
	}
}

// At the usual level the log has what changes and what fails, and what is read with a key; not what the page and probes read.
func TestPlainReadsAreNotInTheLog(t *testing.T) {
	w := newWorld(t, worldOptions{})
	said := func(method, path, body string, headers ...string) bool {
		before := len(w.logs.String())
		w.call(method, path, body, headers...)
		return strings.Contains(w.logs.String()[before:], `"msg":"request"`)
	}
	for _, path := range []string{"/", "/healthz", "/metrics", "/docs", "/openapi.json", v1 + "/jobs", v1 + "/session"} {
		if said("GET", path, "") {
			t.Errorf("GET %s is in the log", path)
		}
	}
	if !said("GET", v1+"/jobs/none", "") || !said("POST", v1+"/jobs", cronJob) || !said("DELETE", v1+"/jobs/none", "") {
		t.Error("what changes or fails is not in the log")
	}
	key := "Bearer " + w.makeKey(access.Admin).Text
	if !said("GET", v1+"/jobs", "", "Authorization", key) || !said("GET", v1+"/jobs", "") || said("GET", "/metrics", "", "Authorization", key) {
		t.Error("what is read with a key, or refused, is not in the log; or what Prometheus reads is")
	}
}

// Who is still sending headers when they are refused gets the answer all the same.
func TestRefusedHeadersAreAnswered(t *testing.T) {
	w := newWorld(t, worldOptions{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /?q="+strings.Repeat("x", 8*maxHeader))
	must(t, err)
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 431 ") {
		t.Errorf("%v: %.100q", err, answer)
	}
}
