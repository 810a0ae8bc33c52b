package worker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/job"
)

// answering is a target that always answers the same.
func answering(t testing.TB, status int, body string, headers ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestDeliverSuccess(t *testing.T) {
	target := answering(t, 201, "made", "X-One", "1", "X-One", "2", "Date", "now")
	b := newBench(t)
	outcome, err := b.Deliver(t.Context(), taskFor(target.URL))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "states", b.journal.states(), []job.State{job.StateRunning, job.StateSucceeded})
	first := b.journal.events[0]
	if first.N != 1 || first.RunID != "01JRUN" || first.At != start || first.Attempt != nil || first.Timeout != taskFor(target.URL).Policy.AttemptTimeout {
		t.Errorf("first event: %+v", first)
	}
	e := b.journal.last()
	a := *e.Attempt
	if e.Reason != job.ReasonOK || e.N != 1 || a.N != 1 || a.StartedAt != start || *a.StatusCode != 201 ||
		a.Reason != job.ReasonOK || a.Error != nil || a.NextRetryAt != nil || a.Worker != "here:1" {
		t.Errorf("event %+v attempt %+v", e, a)
	}
	if p := a.Phases; p.TotalMS <= 0 || p.FirstByteMS <= 0 || p.FirstByteMS > p.TotalMS || p.ConnectMS <= 0 || p.DNSMS != 0 || p.TLSMS != 0 {
		t.Errorf("phases: %+v", p)
	}
	want := &job.Response{StatusCode: 201, Body: "made", BodyEncoding: "text",
		Headers: map[string]string{"X-One": "1, 2", "Date": "now", "Content-Length": "4", "Content-Type": "text/plain; charset=utf-8"}}
	if diff := cmp.Diff(want, e.Response); diff != "" {
		t.Error(diff)
	}
	if outcome.RetryAt != nil || len(outcome.Made) != 1 || outcome.Made[0].N != 1 {
		t.Errorf("outcome: %+v", outcome)
	}
}

func TestDeliverUntilUsedUp(t *testing.T) {
	target := answering(t, 503, "busy")
	b := newBench(t)
	task := taskFor(target.URL)
	for n := 1; n <= 3; n++ {
		outcome, err := b.Deliver(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		if len(outcome.Made) != n || outcome.Made[n-1].N != n {
			t.Fatalf("after attempt %d: %+v", n, outcome.Made)
		}
		e := b.journal.last()
		if (outcome.RetryAt == nil) != (n == 3) || (e.Attempt.NextRetryAt == nil) != (n == 3) {
			t.Fatalf("after attempt %d: retry at %v and %v", n, outcome.RetryAt, e.Attempt.NextRetryAt)
		}
		task.Made = outcome.Made
	}
	equal(t, "states", b.journal.states(), []job.State{job.StateRunning, job.StateRetrying,
		job.StateRunning, job.StateRetrying, job.StateRunning, job.StateFailed})
	if e := b.journal.last(); e.Reason != "status_503" || errorOf(e.Attempt) != "the target answered 503 Service Unavailable" {
		t.Errorf("last: %+v (%s)", e, errorOf(e.Attempt))
	}
	// Delivered once more, the run ends again without a call.
	outcome, err := b.Deliver(t.Context(), task)
	if err != nil || outcome.RetryAt != nil || len(outcome.Made) != 3 {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if e := b.journal.last(); e.State != job.StateFailed || e.Reason != "status_503" || len(b.journal.events) != 7 {
		t.Errorf("the end was not repeated: %+v", e)
	}
}

func TestDeliverNumbersAfterRepeats(t *testing.T) {
	var got string
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Schedule-Attempt")
	}))
	defer target.Close()
	b := newBench(t)
	retry := start
	task := taskFor(target.URL)
	task.Made = []job.Attempt{{N: 2, StartedAt: 5, NextRetryAt: &retry}, {N: 1, StartedAt: 1, NextRetryAt: &retry},
		{N: 2, StartedAt: 3}}
	outcome, err := b.Deliver(t.Context(), task)
	if err != nil || got != "3" || len(outcome.Made) != 4 || outcome.Made[3].N != 3 {
		t.Errorf("attempt %q, %+v, %v", got, outcome, err)
	}
}

