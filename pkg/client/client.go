// Package client calls the API of a schedule-server from Go. It knows the API's
// words (package job) and nothing of how the server keeps its promises.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"schedule-server/pkg/job"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 20

// Options are the settings of a Client. The zero value is good.
type Options struct {
	// Key is an API key, "sk_…". Empty: none is sent.
	Key string
	// HTTP makes the calls. Nil: one with a timeout of a minute.
	HTTP *http.Client
	// Retries is how often a call is made again after 429, 503 or a broken connection. Zero: 4. Negative: never.
	Retries int
	// MaxWait bounds one wait between two of them. Zero: 30s.
	MaxWait time.Duration
}

// Client calls one server. It is safe for concurrent use.
type Client struct {
	base    string
	options Options
}

// New makes a client of the server at a URL, "http://127.0.0.1:8000", with its base path if it has one.
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("client: the URL of the server must begin with http:// or https:// and name a host")
	}
	if err := job.CheckAuthority(u); err != nil {
		return nil, fmt.Errorf("client: the server's URL: %w", err)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: time.Minute}
	}
	if o.Retries == 0 {
		o.Retries = 4
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 30 * time.Second
	}
	return &Client{base: strings.TrimSuffix(base, "/") + "/api/v1", options: o}, nil
}

// Error is an answer that says no (RFC 9457).
type Error struct {
	Status int              `json:"status"`
	Code   job.Code         `json:"code"`
	Detail string           `json:"detail"`
	Fields []job.FieldError `json:"errors"`
	// Deletes are the jobs that an import would delete, for which it was refused. Nil for all other errors.
	Deletes *Deletes `json:"deletes"`
	// RequestID is what an operator finds the call by.
	RequestID string `json:"request_id"`
}

// Error joins the detail and the fields.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s, %d)", e.Detail, e.Code, e.Status)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Message)
	}
	return b.String()
}

// IsNotFound reports that there is no such thing.
func IsNotFound(err error) bool { return codeOf(err) == job.CodeNotFound }

// IsConflict reports that the state of a thing forbids the call, or that its version is another.
func IsConflict(err error) bool {
	code := codeOf(err)
	return code == job.CodeConflict || code == job.CodePreconditionFailed
}

func codeOf(err error) job.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// idempotencyKey is under what a context carries the key of a call.
type idempotencyKey struct{}

// WithIdempotencyKey names the POST that is made with the context: sent again under the same key within a day, also by
// another process, it has its effect once and is given the first answer. It is 1 to 255 visible characters of ASCII, and
// good for one call: with another the answer is an error.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, idempotencyKey{}, key)
}

// call is one request.
type call struct {
	method, path string
	query        url.Values
	header       http.Header
	// body is sent as JSON; raw as it is, with its own media type.
	body  any
	raw   []byte
	media string
}

// do makes a call, again where that may help, and reads a JSON answer into dst; a
// *[]byte takes it as it is, nil drops it. Every POST carries an Idempotency-Key, so that none has its effect twice: that of
// the context, or one that is new.
func (c *Client) do(ctx context.Context, in call, dst any) error {
	body := in.raw
	if in.body != nil {
		var err error
		if body, err = json.Marshal(in.body); err != nil {
			return fmt.Errorf("client: the body cannot be written as JSON: %w", err)
		}
		in.media = "application/json"
	}
	if in.header == nil {
		in.header = http.Header{}
	}
	if in.method == http.MethodPost {
		key, _ := ctx.Value(idempotencyKey{}).(string)
		if key == "" {
			key = rand.Text()
		}
		in.header.Set("Idempotency-Key", key)
	}
	for try := 0; ; try++ {
		wait, err := c.once(ctx, &in, body, dst)
		if err == nil || wait < 0 || try >= c.options.Retries {
			return err
		}
		timer := time.NewTimer(c.pause(wait, try))
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
	}
}

// pause is what the server asked for, or else a growing time with jitter.
func (c *Client) pause(asked time.Duration, try int) time.Duration {
	if asked > 0 {
		return min(asked, c.options.MaxWait)
	}
	most := min(100*time.Millisecond<<min(try, 10), c.options.MaxWait)
	return most/2 + mathrand.N(most/2+1)
}

// once makes a call one time. A wait of zero or more says that the same again may
// help, after that time if it is not zero; -1 that it would not.
func (c *Client) once(ctx context.Context, in *call, body []byte, dst any) (wait time.Duration, err error) {
	address := c.base + in.path
	if len(in.query) > 0 {
		address += "?" + in.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, in.method, address, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("client: %w", err)
	}
	request.Header = in.header.Clone()
	if in.media != "" {
		request.Header.Set("Content-Type", in.media)
	}
	if c.options.Key != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Key)
	}
	response, err := c.options.HTTP.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return -1, err
		}
		return 0, fmt.Errorf("client: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was read to its end, or is of no use
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("client: the answer broke off: %w", err)
	}
	if response.StatusCode >= 300 {
		return retryAfter(response), problem(response, data)
	}
	return -1, read(data, dst)
}

func read(data []byte, dst any) error {
	switch dst := dst.(type) {
	case nil:
		return nil
	case *[]byte:
		*dst = data
		return nil
	}
	if err := json.Unmarshal(data, dst); err != nil {
		return fmt.Errorf("client: the answer is not what the API says: %w", err)
	}
	return nil
}

// retryAfter says whether and when a refused call may be made again.
func retryAfter(r *http.Response) time.Duration {
	if r.StatusCode != http.StatusServiceUnavailable && r.StatusCode != http.StatusTooManyRequests {
		return -1
	}
	text := r.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// problem reads an answer that says no, also one of a proxy in between.
func problem(r *http.Response, data []byte) error {
	e := &Error{}
	if json.Unmarshal(data, e) != nil || e.Status == 0 {
		e = &Error{Detail: "the server answered " + r.Status, Code: job.CodeInternal, RequestID: r.Header.Get("X-Request-Id")}
	}
	e.Status = r.StatusCode
	return e
}
