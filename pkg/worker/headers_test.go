package worker

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// headerLines makes the task's call to a target that reads bytes, and returns the lines of the request's head after
// the first one.
func headerLines(t *testing.T, b *bench, change func(*job.Task)) []string {
	t.Helper()
	heads := make(chan string, 1)
	target := listenBytes(t, func(s *rawServer, c net.Conn) {
		var raw bytes.Buffer
		if s.readRequest(bufio.NewReader(io.TeeReader(c, &raw))) {
			text, _, _ := strings.Cut(raw.String(), "\r\n\r\n")
			heads <- text
			write(c, head+"Content-Length: 0\r\n\r\n")
		}
	})
	b.expect(t, taskFor(target.url, change), job.ReasonOK)
	return strings.Split(<-heads, "\r\n")[1:]
}

// named are the lines of a header, whatever the case of its name.
func named(lines []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		found, _, _ := strings.Cut(line, ":")
		return !strings.EqualFold(found, name)
	})
}

func TestHeaderNamesAreSentAsWritten(t *testing.T) {
	key := "whsec_" + strings.Repeat("k", 32)
	lines := headerLines(t, newBench(t), func(task *job.Task) {
		task.Request.Method, task.Request.Body, task.Request.SigningSecret = "POST", "{}", key
		task.Request.Headers = map[string]string{
			"SOAPAction": "a", "x-api-KEY": "b", "X_Under_Score": "c", "content-TYPE": "text/xml", "user-agent": "mine/1",
			"hOST": "virtual.test", "accept-encoding": "br", "range": "bytes=0-9", "authorization": "Bearer x", "cookie": "c=1",
			"TraceParent": "mine",
		}
	})
	for _, want := range []string{
		"SOAPAction: a", "x-api-KEY: b", "X_Under_Score: c", "content-TYPE: text/xml", "user-agent: mine/1", "Host: virtual.test",
		"accept-encoding: br", "range: bytes=0-9", "authorization: Bearer x", "cookie: c=1", "TraceParent: mine",
		"Idempotency-Key: 01JRUN", "webhook-id: 01JRUN", "webhook-timestamp: 1800000000", "X-Schedule-Run-Id: 01JRUN", "Content-Length: 2",
	} {
		name, _, _ := strings.Cut(want, ":")
		if got := named(lines, name); !slices.Equal(got, []string{want}) {
			t.Errorf("got %q, want %q once", got, want)
		}
	}
	if got := named(lines, "webhook-signature"); len(got) != 1 {
		t.Errorf("got %q, want one signature", got)
	}
}

func TestServiceHeadersStandOnce(t *testing.T) {
	b := newBench(t, func(o *Options) { o.PublicURL, o.Keys = "http://cron.test", testKeys(t) })
	plain := headerLines(t, b, func(*job.Task) {})
	lines := headerLines(t, b, func(task *job.Task) {
		// Names that were not refused when older jobs were saved.
		task.Request.Headers = map[string]string{
			"x_schedule_run_id": "forged", "X-SCHEDULE-Attempt": "9", "idempotency_key": "forged", "WEBHOOK-ID": "forged",
			"x_schedule-completion_url": "http://evil.test/", "content_length": "7", "Proxy-Authorization": "Basic x",
		}
	})
	own := func(lines []string) []string {
		return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasPrefix(line, "Host:") })
	}
	if got, want := own(lines), own(plain); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := named(plain, "User-Agent"); !slices.Equal(got, []string{"User-Agent: schedule-server/1.2.3"}) {
		t.Errorf("got %q", got)
	}
}