func TestDeliverRetryAfter(t *testing.T) {
	target := answering(t, 429, "", "Retry-After", "120")
	b := newBench(t)
	if e := b.deliver(t, taskFor(target.URL)); *e.Attempt.NextRetryAt != start+120_000 {
		t.Errorf("retry at %v", e.Attempt.NextRetryAt)
	}
	until := start + 120_000
	b = newBench(t) // that one holds the host back now
	e := b.deliver(t, taskFor(target.URL, func(t *job.Task) { t.RetryUntil = &until }))
	if e.State != job.StateFailed || e.Reason != "status_429" {
		t.Errorf("a retry at the next occurrence: %+v", e)
	}
}

// A retry that comes late, because all workers or its host had no room for it, is not made any more.
func TestDeliverRetryThatComesTooLate(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a call was made") }))
	defer target.Close()
	for name, change := range map[string]func(*job.Task){
		"the next occurrence is due": func(task *job.Task) { task.RetryUntil = new(start) },
		"max_retry_duration is over": func(task *job.Task) { task.Policy.Retry.MaxRetryDuration = job.Duration(10 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			task := taskFor(target.URL, change)
			task.Made = []job.Attempt{{N: 1, StartedAt: start - 10_001, NextRetryAt: new(start - 5000), Reason: job.StatusReason(503)}}
			outcome, err := b.Deliver(t.Context(), task)
			if err != nil || outcome.RetryAt != nil || outcome.HeldUntil != nil || len(outcome.Made) != 1 {
				t.Fatalf("%+v, %v", outcome, err)
			}
			if e := b.journal.last(); e.State != job.StateFailed || e.Reason != "status_503" || e.N != 1 || e.Attempt != nil {
				t.Errorf("the run ended with %+v", e)
			}
		})
	}
}

// A run whose host is held back until its job's next occurrence fails, so that that one is no overlap.
func TestDeliverAtAHostThatIsHeldBack(t *testing.T) {
	target := answering(t, 503, "", "Retry-After", "120")
	b := newBench(t)
	b.deliver(t, taskFor(target.URL))
	for name, tc := range map[string]struct {
		until *job.Instant
		made  []job.Attempt
		want  job.Reason
	}{
		"no next occurrence":          {},
		"the next one after the hold": {until: new(start + 200_000)},
		"the next one soon after the hold, before the queue surely brings the run back": {until: new(start + 121_500), want: job.ReasonCircuitOpen},
		"the next one when the queue has surely brought it back":                        {until: new(start + 121_600)},
		"the next one before its end":                                                   {until: new(start + 60_000), want: job.ReasonCircuitOpen},
		"a retry": {until: new(start + 60_000), want: "status_500",
			made: []job.Attempt{{N: 1, StartedAt: start - 100, NextRetryAt: new(start), Reason: job.StatusReason(500)}}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.journal.states())
			outcome, err := b.Deliver(t.Context(), taskFor(target.URL, func(task *job.Task) { task.RetryUntil, task.Made = tc.until, tc.made }))
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == "" {
				if outcome.HeldUntil == nil || len(b.journal.states()) != before {
					t.Errorf("%+v, events: %v", outcome, b.journal.states())
				}
				return
			}
			if e := b.journal.last(); outcome.HeldUntil != nil || e.State != job.StateFailed || e.Reason != tc.want || e.Attempt != nil || e.N != len(tc.made) {
				t.Errorf("%+v, event %+v", outcome, e)
			}
		})
	}
}

func TestDeliverCanceled(t *testing.T) {
	calls := 0
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(500)
	}))
	defer target.Close()
	t.Run("before the call", func(t *testing.T) {
		b := newBench(t)
		b.journal.canceled[job.StateRunning] = true
		outcome, err := b.Deliver(t.Context(), taskFor(target.URL))
		if err != nil || outcome.RetryAt != nil || calls != 0 {
			t.Fatalf("%+v, %v, %d calls", outcome, err, calls)
		}
		equal(t, "states", b.journal.states(), []job.State{job.StateRunning, job.StateCanceled})
		if e := b.journal.last(); e.Reason != job.ReasonCanceled {
			t.Errorf("reason %s", e.Reason)
		}
	})
}

