package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"schedule-server/pkg/job"
)

func TestBasicAndBearer(t *testing.T) {
	target, got := recording(t, nil)
	b := newBench(t, withKeys(t))
	for want, auth := range map[string]job.Auth{
		"Basic YW5uOnBhc3M6d8O2cmQ=": {Type: job.AuthBasic, Username: "ann", Password: "pass:wörd"},
		"Basic YW5uOg==":             {Type: job.AuthBasic, Username: "ann"},
		"Basic OmtleQ==":             {Type: job.AuthBasic, Password: "{{ secret.KEY }}"},
		"Bearer t0ken":               {Type: job.AuthBearer, Token: "t0ken"},
		"Bearer key":                 {Type: job.AuthBearer, Token: " {{ secret.KEY }} "},
	} {
		task := taskFor(target.URL, func(t *job.Task) { t.Request.Auth = &auth }, withSecrets(t, "KEY", "key"))
		if text, _ := json.Marshal(task); strings.Contains(string(text), "wörd") || strings.Contains(string(text), "t0ken") {
			t.Errorf("the task holds %s", text)
		}
		b.expect(t, task, job.ReasonOK)
		if value := got.Header.Get("Authorization"); value != want {
			t.Errorf("sent %q, want %q", value, want)
		}
	}
	b.expect(t, taskFor(target.URL, func(t *job.Task) { t.Request.Auth = &job.Auth{Type: job.AuthBearer, Token: "{{ secret.KEY }}"} },
		withSecrets(t, "KEY", "a\nb")), job.ReasonInvalidRequest)
}

// issuer is a token endpoint, and a target that takes its latest token.
type issuer struct {
	*httptest.Server
	issued, calls atomic.Int64
	mu            sync.Mutex
	// answer is what the token endpoint does; nil: it gives a new token for one hour.
	answer func(w http.ResponseWriter, r *http.Request)
	valid  string
	form   string
}