// Names that differ only in case are refused now. Of those in older jobs the first in byte order is sent, every time.
func TestTwinsOfOlderJobs(t *testing.T) {
	b := newBench(t)
	for range 20 {
		lines := headerLines(t, b, func(task *job.Task) {
			task.Request.Method, task.Request.Body = "POST", `{"job":"{{ job_id }}"}`
			task.JobID = `a"b`
			task.Request.Headers = map[string]string{
				"authorization": "Bearer OLD", "Authorization": "Bearer NEW", "HOST": "new.test", "host": "old.test",
				"Content-Type": "application/json", "content-type": "text/plain",
			}
		})
		for name, want := range map[string]string{
			"authorization": "Authorization: Bearer NEW", "host": "Host: new.test", "content-type": "Content-Type: application/json",
			"content-length": "Content-Length: 14", // escaped as JSON is
		} {
			if got := named(lines, name); !slices.Equal(got, []string{want}) {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
}

// Credentials under names in any case stay behind at a redirect to another host, and the headers of a body that is not sent on.
func TestRedirectHeedsNamesInAnyCase(t *testing.T) {
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer other.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusSeeOther)
	}))
	defer first.Close()
	newBench(t).expect(t, taskFor(first.URL, func(task *job.Task) {
		task.Request.Method, task.Request.Body, task.Request.FollowRedirects = "POST", "x", 1
		task.Request.Headers = map[string]string{"x-api-KEY": "k", "cOOKIE": "c=1", "content-type": "text/plain", "content-LANGUAGE": "en", "x-plain": "p"}
	}), job.ReasonOK)
	for _, name := range []string{"X-Api-Key", "Cookie", "Content-Type", "Content-Language"} {
		if got.Get(name) != "" {
			t.Errorf("%s: %s was sent on", name, got.Get(name))
		}
	}
	if got.Get("X-Plain") != "p" {
		t.Errorf("the other headers are sent on: %v", got)
	}
}

// An answer is unpacked if the worker asked for gzip, and kept as it is if the job did.
func TestGzipIsUnpackedUnlessTheJobAskedForIt(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte("packed"))
		_ = z.Close()
	}))
	defer target.Close()
	b := newBench(t)
	e := b.expect(t, taskFor(target.URL), job.ReasonOK)
	if e.Response.Body != "packed" || e.Response.Headers["Content-Encoding"] != "" {
		t.Errorf("%+v", e.Response)
	}
	for _, name := range []string{"Accept-Encoding", "accept-encoding"} {
		e = b.expect(t, taskFor(target.URL, func(task *job.Task) { task.Request.Headers[name] = "gzip" }), job.ReasonOK)
		if e.Response.BodyEncoding != job.EncodingBase64 || e.Response.Headers["Content-Encoding"] != "gzip" {
			t.Errorf("%s: %+v", name, e.Response)
		}
	}
	for name, change := range map[string]func(*job.Task){
		"range": func(task *job.Task) { task.Request.Headers["rANGE"] = "bytes=0-9" },
		"HEAD":  func(task *job.Task) { task.Request.Method = "HEAD" },
	} {
		if e = b.expect(t, taskFor(target.URL, change), job.ReasonOK); e.Response.Body != "" {
			t.Errorf("%s: gzip was asked for", name)
		}
	}
}

func TestHeadersStandOnceInHTTP2(t *testing.T) {
	var got *http.Request
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	target.EnableHTTP2 = true
	target.StartTLS()
	defer target.Close()
	newBench(t).expect(t, taskFor(target.URL, func(task *job.Task) {
		task.Request.InsecureTLS = true
		task.Request.Headers = map[string]string{"user-AGENT": "mine/1", "accept-ENCODING": "br", "SOAPAction": "a"}
	}), job.ReasonOK)
	if got.ProtoMajor != 2 {
		t.Fatalf("spoken was %s", got.Proto)
	}
	for name, want := range map[string]string{"User-Agent": "mine/1", "Accept-Encoding": "br", "Soapaction": "a", "Webhook-Id": "01JRUN", "Traceparent": traceparent("01JRUN", 1)} {
		if values := got.Header.Values(name); !slices.Equal(values, []string{want}) {
			t.Errorf("%s: got %q, want %q once", name, values, want)
		}
	}
}