func TestDeliverWhileReporterIsAway(t *testing.T) {
	target := answering(t, 200, "")
	b := newBench(t)
	b.journal.failures = 2
	b.expect(t, taskFor(target.URL), job.ReasonOK)

	b.journal.failures = 1 << 30
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if _, err := b.Deliver(ctx, taskFor(target.URL)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// A shutdown in mid-call leaves no attempt behind; one right after the call does not lose it.
func TestDeliverShutdown(t *testing.T) {
	entered := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	defer hang.Close()
	b := newBench(t)
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-entered; stop() }()
	outcome, err := b.Deliver(ctx, taskFor(hang.URL))
	if !errors.Is(err, context.Canceled) || outcome.Made != nil {
		t.Fatalf("%+v, %v", outcome, err)
	}
	equal(t, "states", b.journal.states(), []job.State{job.StateRunning})

	b = newBench(t)
	ctx, stop = context.WithCancel(t.Context())
	task := taskFor(answering(t, 200, "").URL)
	a := b.attempt(ctx, task, 1)
	stop()
	if _, err := b.account(ctx, task, &a); err != nil {
		t.Fatal(err)
	}
	equal(t, "states", b.journal.states(), []job.State{job.StateSucceeded})
}

// A run that is canceled in mid-call ends with the call that was cut off in its account.
func TestDeliverCutOff(t *testing.T) {
	entered := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	defer hang.Close()
	b := newBench(t)
	ctx, cut := context.WithCancelCause(t.Context())
	go func() { <-entered; cut(job.ErrCanceled) }()
	outcome, err := b.Deliver(ctx, taskFor(hang.URL))
	if err != nil || outcome.RetryAt != nil || len(outcome.Made) != 1 {
		t.Fatalf("%+v, %v", outcome, err)
	}
	equal(t, "states", b.journal.states(), []job.State{job.StateRunning, job.StateCanceled})
	if e := b.journal.last(); e.Reason != job.ReasonCanceled || e.Attempt == nil || e.Attempt.Reason != job.ReasonCanceled {
		t.Errorf("the end is %+v", e)
	}
}

func TestDeliverEndedContext(t *testing.T) {
	b := newBench(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := b.Deliver(ctx, taskFor("http://a.test/")); !errors.Is(err, context.Canceled) || len(b.journal.events) != 0 {
		t.Errorf("%v, %v", err, b.journal.events)
	}
}

func TestRequestOnTheWire(t *testing.T) {
	var got *http.Request
	var body string
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got, body = r, string(data)
	}))
	defer target.Close()
	b := newBench(t)
	host := strings.TrimPrefix(target.URL, "http://")

	b.expect(t, taskFor("http://me:se%20cret@"+host+"/定时 任务?q=值#x", func(t *job.Task) {
		t.JobID = "定时 任务/1?&%"
		t.Request.Method = "PUT"
		t.Request.Headers = map[string]string{"host": "virtual.test", "x-own": "é", "user-agent": "mine/1", "X-Schedule-Attempt": "77"}
		t.Request.Body, t.Request.BodyEncoding = "AAEC/w==", "base64"
	}), job.ReasonOK)
	if got.Method != "PUT" || got.RequestURI != "/%E5%AE%9A%E6%97%B6%20%E4%BB%BB%E5%8A%A1?q=%E5%80%BC" || got.Host != "virtual.test" ||
		body != "\x00\x01\x02\xff" || got.ContentLength != 4 {
		t.Errorf("%s %s at %s, body %q of %d", got.Method, got.RequestURI, got.Host, body, got.ContentLength)
	}
	user, password, _ := got.BasicAuth()
	if user != "me" || password != "se cret" {
		t.Errorf("basic auth %q %q", user, password)
	}
	want := http.Header{
		"Idempotency-Key": {"01JRUN"}, "Webhook-Id": {"01JRUN"}, "Webhook-Timestamp": {"1800000000"},
		"X-Schedule-Job-Id": {"%E5%AE%9A%E6%97%B6%20%E4%BB%BB%E5%8A%A1%2F1%3F%26%25"}, "X-Schedule-Run-Id": {"01JRUN"},
		"X-Schedule-Time": {"2027-01-15T07:59:59.750Z"}, "X-Schedule-Attempt": {"1"}, "User-Agent": {"mine/1"}, "X-Own": {"é"},
		"Content-Length": {"4"}, "Accept-Encoding": {"gzip"},
		"Traceparent": {traceparent("01JRUN", 1)}, "Authorization": got.Header["Authorization"],
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Error(diff)
	}

	b.expect(t, taskFor(target.URL, func(t *job.Task) { t.Request.Method, t.Request.Body = "POST", `{"a":1}` }), job.ReasonOK)
	if ua := got.Header.Get("User-Agent"); ua != "schedule-server/1.2.3" || body != `{"a":1}` {
		t.Errorf("%s, body %q", ua, body)
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "DELETE", "POST", "PATCH"} {
		b.expect(t, taskFor(target.URL, func(t *job.Task) { t.Request.Method = method }), job.ReasonOK)
		if got.Method != method || len(got.TransferEncoding) != 0 || got.ContentLength != 0 {
			t.Errorf("%s arrived as %s, %v, %d", method, got.Method, got.TransferEncoding, got.ContentLength)
		}
	}
}

