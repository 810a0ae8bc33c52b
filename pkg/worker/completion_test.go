package worker

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func newLongBench(t *testing.T) (*bench, *job.Completions) {
	t.Helper()
	keys, err := job.ParseKeys(strings.Repeat("0f", 32))
	if err != nil {
		t.Fatal(err)
	}
	return newBench(t, func(o *Options) { o.PublicURL, o.Keys = "https://cron.example.com/base/", keys }), keys.Completions()
}

func TestTargetAsksForTime(t *testing.T) {
	b, tokens := newLongBench(t)
	for _, c := range []struct {
		status int
		wait   string
		want   time.Duration // zero: an ordinary success
	}{
		{202, "10m", 10 * time.Minute}, {202, "1s", time.Second}, {202, "90d", job.MaxWait},
		{202, "", 0}, {202, "soon", 0}, {202, "0s", 0}, {202, "-5m", 0}, {202, "999ms", 0}, {200, "10m", 0},
	} {
		target := answering(t, c.status, "", headerWait, c.wait)
		outcome, err := b.Deliver(t.Context(), taskFor(target.URL))
		e := b.journal.last()
		if err != nil || outcome.RetryAt != nil || len(outcome.Made) != 1 {
			t.Fatalf("%+v, %v", outcome, err)
		}
		switch until := e.Attempt.WaitUntil; {
		case c.want == 0 && (e.State != job.StateSucceeded || until != nil):
			t.Errorf("%d %q: %s until %v", c.status, c.wait, e.State, until)
		case c.want > 0 && (e.State != job.StateRunning || e.Reason != "" || until == nil || until.Sub(start) != c.want):
			t.Errorf("%d %q: %s until %v", c.status, c.wait, e.State, until)
		}
		if c.want > 0 { // delivered once more, it is reported once more, and not called
			task := taskFor(target.URL, func(t *job.Task) { t.Made = outcome.Made })
			target.Close()
			if again := b.deliver(t, task); again.State != job.StateRunning || again.Attempt.WaitUntil == nil {
				t.Errorf("again: %+v", again)
			}
		}
	}
	if _, ok := tokens.Check("01JRUN", "1.x"); ok {
		t.Error("any token passes")
	}
}

func TestCompletionURL(t *testing.T) {
	var sent, followed string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		followed = r.Header.Get(headerCompletion)
	}))
	defer other.Close()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get(headerCompletion)
		if r.URL.Path == "/away" {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("X-Echo", sent)
		_, _ = w.Write([]byte("you sent " + sent))
	}))
	defer target.Close()
	b, tokens := newLongBench(t)
	e := b.expect(t, taskFor(target.URL), job.ReasonOK)
	token := tokens.Token("01JRUN", 1)
	if want := "https://cron.example.com/base/api/v1/runs/01JRUN/complete?token=" + token; sent != want {
		t.Errorf("sent %q", sent)
	}
	if strings.Contains(e.Response.Body, token) || strings.Contains(e.Response.Headers["X-Echo"], token) || !strings.Contains(e.Response.Body, hidden) {
		t.Errorf("the token is kept: %+v", e.Response)
	}
	b.expect(t, taskFor(target.URL+"/away", func(t *job.Task) { t.Request.FollowRedirects = 1 }), job.ReasonOK)
	if followed != "" {
		t.Errorf("another host was given %q", followed)
	}
	newBench(t).expect(t, taskFor(target.URL), job.ReasonOK)
	if sent != "" {
		t.Errorf("sent %q without a key", sent)
	}
	for _, wrong := range []string{"cron.example.com", "ftp://a", "https://", "https://u:p@a", "https://a?b", "https://a#b", "%"} {
		if err := (&Options{PublicURL: wrong}).Check(); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q is taken for a URL: %v", wrong, err)
		}
	}
}
