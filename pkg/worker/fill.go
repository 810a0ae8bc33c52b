package worker

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"

	"schedule-server/pkg/job"
)

// The most that a text may take with its templates filled in, in bytes.
const (
	maxFilledURL    = 2 * job.MaxURLBytes
	maxFilledHeader = job.MaxHeaderBytes
	maxFilledBody   = 2 * job.MaxBodyBytes
)

// filler puts values in the place of a call's templates and sealed credentials.
// It opens only what the call uses, and remembers that to hide it in the account.
type filler struct {
	keys *job.Keyring
	task *job.Task
	n    int
	now  job.Instant
	// opened are the secret texts used so far, by name. Nil: none.
	opened map[string]string
	// opens counts how often a secret was put somewhere.
	opens int
}

// secretError is a secret that a call needs and cannot have.
type secretError struct {
	name string
	err  error
}

// Error names the secret, never its text.
func (e *secretError) Error() string { return fmt.Sprintf("the secret of %s: %v", e.name, e.err) }

// Unwrap gives the cause.
func (e *secretError) Unwrap() error { return e.err }

// value is what a template of that name stands for.
func (f *filler) value(name string) (string, error) {
	switch name {
	case "run_id":
		return f.task.RunID, nil
	case "job_id":
		return f.task.JobID, nil
	case "scheduled_at":
		return f.task.ScheduledAt.String(), nil
	case "attempt":
		return strconv.Itoa(f.n), nil
	case "unix":
		return f.unix(), nil
	}
	if strings.HasPrefix(name, job.SecretPrefix) {
		return f.open(name)
	}
	return "", fmt.Errorf("there is no template %q", name)
}

// unix is the second at which the attempt began.
func (f *filler) unix() string { return strconv.FormatInt(int64(f.now)/1000, 10) }

func (f *filler) open(name string) (string, error) {
	f.opens++
	if text, known := f.opened[name]; known {
		return text, nil
	}
	text, err := f.task.Open(f.keys, name)
	if err != nil {
		return "", &secretError{name, err}
	}
	f.remember(name, text)
	return text, nil
}

// usesSecret reports whether what fill fills in comes from a secret.
func (f *filler) usesSecret(fill func() error) (bool, error) {
	before := f.opens
	err := fill()
	return f.opens > before, err
}

// remember notes a text that no account may show.
func (f *filler) remember(name, text string) {
	if f.opened == nil {
		f.opened = map[string]string{}
	}
	f.opened[name] = text
}

// fill expands the templates of a text; each value goes through escape.
func (f *filler) fill(text string, most int, escape func(string) string) (string, error) {
	return job.Expand(text, most, func(name string) (string, error) {
		value, err := f.value(name)
		return escape(value), err
	})
}

// credential is a credential of the request in plain text; field is its place in the request.
func (f *filler) credential(field, text string) (string, error) {
	switch {
	case text == job.Redacted:
		return f.open(field)
	case !job.HasTemplate(text):
		f.remember(field, text) // a request that is tried out before it is stored
		return text, nil
	}
	return f.fill(strings.TrimSpace(text), job.MaxSecretBytes, asItIs)
}

// public is a text that goes with a credential and is shown, a user name for example.
func (f *filler) public(text string) (string, error) {
	if !job.HasTemplate(text) {
		return text, nil
	}
	return f.fill(text, job.MaxSecretBytes, asItIs)
}

func asItIs(value string) string { return value }

// inURL leaves only what is unreserved in RFC 3986, so that no value adds to the path or the query.
func inURL(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// inJSON makes a value a part of a JSON string, without its quotes; numbers stay as they are.
func inJSON(value string) string {
	quoted, _ := json.Marshal(value) // strings always marshal
	return string(quoted[1 : len(quoted)-1])
}

func inXML(value string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(value)) // a Builder takes everything
	return b.String()
}

// escapeFor is how values go into a body of that content type.
func escapeFor(contentType string) func(string) string {
	kind, _, _ := mime.ParseMediaType(contentType) // "" for none: as it is
	switch {
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return inJSON
	case kind == "application/x-www-form-urlencoded":
		return inURL
	case kind == "application/xml", kind == "text/xml", kind == "text/html", strings.HasSuffix(kind, "+xml"):
		return inXML
	}
	return asItIs
}

// fillURL gives the URL of the request as it is sent.
func (f *filler) fillURL(r *job.Request) (string, error) {
	if r.Literal {
		return r.URL, nil
	}
	target, err := f.fill(r.URL, maxFilledURL, inURL)
	return target, inField("url", err)
}

// fillBody gives the body of the request as it is sent.
func (f *filler) fillBody(r *job.Request) ([]byte, error) {
	if r.Literal || r.BodyEncoding == job.EncodingBase64 || !job.HasTemplate(string(r.Body)) {
		body, err := r.BodyBytes()
		if err != nil {
			return nil, fmt.Errorf("the body is not base64: %w", err)
		}
		return body, nil
	}
	text, err := f.fill(string(r.Body), maxFilledBody, escapeFor(r.Header("Content-Type")))
	return []byte(text), inField("body", err)
}

// inField says where an error lies; nil stays nil.
func inField(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// unfit is the fault of a request that cannot be made.
func unfit(err error) *fault {
	var secret *secretError
	var stray *job.StraySecret
	switch {
	case errors.As(err, &secret):
		return &fault{job.ReasonSecret, err}
	case errors.As(err, &stray):
		return &fault{job.ReasonSecretHost, inField(stray.Field, err)}
	}
	return &fault{job.ReasonInvalidRequest, err}
}