func TestInvalidRequests(t *testing.T) {
	b := newBench(t)
	tests := map[string]func(*job.Task){
		"a scheme": func(t *job.Task) { t.Request.URL = "ftp://a.test/" },
		"no URL":   func(t *job.Task) { t.Request.URL = "" },
		"base64":   func(t *job.Task) { t.Request.Body, t.Request.BodyEncoding = "???", "base64" },
		"header":   func(t *job.Task) { t.Request.Headers = map[string]string{"X-A": "a\r\nX-B: b"} },
		"name":     func(t *job.Task) { t.Request.Headers = map[string]string{"X A": "a"} },
		"host":     func(t *job.Task) { t.Request.Headers = map[string]string{"Host": "a b\n"} },
		"method":   func(t *job.Task) { t.Request.Method = "GET /" },
		"pattern":  func(t *job.Task) { t.Policy.Success.BodyMatch = "(" },
		"pattern2": func(t *job.Task) { t.Policy.Success.BodyNotMatch = "(" },
		"status":   func(t *job.Task) { t.Policy.Success.Status = []string{"2yy"} },
	}
	for name, change := range tests {
		e := b.expect(t, taskFor("http://127.0.0.1:1/", change), job.ReasonInvalidRequest)
		if e.State != job.StateFailed || e.Reason != job.ReasonInvalidRequest || e.Response != nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestNewFaults(t *testing.T) {
	now := func() job.Instant { return 0 }
	for want, o := range map[string]Options{
		"Options.Now": {}, `"10.0.0.0/99"`: {Now: now, Allow: []string{"10.0.0.0/99"}},
		"--proxy: the scheme must": {Now: now, Proxy: "ftp://u:hush@p.test"}, "--proxy: the URL": {Now: now, Proxy: "http://u:hush@p.test:x"},
		"--proxy: the URL has no host": {Now: now, Proxy: "http://"}, "--proxy: the scheme is missing: write it like http://127.0.0.1:3128": {Now: now, Proxy: "127.0.0.1:3128"},
		"--webhook-secret: ": {Now: now, WebhookSecret: "hush"}, `--no-proxy: "a b"`: {Now: now, Proxy: "http://p.test", NoProxy: []string{"a b"}},
		`--no-proxy: "private"`:              {Now: now, Proxy: "http://p.test", NoProxy: []string{"private"}},
		"--nat64-prefixes: ":                 {Now: now, NAT64: []string{"2001:db8::/65"}},
		"--proxy: the port":                  {Now: now, Proxy: "http://u:hush@p.test:99999"},
		"--proxy: the host ends in a number": {Now: now, Proxy: "socks5://2130706433:1080"},
		"the host has a dot with no name":    {Now: now, PublicURL: "https://cron..test"},
	} {
		_, err := New(&journal{}, o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", want, err)
		}
	}
	w, err := New(&journal{}, Options{Now: now})
	if err != nil || w.pools.secure.proxied != nil || w.pools.secure.direct.Proxy != nil ||
		w.pools.secure.direct.MaxIdleConnsPerHost == 0 || w.pools.secure.direct.IdleConnTimeout == 0 {
		t.Errorf("defaults: %+v, %v", w, err)
	}
}
