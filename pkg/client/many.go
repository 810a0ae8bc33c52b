package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// Bulk asks for one action with many jobs.
type Bulk struct {
	// Action is pause, resume, run, delete, tag or untag.
	Action string
	// IDs are the jobs, at most 100,000. Nil: those that Filter matches.
	IDs []string
	// Filter is Text, Tags, Type, Status, LastState, Host, DueSince and DueUntil of a query; its zero value matches all jobs.
	Filter job.JobQuery
	// Tag goes with tag and untag.
	Tag string
}

// MarshalJSON writes the body of the call.
func (b Bulk) MarshalJSON() ([]byte, error) {
	body := map[string]any{"action": b.Action}
	if b.Tag != "" {
		body["tag"] = b.Tag
	}
	if b.IDs != nil {
		body["ids"] = b.IDs
		return json.Marshal(body)
	}
	filter := map[string]any{}
	for name, text := range map[string]string{
		"q": b.Filter.Text, "type": b.Filter.Type, "status": string(b.Filter.Status), "last_state": string(b.Filter.LastState), "host": b.Filter.Host,
	} {
		if text != "" {
			filter[name] = text
		}
	}
	if len(b.Filter.Tags) > 0 {
		filter["tag"] = b.Filter.Tags
	}
	for name, at := range map[string]*job.Instant{"due_since": b.Filter.DueSince, "due_until": b.Filter.DueUntil} {
		if at != nil {
			filter[name] = at
		}
	}
	body["filter"] = filter
	return json.Marshal(body)
}

// BulkDone says what a Bulk did.
type BulkDone struct {
	// Matched counts the jobs that exist among those asked for, Changed those with which something was done,
	// Failed those that were refused or not reached.
	Matched int `json:"matched"`
	Changed int `json:"changed"`
	Failed  int `json:"failed"`
	// Errors names the first 1,000 of the failed ones.
	Errors []struct {
		ID      string   `json:"id"`
		Code    job.Code `json:"code"`
		Message string   `json:"message"`
	} `json:"errors"`
}

// Bulk does one action with many jobs. Those that failed are in the answer and no error. With many thousands of jobs
// Options.HTTP needs a longer timeout than a minute.
func (c *Client) Bulk(ctx context.Context, b Bulk) (BulkDone, error) {
	var done BulkDone
	err := c.do(ctx, call{method: http.MethodPost, path: "/jobs/bulk", body: b}, &done)
	return done, err
}

// Preview says what a schedule means.
type Preview struct {
	// Valid is false for a schedule that is none: then Errors says why, and the rest is empty.
	Valid  bool             `json:"valid"`
	Errors []job.FieldError `json:"errors"`
	// Description is the schedule in words, by language: "en", "zh".
	Description map[string]string `json:"description"`
	// Next are the occurrences after the moment asked for, fewer than asked for when there are no more.
	Next     []Occurrence      `json:"next"`
	Warnings []trigger.Warning `json:"warnings"`
}

// Occurrence is one scheduled moment.
type Occurrence struct {
	At job.Instant `json:"at"`
	// Local is the same in the schedule's zone, RFC 3339.
	Local string `json:"local"`
	// Note is dst_gap or dst_fold where the clock is changed. Empty: nothing is special.
	Note string `json:"note"`
}

// Preview asks for the next occurrences of a schedule after a moment, nil for now: count of them, 1 to 1000; zero: 10.
func (c *Client) Preview(ctx context.Context, schedule trigger.Spec, count int, from *time.Time) (Preview, error) {
	body := map[string]any{"schedule": schedule}
	if count != 0 {
		body["count"] = count
	}
	if from != nil {
		body["from"] = from
	}
	var p Preview
	err := c.do(ctx, call{method: http.MethodPost, path: "/schedules/preview", body: body}, &p)
	return p, err
}

// Parsed is what a pasted text says.
type Parsed struct {
	// Kind is command or crontab.
	Kind string `json:"kind"`
	// Drafts are the jobs, which are not saved; those of a command lack their schedule.
	Drafts []Draft `json:"drafts"`
	// Skipped are the lines that cannot become jobs.
	Skipped []Skipped `json:"skipped"`
}

// Draft is a job that was not saved.
type Draft struct {
	// Line is where it stands in the text, from 1 on.
	Line int            `json:"line"`
	Job  job.Definition `json:"job"`
	// Warnings say what of the line is not carried over.
	Warnings []string `json:"warnings"`
}

// Parse reads a curl or wget command, or lines of a crontab in a time zone (empty: UTC), and saves nothing.
func (c *Client) Parse(ctx context.Context, text, timeZone string) (Parsed, error) {
	var p Parsed
	err := c.do(ctx, call{method: http.MethodPost, path: "/jobs/parse", body: map[string]string{"text": text, "time_zone": timeZone}}, &p)
	return p, err
}
