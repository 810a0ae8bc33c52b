package worker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"schedule-server/pkg/job"
)

// request is a call's HTTP request in the parts that redirects change.
type request struct {
	method string
	url    *url.URL
	// host goes into the Host header. Empty: the URL's.
	host string
	// header has the names as they are sent, which HTTP/2 turns into lower case.
	header http.Header
	body   []byte
	// gzip says that the answer may come packed by gzip because the worker, not the job, asked for it.
	gzip bool
	// signature signs the body anew when a redirect takes it away.
	signature signature
	// token is the access token that the request carries; its zero value when it carries none.
	token token
	// secretHeaders are the headers that were filled from a secret; secretBody says so of the body.
	secretHeaders []string
	secretBody    bool
	// away says that a redirect has led to another origin, where no secret goes.
	away bool
}

// newRequest makes the first request of an attempt, without its Authorization. An
// error means that the definition cannot be called.
func (w *Worker) newRequest(f *filler) (*request, error) {
	task := f.task
	text, err := f.fillURL(&task.Request)
	if err != nil {
		return nil, err
	}
	target, err := job.ParseTarget(text)
	if err != nil {
		return nil, err
	}
	r := &request{method: task.Request.Method, url: target}
	if r.secretBody, err = f.usesSecret(func() error { r.body, err = f.fillBody(&task.Request); return err }); err != nil {
		return nil, err
	}
	if r.method == "" {
		r.method = http.MethodGet
	}
	r.header = make(http.Header, len(task.Request.Headers)+13)
	if err := r.addOwn(f); err != nil {
		return nil, err
	}
	if stray := task.Request.StraySecret(task.SecretHosts, r.url, r.host); stray != nil {
		return nil, stray
	}
	w.addServiceHeaders(r, f)
	if u := target.User; u != nil && !r.has("Authorization") {
		password, _ := u.Password()
		(&http.Request{Header: r.header}).SetBasicAuth(u.Username(), password)
	}
	return r, w.sign(r, f)
}

// build makes the request that goes to the transport. Target is its URL in the form that goes into the request line.
func (r *request) build(ctx context.Context, target *url.URL) *http.Request {
	req := (&http.Request{
		Method: r.method, URL: target, Host: r.host, Header: r.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}).WithContext(ctx)
	if len(r.body) == 0 {
		return req
	}
	body := r.body
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	return req
}

// redirect makes the request that follows an answer to this one. Methods
// change as browsers do it: 303 turns all but HEAD into GET, 301 and 302 turn
// POST into GET, 307 and 308 change nothing. To another origin go neither
// credentials nor what was filled from a secret; the error says that there is no
// request without it.
func (r *request) redirect(status int, to *url.URL) (*request, error) {
	next := &request{method: r.method, url: to, host: r.host, header: r.header.Clone(), body: r.body,
		gzip: r.gzip, signature: r.signature, token: r.token, secretHeaders: r.secretHeaders, secretBody: r.secretBody, away: r.away}
	toGet := status == http.StatusSeeOther && r.method != http.MethodHead ||
		(status == http.StatusMovedPermanently || status == http.StatusFound) && r.method == http.MethodPost
	if toGet && r.method != http.MethodGet {
		next.method, next.body, next.secretBody = http.MethodGet, nil, false
		for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"} {
			next.remove(name)
		}
		if len(r.signature.keys) > 0 {
			next.header[headerSignature] = []string{r.signature.of(nil)}
		}
	}
	if !sameOrigin(r.url, to) {
		if next.secretBody {
			return nil, fmt.Errorf("the redirect would take the body, which holds a secret, to %s", to.Host)
		}
		next.host, next.away, next.secretHeaders = "", true, nil
		for name := range next.header {
			if isCredential(name) || slices.Contains(r.secretHeaders, name) {
				delete(next.header, name)
			}
		}
	}
	if u := to.User; u != nil && !next.has("Authorization") {
		password, _ := u.Password()
		(&http.Request{Header: next.header}).SetBasicAuth(u.Username(), password)
	}
	return next, nil
}

// sameOrigin reports whether credentials for the one go to the other too: same
// scheme, host and port, or the step from http to https on their usual ports.
func sameOrigin(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	if from.Scheme == to.Scheme {
		return portOf(from) == portOf(to)
	}
	return from.Scheme == "http" && portOf(from) == "80" && portOf(to) == "443"
}

// portOf is the URL's port, or its scheme's.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// isCredential reports whether a header of the definition is kept from another
// host. Beside those that are named like a credential, any with a key in its name
// is: targets like to be given an X-Api-Key-V2.
func isCredential(name string) bool {
	return job.CarriesCredentials(name) || name != headerIdempotencyKey && strings.Contains(strings.ToLower(name), "key")
}