func newIssuer(t testing.TB) *issuer {
	s := &issuer{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		n := s.issued.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		id, secret, _ := r.BasicAuth()
		s.form = id + " " + secret + " " + r.PostFormValue("grant_type") + " " + r.PostFormValue("scope")
		if s.answer != nil {
			s.answer(w, r)
			return
		}
		s.valid = fmt.Sprintf("token-%d", n)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, s.valid)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.valid == "" || r.Header.Get("Authorization") != "Bearer "+s.valid {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = fmt.Fprint(w, r.Header.Get("Authorization"))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// expire makes the token that was given out invalid.
func (s *issuer) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.valid = "none"
}

func (s *issuer) task(t testing.TB) *job.Task {
	return taskFor(s.URL, func(task *job.Task) {
		task.Request.Auth = &job.Auth{Type: job.AuthOAuth2, TokenURL: s.URL + "/token", ClientID: "me", ClientSecret: "hush-hush", Scopes: []string{"a", "b"}}
	}, withSecrets(t))
}

func TestOAuth2(t *testing.T) {
	s := newIssuer(t)
	b := newBench(t, withKeys(t))
	e := b.expect(t, s.task(t), job.ReasonOK)
	if s.form != "me hush-hush client_credentials a b" || e.Response.Body != "Bearer "+job.Redacted {
		t.Errorf("fetched with %q, kept %q", s.form, e.Response.Body)
	}
	b.expect(t, s.task(t), job.ReasonOK)
	if s.issued.Load() != 1 {
		t.Errorf("%d tokens for two calls", s.issued.Load())
	}
	s.expire()
	b.expect(t, s.task(t), job.ReasonOK)
	if s.issued.Load() != 2 || s.calls.Load() != 4 {
		t.Errorf("%d tokens, %d calls after a refusal", s.issued.Load(), s.calls.Load())
	}
	other := s.task(t)
	other.Request.Auth.Scopes = []string{"c"}
	b.expect(t, other, job.ReasonOK)
	if s.issued.Load() != 3 {
		t.Errorf("%d tokens for other scopes", s.issued.Load())
	}
}

// A target that refuses a new token too is asked twice, no more.
func TestOAuth2RefusedForGood(t *testing.T) {
	s := newIssuer(t)
	target, _ := recording(t, func(w http.ResponseWriter, _ *recorded) { w.WriteHeader(401) })
	b := newBench(t, withKeys(t))
	task := s.task(t)
	task.Request.URL = target.URL
	b.expect(t, task, "status_401")
	if s.issued.Load() != 2 {
		t.Errorf("%d tokens", s.issued.Load())
	}
}

func TestOAuth2Faults(t *testing.T) {
	b := newBench(t, withKeys(t))
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		text   string
	}{
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = fmt.Fprint(w, `{"error":"invalid_client","error_description":"hush-hush is wrong"}`)
		}, "it answered 400 invalid_client"},
		"a page": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503); _, _ = fmt.Fprint(w, "hush-hush") }, "it answered 503"},
		"no token": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{}`)
		}, ""},
		"redirected": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "it answered 302"},
		"broken off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "reset"},
	} {
		s := newIssuer(t)
		s.Config.ErrorLog = discardLog()
		s.answer = test.answer
		e := b.expect(t, s.task(t), job.ReasonAuthFailed)
		if text := errorOf(e.Attempt); !strings.Contains(text, test.text) || strings.Contains(text, "hush") {
			t.Errorf("%s: %s", name, text)
		}
		if e.State != job.StateRetrying || e.Response != nil || s.calls.Load() != 0 {
			t.Errorf("%s: %+v after %d calls", name, e, s.calls.Load())
		}
	}
	refused := newIssuer(t).task(t)
	refused.Request.Auth.TokenURL = "http://" + closedPort(t)
	if e := b.expect(t, refused, job.ReasonAuthFailed); !strings.Contains(errorOf(e.Attempt), "connect_refused") {
		t.Errorf("%s", errorOf(e.Attempt))
	}
	inside := newIssuer(t).task(t)
	inside.Request.Auth.TokenURL = "http://169.254.169.254/token"
	if e := b.expect(t, inside, job.ReasonAuthFailed); !strings.Contains(errorOf(e.Attempt), "blocked_target") {
		t.Errorf("%s", errorOf(e.Attempt))
	}
}

// A token endpoint that says nothing holds a call up no longer than its own timeout.
func TestOAuth2Stalls(t *testing.T) {
	released := make(chan struct{})
	s := newIssuer(t)
	s.answer = func(http.ResponseWriter, *http.Request) { <-released }
	task := s.task(t)
	attemptTimeoutOf(100 * time.Millisecond)(task)
	newBench(t, withKeys(t)).expect(t, task, job.ReasonTimeout)
	close(released)
}

// Many who need the same token at once cause one fetch, and who has had enough does not end it for the others.
func TestTokensAreFetchedOnce(t *testing.T) {
	var s tokens
	fetching, release := make(chan struct{}), make(chan struct{})
	var fetched atomic.Int64
	fetch := func(context.Context) (*oauth2.Token, error) {
		if fetched.Add(1) == 1 {
			close(fetching)
		}
		<-release
		return &oauth2.Token{AccessToken: "t"}, nil
	}
	impatient, giveUp := context.WithCancelCause(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if _, err := s.get(impatient, tokenKey{}, fetch); err != errDone {
			t.Errorf("the first ended with %v", err)
		}
	})
	<-fetching
	for range 8 {
		waiting.Go(func() {
			if got, err := s.get(t.Context(), tokenKey{}, fetch); err != nil || got.AccessToken != "t" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	giveUp(errDone)
	close(release)
	waiting.Wait()
	s.drop(token{secret: "other"})
	if got, err := s.get(t.Context(), tokenKey{}, fetch); err != nil || got.AccessToken != "t" || fetched.Load() > 2 {
		t.Errorf("%v, %v, %d fetches", got, err, fetched.Load())
	}
	for i := range maxTokens + 1 {
		if _, err := s.get(t.Context(), tokenKey{byte(i), byte(i >> 8), 1}, fetch); err != nil || len(s.known) > maxTokens {
			t.Fatalf("%v, %d are kept", err, len(s.known))
		}
	}
}
