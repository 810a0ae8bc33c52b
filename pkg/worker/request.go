package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"schedule-server/pkg/job"
)

// request is a call's HTTP request in the parts that redirects change.
type request struct {
	method string
	url    *url.URL
	// host goes into the Host header. Empty: the URL's.
	host   string
	header http.Header
	body   []byte
	// signature signs the body anew when a redirect takes it away.
	signature signature
	// token is the access token that the request carries; its zero value when it carries none.
	token token
}

// newRequest makes the first request of an attempt, without its Authorization. An
// error means that the definition cannot be called.
func (w *Worker) newRequest(f *filler) (*request, error) {
	task := f.task
	text, body, err := f.fillRequest(&task.Request)
	if err != nil {
		return nil, err
	}
	target, err := job.ParseTarget(text)
	if err != nil {
		return nil, err
	}
	r := &request{method: task.Request.Method, url: target, body: body}
	if r.method == "" {
		r.method = http.MethodGet
	}
	r.header = make(http.Header, len(task.Request.Headers)+11)
	r.header["User-Agent"] = []string{w.agent}
	for name, value := range task.Request.Headers {
		if !task.Request.Literal && job.HasTemplate(value) {
			if value, err = f.fill(value, maxFilledHeader, asItIs); err != nil {
				return nil, inField("headers."+name, err)
			}
			if !httpguts.ValidHeaderFieldValue(value) {
				return nil, fmt.Errorf("headers.%s: with its templates filled in it holds control characters", name)
			}
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if name == "Host" {
			r.host = value
			continue
		}
		r.header[name] = []string{value}
	}
	if !httpguts.ValidHostHeader(r.host) {
		return nil, errors.New("the Host header is not a host")
	}
	f.addServiceHeaders(r.header)
	w.links.add(r.header, f.task.RunID, f.n)
	if u := target.User; u != nil && r.header["Authorization"] == nil {
		password, _ := u.Password()
		(&http.Request{Header: r.header}).SetBasicAuth(u.Username(), password)
	}
	return r, w.sign(r, f)
}

// addServiceHeaders sets what tells the target which run is calling. They win
// over headers of the same name in the definition.
func (f *filler) addServiceHeaders(h http.Header) {
	// One array for all values: each header is a slice of it.
	values := [...]string{f.task.RunID, f.unix(), headerText(f.task.JobID),
		f.task.ScheduledAt.String(), strconv.Itoa(f.n), ""}
	h["Idempotency-Key"] = values[0:1:1]
	h["Webhook-Id"] = values[0:1:1]
	h["X-Schedule-Run-Id"] = values[0:1:1]
	h["Webhook-Timestamp"] = values[1:2:2]
	h["X-Schedule-Job-Id"] = values[2:3:3]
	h["X-Schedule-Time"] = values[3:4:4]
	h["X-Schedule-Attempt"] = values[4:5:5]
	if h["Traceparent"] == nil { // a job may have one of its own
		values[5] = traceparent(f.task.RunID, f.n)
		h["Traceparent"] = values[5:6:6]
	}
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
// POST into GET, 307 and 308 change nothing.
func (r *request) redirect(status int, to *url.URL) *request {
	next := &request{method: r.method, url: to, host: r.host, header: r.header.Clone(), body: r.body,
		signature: r.signature, token: r.token}
	toGet := status == http.StatusSeeOther && r.method != http.MethodHead ||
		(status == http.StatusMovedPermanently || status == http.StatusFound) && r.method == http.MethodPost
	if toGet && r.method != http.MethodGet {
		next.method, next.body = http.MethodGet, nil
		for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"} {
			next.header.Del(name)
		}
		if len(r.signature.keys) > 0 {
			next.header["Webhook-Signature"] = []string{r.signature.of(nil)}
		}
	}
	if !sameOrigin(r.url, to) {
		next.host = ""
		for name := range next.header {
			if isCredential(name) {
				next.header.Del(name)
			}
		}
	}
	if u := to.User; u != nil && next.header["Authorization"] == nil {
		password, _ := u.Password()
		(&http.Request{Header: next.header}).SetBasicAuth(u.Username(), password)
	}
	return next
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
// host. Beside the well-known ones all that are named like a secret are: targets
// like to be given an X-Api-Key.
func isCredential(name string) bool {
	if name == "Idempotency-Key" {
		return false
	}
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "token", "secret", "key", "session", "password", "credential", "signature", "completion"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
