package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"schedule-server/pkg/job"
)

func jobPath(id string, rest ...string) string {
	path := "/jobs/" + url.PathEscape(id)
	for _, part := range rest {
		path += "/" + part
	}
	return path
}

// Create makes a job; the error has the code "conflict" when its id exists. An empty id is made by the server.
func (c *Client) Create(ctx context.Context, d job.Definition) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPost, path: "/jobs", body: definition(d)})
}

// Put makes a job or replaces it whole. With a version other than 0 the job must be at it.
func (c *Client) Put(ctx context.Context, d job.Definition, ifVersion int64) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPut, path: jobPath(d.ID), body: definition(d), header: ifMatch(ifVersion)})
}

// PutJSON is Put with a job as JSON, which is sent as it is. The server names each member that it does not know.
func (c *Client) PutJSON(ctx context.Context, id string, document json.RawMessage, ifVersion int64) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPut, path: jobPath(id), raw: document, media: "application/json", header: ifMatch(ifVersion)})
}

// CreateJSON is Create with a job as JSON, which is sent as it is.
func (c *Client) CreateJSON(ctx context.Context, document json.RawMessage) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPost, path: "/jobs", raw: document, media: "application/json"})
}

// Patch changes parts of a job by a JSON merge patch: a map, or a struct of pointers.
func (c *Client) Patch(ctx context.Context, id string, patch any, ifVersion int64) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPatch, path: jobPath(id), body: patch, header: ifMatch(ifVersion)})
}

// Get reads a job.
func (c *Client) Get(ctx context.Context, id string) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodGet, path: jobPath(id)})
}

// Delete deletes a job. With a version other than 0 the job must be at it.
func (c *Client) Delete(ctx context.Context, id string, ifVersion int64) error {
	return c.do(ctx, call{method: http.MethodDelete, path: jobPath(id), header: ifMatch(ifVersion)}, nil)
}

// Pause stops a job's schedule, until a moment or, with nil, until it is resumed.
func (c *Client) Pause(ctx context.Context, id string, until *time.Time, reason string) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPost, path: jobPath(id, "pause"), body: map[string]any{"until": until, "reason": reason}})
}

// Resume follows a paused job's schedule again from now on.
func (c *Client) Resume(ctx context.Context, id string) (*job.Job, error) {
	return c.job(ctx, call{method: http.MethodPost, path: jobPath(id, "resume")})
}

// Run runs a job now, beside its schedule; with force also while a run of it is open.
func (c *Client) Run(ctx context.Context, id string, force bool) (*job.Run, error) {
	var run job.Run
	err := c.do(ctx, call{method: http.MethodPost, path: jobPath(id, "run"), body: map[string]bool{"force": force}}, &run)
	return &run, err
}

// Backfill runs the occurrences between two moments of the past, and answers how many.
func (c *Client) Backfill(ctx context.Context, id string, start, end time.Time, dryRun bool) (int, error) {
	var done struct{ Runs int }
	err := c.do(ctx, call{method: http.MethodPost, path: jobPath(id, "backfill"),
		body: map[string]any{"start": start, "end": end, "dry_run": dryRun}}, &done)
	return done.Runs, err
}

// GetRun reads a run with its request and response.
func (c *Client) GetRun(ctx context.Context, id string) (*job.Run, error) {
	var run job.Run
	err := c.do(ctx, call{method: http.MethodGet, path: "/runs/" + url.PathEscape(id)}, &run)
	return &run, err
}

// CancelRun cancels an open run.
func (c *Client) CancelRun(ctx context.Context, id string) error {
	return c.do(ctx, call{method: http.MethodPost, path: "/runs/" + url.PathEscape(id) + "/cancel"}, nil)
}

// Jobs iterates over the jobs that match, page by page. Limit is the size of a
// page, Recent, if not zero, asks for recent runs; the cursor is where to begin. An error ends it.
func (c *Client) Jobs(ctx context.Context, q job.JobQuery) iter.Seq2[*job.Job, error] {
	query := url.Values{"tag": q.Tags}
	sort := q.Sort
	if q.Descending {
		sort = "-" + sort
	}
	set(query, "q", q.Text, "type", q.Type, "status", string(q.Status), "last_state", string(q.LastState), "host", q.Host, "sort", sort, "cursor", q.Cursor)
	if q.Recent > 0 {
		query.Set("include", "recent")
	}
	setTimes(query, map[string]*job.Instant{"due_since": q.DueSince, "due_until": q.DueUntil})
	return pages(ctx, c, "/jobs", query, q.Limit, func(data []byte) ([]job.Job, *string, error) {
		var page struct {
			Jobs       []job.Job `json:"jobs"`
			NextCursor *string   `json:"next_cursor"`
		}
		err := read(data, &page)
		return page.Jobs, page.NextCursor, err
	})
}

// Runs iterates over the runs that match, newest first, page by page.
func (c *Client) Runs(ctx context.Context, q job.RunQuery) iter.Seq2[*job.Run, error] {
	query := url.Values{}
	set(query, "job", q.JobID, "state", string(q.State), "trigger", string(q.Trigger), "cursor", q.Cursor)
	setTimes(query, map[string]*job.Instant{"since": q.Since, "until": q.Until})
	return pages(ctx, c, "/runs", query, q.Limit, func(data []byte) ([]job.Run, *string, error) {
		var page struct {
			Runs       []job.Run `json:"runs"`
			NextCursor *string   `json:"next_cursor"`
		}
		err := read(data, &page)
		return page.Runs, page.NextCursor, err
	})
}

// Export takes all jobs out, as "application/json" or "application/yaml".
func (c *Client) Export(ctx context.Context, media string) (data []byte, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: "/jobs/export", header: http.Header{"Accept": {media}}}, &data)
	return data, err
}

func (c *Client) job(ctx context.Context, in call) (*job.Job, error) {
	var j job.Job
	if err := c.do(ctx, in, &j); err != nil {
		return nil, err
	}
	return &j, nil
}

// pages iterates over a list.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values, limit int, split func([]byte) ([]T, *string, error)) iter.Seq2[*T, error] {
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return func(yield func(*T, error) bool) {
		for {
			var data []byte
			err := c.do(ctx, call{method: http.MethodGet, path: path, query: query}, &data)
			var list []T
			var next *string
			if err == nil {
				list, next, err = split(data)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range list {
				if !yield(&list[i], nil) {
					return
				}
			}
			if next == nil {
				return
			}
			query.Set("cursor", *next)
		}
	}
}

// set sets the parameters of a query that are not empty: names and values in turn.
func set(query url.Values, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
}

// setTimes sets those that are not nil.
func setTimes(query url.Values, times map[string]*job.Instant) {
	for name, at := range times {
		if at != nil {
			query.Set(name, at.String())
		}
	}
}

func ifMatch(version int64) http.Header {
	header := http.Header{}
	if version != 0 {
		header.Set("If-Match", strconv.Quote(strconv.FormatInt(version, 10)))
	}
	return header
}

// definition is a job without what was not set, so that the server's defaults apply.
func definition(d job.Definition) map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	for name, value := range map[string]any{
		"id": d.ID, "name": d.Name, "description": d.Description, "tags": d.Tags, "schedule": d.Schedule, "request": d.Request, "policy": d.Policy,
	} {
		text, err := json.Marshal(value)
		if err == nil && (name != "policy" || d.Policy.Coalesce != "") && (name != "id" || d.ID != "") {
			members[name] = text
		}
	}
	return members
}
