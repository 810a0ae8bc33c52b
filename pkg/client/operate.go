package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"schedule-server/pkg/job"
)

// RetryRun makes the calls of a run again, as a new run of the same occurrence.
func (c *Client) RetryRun(ctx context.Context, id string) (*job.Run, error) {
	var run job.Run
	err := c.do(ctx, call{method: http.MethodPost, path: "/runs/" + url.PathEscape(id) + "/retry"}, &run)
	return &run, err
}

// ResumeFrom follows a paused job's schedule again: from "now", or from "last", which makes up for what the pause held back.
func (c *Client) ResumeFrom(ctx context.Context, id, from string) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPost, path: jobPath(id, "resume"), body: map[string]string{"resume_from": from}})
}

// Key is an API key without its text.
type Key struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Scope      string       `json:"scope"`
	CreatedAt  job.Instant  `json:"created_at"`
	ExpiresAt  *job.Instant `json:"expires_at"`
	LastUsedAt *job.Instant `json:"last_used_at"`
	// Text is the key itself, "sk_…". Only CreateKey answers it.
	Text string `json:"key,omitempty"`
}

// Keys lists the API keys.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var answer struct{ Keys []Key }
	err := c.do(ctx, call{method: http.MethodGet, path: "/keys"}, &answer)
	return answer.Keys, err
}

// CreateKey makes a key of a scope: read, run, write or admin. A nil expires means never.
func (c *Client) CreateKey(ctx context.Context, name, scope string, expires *job.Instant) (Key, error) {
	var key Key
	err := c.do(ctx, call{method: http.MethodPost, path: "/keys", body: map[string]any{"name": name, "scope": scope, "expires_at": expires}}, &key)
	return key, err
}

// DeleteKey deletes a key, which lets nobody in from then on.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: "/keys/" + url.PathEscape(id)}, nil)
}

// Secrets lists what may be known of the secrets. Their values are never answered.
func (c *Client) Secrets(ctx context.Context) ([]job.SecretInfo, error) {
	var answer struct{ Secrets []job.SecretInfo }
	err := c.do(ctx, call{method: http.MethodGet, path: "/secrets"}, &answer)
	return answer.Secrets, err
}

// PutSecret makes a secret or changes its value. If hosts is nil, they stay as they are.
func (c *Client) PutSecret(ctx context.Context, name, value string, hosts []string) (job.SecretInfo, error) {
	body := map[string]any{"value": value}
	if hosts != nil {
		body["hosts"] = hosts
	}
	var info job.SecretInfo
	err := c.do(ctx, call{method: http.MethodPut, path: "/secrets/" + url.PathEscape(name), body: body}, &info)
	return info, err
}

// DeleteSecret deletes a secret that no job uses.
func (c *Client) DeleteSecret(ctx context.Context, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: "/secrets/" + url.PathEscape(name)}, nil)
}

// Readiness says which parts of the service are there.
type Readiness struct {
	// Status is "ok" or "unavailable".
	Status string `json:"status"`
	// Checks is "ok" or a reason for each of database, redis, beat and worker.
	Checks map[string]string `json:"checks"`
}

// Ready asks which parts of the service are there. It needs no key, and is no error if some are not.
func (c *Client) Ready(ctx context.Context) (Readiness, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.base, "/api/v1")+"/readyz", nil)
	if err != nil {
		return Readiness{}, nil, fmt.Errorf("client: %w", err)
	}
	response, err := c.options.HTTP.Do(request)
	if err != nil {
		return Readiness{}, nil, fmt.Errorf("client: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end, or of no use
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return Readiness{}, nil, fmt.Errorf("client: the answer broke off: %w", err)
	}
	var ready Readiness
	if json.Unmarshal(data, &ready) != nil || ready.Status == "" {
		return ready, nil, fmt.Errorf("client: /readyz answered %s, which is not what a schedule-server says", response.Status)
	}
	return ready, response.Header, nil
}

// Event is one change as the server announces it. Exactly one member beside Kind is set, and none for "reset".
type Event struct {
	// Kind is run, job, many, or reset: changes were missed, and lists must be read anew.
	Kind string
	Run  *job.RunChange
	Job  *job.JobChange
	Many *job.ManyChanges
}

// maxEvent bounds one line of a stream, in bytes.
const maxEvent = 1 << 20

// Events iterates over changes as they happen, of one job or, if jobID is empty, of all. It ends with an error when
// the connection does; when the context does, with that of the context. The server may leave out events: the lists are the truth.
// Options.HTTP must have no timeout.
func (c *Client) Events(ctx context.Context, jobID string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		response, err := c.openEvents(ctx, jobID)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer func() { _ = response.Body.Close() }() // it is a stream: nothing is left to be read
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, maxEvent)
		kind := ""
		for lines.Scan() {
			name, value, _ := bytes.Cut(lines.Bytes(), []byte(": "))
			switch string(name) {
			case "event":
				kind = string(value)
			case "data":
				event, err := readEvent(kind, value)
				if !yield(event, err) || err != nil {
					return
				}
			}
		}
		err = ctx.Err()
		if err == nil {
			err = fmt.Errorf("client: the stream of events ended: %w", cause(lines.Err()))
		}
		yield(Event{}, err)
	}
}

func cause(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

func (c *Client) openEvents(ctx context.Context, jobID string) (*http.Response, error) {
	address := c.base + "/events"
	if jobID != "" {
		address += "?" + url.Values{"job": {jobID}}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if c.options.Key != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Key)
	}
	response, err := c.options.HTTP.Do(request)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		defer func() { _ = response.Body.Close() }() // its text is read below
		data, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		return nil, problem(response, data)
	}
	return response, nil
}

func readEvent(kind string, data []byte) (Event, error) {
	event := Event{Kind: kind}
	var into any
	switch kind {
	case "run":
		into = &event.Run
	case "job":
		into = &event.Job
	case "many":
		into = &event.Many
	default:
		return event, nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return event, fmt.Errorf("client: an event is not what the API says: %w", err)
	}
	return event, nil
}

// Scope is what the client's key may do: read, run, write or admin. Empty: it is not let in.
func (c *Client) Scope(ctx context.Context) (string, error) {
	var session struct{ Scope *string }
	if err := c.do(ctx, call{method: http.MethodGet, path: "/session"}, &session); err != nil || session.Scope == nil {
		return "", err
	}
	return *session.Scope, nil
}
