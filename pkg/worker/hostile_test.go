package worker

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// connCounter counts a server's connections.
type connCounter struct{ opened, open atomic.Int64 }

func (c *connCounter) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.opened.Add(1)
		c.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	}
}

// rst closes a connection the hard way.
func rst(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// forever writes the text until the other side has had enough.
func forever(c net.Conn, text string) {
	data := []byte(text)
	for {
		if _, err := c.Write(data); err != nil {
			return
		}
	}
}

// hostile is a target's behaviour after a request, the reason it must end in, and the status that is kept.
type hostile struct {
	name   string
	serve  func(s *rawServer, c net.Conn, r *bufio.Reader)
	want   job.Reason
	status int
}

const head = "HTTP/1.1 200 OK\r\n"

// slowAndEndless are targets that stall, or never stop.
func slowAndEndless() []hostile {
	return []hostile{
		{"no answer", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { stall(c) }, job.ReasonTimeout, 0},
		{"slow headers", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { write(c, head+"X-A:"); stall(c) }, job.ReasonTimeout, 0},
		{"slow body", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Content-Length: 10\r\n\r\n12345")
			stall(c)
		}, job.ReasonTimeout, 200},
		{"slow body, a byte at a time", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Content-Length: 100000\r\n\r\n")
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
			}
		}, job.ReasonTimeout, 200},
		{"slow body of a failure", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 404 Gone Fishing\r\nContent-Length: 10\r\n\r\n12345")
			stall(c)
		}, "status_404", 404},
		{"endless body", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"\r\n")
			forever(c, strings.Repeat("x", 4096))
		}, job.ReasonOK, 200},
		{"endless chunks", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Transfer-Encoding: chunked\r\n\r\n")
			forever(c, "1\r\nx\r\n")
		}, job.ReasonOK, 200},
		{"endless header", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"X-A: ")
			forever(c, strings.Repeat("x", 4096))
		}, job.ReasonProtocol, 0},
		{"endless headers", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { write(c, head); forever(c, "X-A: b\r\n") }, job.ReasonProtocol, 0},
		{"endless status line", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { forever(c, "HTTP/1.1 ") }, job.ReasonProtocol, 0},
	}
}

// brokenOff are targets that break off, or are not HTTP.
func brokenOff() []hostile {
	return []hostile{
		{"closed at once", func(*rawServer, net.Conn, *bufio.Reader) {}, job.ReasonReset, 0},
		{"reset at once", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { rst(c) }, job.ReasonReset, 0},
		{"closed in the headers", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { write(c, head+"X-A: b") }, job.ReasonReset, 0},
		{"closed in the body", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Content-Length: 10\r\n\r\n12345")
		}, job.ReasonReset, 200},
		{"closed in the chunks", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")
		}, job.ReasonReset, 200},
		{"broken chunks", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
		}, job.ReasonProtocol, 200},
		{"garbage", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { write(c, "\x00\xff\x16garbage\r\n\r\n") }, job.ReasonProtocol, 0},
		{"garbage status", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { write(c, "HTTP/1.1 2x0 OK\r\n\r\n") }, job.ReasonProtocol, 0},
		{"garbage header", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { write(c, head+"no colon\r\n\r\n") }, job.ReasonProtocol, 0},
		{"two lengths", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy")
		}, job.ReasonProtocol, 0},
		{"negative length", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Content-Length: -1\r\n\r\nxy")
		}, job.ReasonProtocol, 0},
	}
}

// oddAnswers are targets that are HTTP, and odd.
func oddAnswers() []hostile {
	return []hostile{
		{"1xx flood", func(_ *rawServer, c net.Conn, _ *bufio.Reader) { forever(c, "HTTP/1.1 102 Processing\r\n\r\n") }, job.ReasonProtocol, 0},
		{"1xx before the answer", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+head+"Content-Length: 0\r\n\r\n")
			stall(c)
		}, job.ReasonOK, 200},
		{"101", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			stall(c)
		}, "status_101", 101},
		{"status 999", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n")
			stall(c)
		}, "status_999", 999},
		{"broken gzip", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, head+"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nno gzip here")
		}, job.ReasonProtocol, 200},
		{"redirect to nowhere", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 302 Found\r\nLocation: http://[oops\r\nContent-Length: 0\r\n\r\n")
		}, job.ReasonProtocol, 302},
		{"redirect to a file", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")
		}, job.ReasonBlockedTarget, 302},
		{"redirect to metadata", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n")
		}, job.ReasonBlockedTarget, 0},
		{"redirect without end", func(_ *rawServer, c net.Conn, r *bufio.Reader) {
			write(c, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}, job.ReasonTooManyRedirects, 302},
		{"redirect with an endless body", func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n")
			forever(c, strings.Repeat("x", 4096))
		}, job.ReasonTooManyRedirects, 302},
	}
}

