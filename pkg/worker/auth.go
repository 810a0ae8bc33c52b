package worker

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"

	"schedule-server/pkg/job"
)

const (
	// tokenTimeout bounds the fetch of a token. It may be cut short by the attempt's own end.
	tokenTimeout = 10 * time.Second
	maxTokens    = 1000
)

// tokenError is a token that was not to be had.
type tokenError struct{ err error }

// Error says why, without what was sent or answered.
func (e *tokenError) Error() string { return "no token from the token URL: " + e.err.Error() }

// Unwrap gives the cause.
func (e *tokenError) Unwrap() error { return e.err }

// authorize puts the request's credentials into its Authorization header.
func (w *Worker) authorize(ctx context.Context, t *transports, r *request, f *filler) error {
	a := f.task.Request.Auth
	if a == nil {
		return nil
	}
	var value string
	var err error
	switch a.Type {
	case job.AuthBasic:
		value, err = f.basic(a)
	case job.AuthBearer:
		value, err = f.credential("auth.token", a.Token)
		value = "Bearer " + value
	case job.AuthOAuth2:
		r.token, err = w.token(ctx, t, a, f)
		value = "Bearer " + r.token.secret
	default:
		err = fmt.Errorf("auth: there is no type %q", a.Type)
	}
	if err != nil {
		return err
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return errors.New("auth: a credential holds control characters")
	}
	r.header["Authorization"] = []string{value}
	return nil
}

func (f *filler) basic(a *job.Auth) (string, error) {
	username, err := f.public(a.Username)
	if err != nil {
		return "", err
	}
	password := ""
	if a.Password != "" {
		if password, err = f.credential("auth.password", a.Password); err != nil {
			return "", err
		}
	}
	pair := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	f.remember("auth", pair)
	return "Basic " + pair, nil
}

// token is an access token and what it was fetched with.
type token struct {
	key    tokenKey
	secret string
}

type tokenKey [sha256.Size]byte

// tokens are the access tokens of a worker, by the credentials that they were
// fetched with. Its zero value is ready.
type tokens struct {
	mu       sync.Mutex
	known    map[tokenKey]*oauth2.Token
	fetching singleflight.Group
}

// token gives the access token for the request's client credentials: the one at
// hand as long as it is good, else a new one, for all who wait for it.
func (w *Worker) token(ctx context.Context, t *transports, a *job.Auth, f *filler) (token, error) {
	id, err := f.public(a.ClientID)
	if err != nil {
		return token{}, err
	}
	secret, err := f.credential("auth.client_secret", a.ClientSecret)
	if err != nil {
		return token{}, err
	}
	endpoint, err := job.ParseTarget(a.TokenURL) // a stored one may be older than its checks
	if err != nil {
		return token{}, inField("auth.token_url", err)
	}
	config := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: endpoint.String(), Scopes: a.Scopes}
	text, err := json.Marshal([]any{a.TokenURL, id, secret, a.Scopes})
	if err != nil {
		return token{}, err
	}
	key := tokenKey(sha256.Sum256(text))
	got, err := w.tokens.get(ctx, key, func(ctx context.Context) (*oauth2.Token, error) {
		client := &http.Client{Transport: guarded{w, t}, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
		return config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	})
	if err != nil {
		return token{}, err
	}
	f.remember("token", got.AccessToken)
	return token{key, got.AccessToken}, nil
}

// get gives the token at hand, or has one fetched. A fetch goes on for the others when one of those who wait has had enough.
func (s *tokens) get(ctx context.Context, key tokenKey, fetch func(context.Context) (*oauth2.Token, error)) (*oauth2.Token, error) {
	s.mu.Lock()
	known := s.known[key]
	s.mu.Unlock()
	if known.Valid() {
		return known, nil
	}
	fetched := s.fetching.DoChan(string(key[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
		defer cancel()
		got, err := fetch(ctx)
		if err != nil {
			return nil, &tokenError{tokenFault(err)}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.known == nil || len(s.known) >= maxTokens {
			s.known = make(map[tokenKey]*oauth2.Token)
		}
		s.known[key] = got
		return got, nil
	})
	select {
	case result := <-fetched:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*oauth2.Token), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// drop forgets a token that a target refused, unless a newer one has taken its place.
func (s *tokens) drop(refused token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.known[refused.key]; known != nil && known.AccessToken == refused.secret {
		delete(s.known, refused.key)
	}
}

// tokenFault words a failed fetch: the library's own text repeats the answer, which may repeat what was sent.
func tokenFault(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		reason := reasonOf(err)
		return fmt.Errorf("%s: %w", reason, explain(reason, err))
	}
	text := fmt.Sprintf("it answered %d", refused.Response.StatusCode)
	if refused.ErrorCode != "" {
		text += " " + refused.ErrorCode
	}
	return errors.New(text)
}

// guarded sends requests that are no calls of their own, a token's, under the rules of all others.
type guarded struct {
	w *Worker
	t *transports
}

// RoundTrip sends the request, unless its target is blocked.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", g.w.agent)
	if !g.w.proxy.takes(r.URL) {
		return g.t.direct.RoundTrip(r)
	}
	if err := g.w.checkProxied(r.URL, ""); err != nil {
		return nil, err
	}
	return g.t.proxied.RoundTrip(r)
}