// Every kind of hostile answer ends in its reason, and in bounded time: all but
// the ones that stall end long before the attempt's timeout.
func TestHostileAnswers(t *testing.T) {
	for _, test := range slices.Concat(slowAndEndless(), brokenOff(), oddAnswers()) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := listenRaw(t, test.serve)
			b := newBench(t)
			// The timeout is short only where it is what must happen.
			timeout := time.Minute
			if strings.Contains(test.name, "slow") || test.want == job.ReasonTimeout {
				timeout = 150 * time.Millisecond
			}
			e := b.expect(t, taskFor(s.url, attemptTimeoutOf(timeout), func(t *job.Task) { t.Request.FollowRedirects = 3 }), test.want)
			status := 0
			if e.Attempt.StatusCode != nil {
				status = *e.Attempt.StatusCode
			}
			if status != test.status || (e.Response != nil) != (status != 0) {
				t.Errorf("status %d with response %v, want %d", status, e.Response, test.status)
			}
			if e.Response != nil && len(e.Response.Body) > maxBody {
				t.Errorf("%d bytes are kept", len(e.Response.Body))
			}
			if text := errorOf(e.Attempt); len(text) > maxErrorText {
				t.Errorf("an error of %d bytes", len(text))
			}
			b.Close()
			eventually(t, "the connection is closed", func() bool { return s.open.Load() == 0 })
		})
	}
}

// A target that pushes as much as it can, through gzip too, costs no memory to speak of.
func TestFloodsAreBounded(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range 4 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close() // 4 KiB that unpack to 4 MiB, sent for ever
	bomb := listenRaw(t, func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
		write(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
		forever(c, packed.String())
	})
	b := newBench(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const calls = 5
	for range calls {
		e := b.expect(t, taskFor(bomb.url), job.ReasonOK)
		if !e.Response.Truncated || e.Response.BodyEncoding != "base64" {
			t.Fatalf("%+v", e.Response)
		}
	}
	runtime.ReadMemStats(&after)
	// Base64 of 64 KiB of zeros and the buffers are below 1 MiB a call; unpacked it has no end.
	if got := (after.TotalAlloc - before.TotalAlloc) / calls; got > 4<<20 {
		t.Errorf("%d bytes were allocated for a call", got)
	}
}

// A kept connection that breaks before an answer is a failed attempt, never a silent second call.
func TestNoHiddenRepeats(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		for name, end := range map[string]func(net.Conn){"closed": func(c net.Conn) { _ = c.Close() }, "reset": rst} {
			t.Run(method+" "+name, func(t *testing.T) {
				const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
				// Every connection answers once, then breaks after the second request.
				s := listenRaw(t, func(s *rawServer, c net.Conn, r *bufio.Reader) {
					write(c, answer)
					if s.readRequest(r) {
						end(c)
					}
				})
				b := newBench(t, func(o *Options) { o.IdleTimeout = time.Minute })
				task := taskFor(s.url, func(t *job.Task) { t.Request.Method, t.Request.Body = method, "x" })
				if method == "GET" {
					task.Request.Body = ""
				}
				b.expect(t, task, job.ReasonOK)
				b.expect(t, task, job.ReasonReset)
				if got := s.requests.Load(); got != 2 {
					t.Errorf("the target saw %d calls of 2 attempts", got)
				}
				b.expect(t, task, job.ReasonOK)
			})
		}
	}
}

// A kept connection that its target has closed while nothing was under way costs no attempt.
func TestStaleConnections(t *testing.T) {
	s := listenRaw(t, func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
		write(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	b := newBench(t, func(o *Options) { o.IdleTimeout = time.Minute })
	for range 5 {
		b.expect(t, taskFor(s.url), job.ReasonOK)
		eventually(t, "the transport notices", func() bool { return !running("persistConn).readLoop") })
	}
}

// running reports whether a goroutine is in the function.
func running(function string) bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), function)
}

func TestConnectFaults(t *testing.T) {
	b := newBench(t)
	b.expect(t, taskFor("http://"+closedPort(t)), job.ReasonConnectRefused)
	for _, url := range []string{"http://10.255.255.1/", "http://[fd00::1]/", "http://169.254.169.254/", "http://0.0.0.0/", "http://[::]/"} {
		e := b.expect(t, taskFor(url), job.ReasonBlockedTarget)
		if e.State != job.StateFailed || !strings.Contains(errorOf(e.Attempt), "--allow-targets") {
			t.Errorf("%s: %+v", url, e)
		}
	}
	strict := newBench(t, func(o *Options) { o.Allow = nil })
	target := answering(t, 200, "")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.0.0.2"} {
		url := "http://" + host + target.URL[strings.LastIndex(target.URL, ":"):]
		strict.expect(t, taskFor(url), job.ReasonBlockedTarget)
	}
	named := newBench(t, func(o *Options) { o.Allow = []string{"localhost"} })
	named.expect(t, taskFor(strings.Replace(target.URL, "127.0.0.1", "localhost", 1)), job.ReasonOK)
	named.expect(t, taskFor(target.URL), job.ReasonBlockedTarget)
}

// A TLS target that accepts and then says nothing uses up connect_timeout, not attempt_timeout.
func TestConnectTimeout(t *testing.T) {
	s := listenBytes(t, func(_ *rawServer, c net.Conn) { stall(c) })
	b := newBench(t)
	e := b.expect(t, taskFor("https://"+s.addr, connectTimeoutOf(150*time.Millisecond)), job.ReasonConnectTimeout)
	if e.Attempt.DurationMS >= 30_000 || e.Attempt.Phases.TLSMS < 100 {
		t.Errorf("%+v", e.Attempt)
	}
	b.expect(t, taskFor("https://"+s.addr, attemptTimeoutOf(150*time.Millisecond)), job.ReasonTimeout)
}

func TestRedirects(t *testing.T) {
	type seen struct{ method, path, body, secret, plain, key string }
	var log []seen
	note := func(r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		log = append(log, seen{r.Method, r.URL.Path, body.String(), r.Header.Get("X-Api-Key"), r.Header.Get("X-Plain"), r.Header.Get("Idempotency-Key")})
	}
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { note(r) }))
	defer other.Close()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/to/%d", &status); err == nil {
			w.Header().Set("Location", "/定 时?x")
			w.WriteHeader(status)
		}
		if r.URL.Path == "/away" {
			w.Header().Set("Location", other.URL+"/there")
			w.WriteHeader(307)
		}
	}))
	defer target.Close()
	b := newBench(t)
	run := func(method, path string, want job.Reason) []seen {
		log = nil
		b.expect(t, taskFor(target.URL+path, func(t *job.Task) {
			t.Request.Method, t.Request.FollowRedirects = method, 1
			t.Request.Headers = map[string]string{"x-api-key": "s", "X-Plain": "p"}
			if method != "GET" {
				t.Request.Body = "b"
			}
		}), want)
		return log
	}
	for _, test := range []struct {
		path, method, then, body string
	}{
		{"/to/301", "POST", "GET", ""}, {"/to/302", "POST", "GET", ""}, {"/to/303", "POST", "GET", ""}, {"/to/303", "PUT", "GET", ""},
		{"/to/301", "PUT", "PUT", "b"}, {"/to/307", "POST", "POST", "b"}, {"/to/308", "DELETE", "DELETE", "b"}, {"/to/302", "GET", "GET", ""},
	} {
		got := run(test.method, test.path, job.ReasonOK)
		want := seen{test.then, "/定 时", test.body, "s", "p", "01JRUN"}
		if len(got) != 2 || got[1] != want {
			t.Errorf("%s %s: %+v", test.method, test.path, got)
		}
	}
	got := run("POST", "/away", job.ReasonOK)
	if want := (seen{"POST", "/there", "b", "", "p", "01JRUN"}); len(got) != 2 || got[1] != want {
		t.Errorf("to another host: %+v", got)
	}
	log = nil
	e := b.expect(t, taskFor(target.URL+"/to/302"), "status_302")
	if len(log) != 1 || e.Response.Headers["Location"] == "" {
		t.Errorf("not to be followed: %+v", log)
	}
}

// What is wrong with an answer is said so that it is known whose fault it is, and what cannot be read is not called cut off.
func TestBrokenAnswersAreExplained(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("twelve bytes"))
	_ = z.Close()
	spoiled := zipped.Bytes()
	spoiled[len(spoiled)-6] ^= 0xff // the checksum
	for name, tc := range map[string]struct {
		answer, want string
		truncated    bool
	}{
		"no gzip":             {"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nno gzip here", "the answer says Content-Encoding: gzip, and its body is not", false},
		"spoiled gzip":        {fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(spoiled), spoiled), "its body is not", true},
		"a control character": {"X-V: a\x01b\r\nContent-Length: 0\r\n\r\n", "the answer has an invalid header, without a colon or with a control character", false},
	} {
		s := listenRaw(t, func(_ *rawServer, c net.Conn, _ *bufio.Reader) { write(c, head+tc.answer) })
		b := newBench(t)
		e := b.expect(t, taskFor(s.url), job.ReasonProtocol)
		if !strings.Contains(errorOf(e.Attempt), tc.want) || e.Response != nil && e.Response.Truncated != tc.truncated {
			t.Errorf("%s: %q, %+v", name, errorOf(e.Attempt), e.Response)
		}
		b.Close()
	}
}
