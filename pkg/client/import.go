package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"schedule-server/pkg/job"
)

// ImportOptions say how an import is done. The zero value imports and deletes nothing.
type ImportOptions struct {
	// DryRun writes nothing, and says what would be done.
	DryRun bool
	// Prune deletes every job that is not in the file. The import is refused if no job was read, or anything was skipped.
	Prune bool
	// MaxDeletes is how many jobs Prune may delete; more refuse the import. Nil: the server's default, 10.
	MaxDeletes *int
	// TimeZone is that of a crontab which names none. Empty: UTC.
	TimeZone string
	// IfPlan refuses the import, with the code "precondition_failed", unless its plan is that of an earlier dry run. Empty:
	// it is not looked at.
	IfPlan string
	// FileName helps with data of the type "application/octet-stream". May be empty.
	FileName string
}

// Imported says what an import did, or in a dry run would do: ids, each list in order.
type Imported struct {
	DryRun bool `json:"dry_run"`
	// Plan stands for what is done with which version of which job, see ImportOptions.IfPlan.
	Plan string `json:"plan"`
	// Format is how the file is written: json, yaml, crontab or sqlite.
	Format    string   `json:"format"`
	Created   []string `json:"created"`
	Updated   []string `json:"updated"`
	Unchanged []string `json:"unchanged"`
	Deleted   []string `json:"deleted"`
	// Skipped are the lines of a crontab, or the rows of a SQLite file, that became no job.
	Skipped []Skipped `json:"skipped"`
	// Warnings say what of a job is not carried over.
	Warnings []struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	} `json:"warnings"`
	// Refused says why the same import would be refused if it were no dry run. Nil: it would not.
	Refused *job.FieldError `json:"refused"`
	// Jobs describes the jobs that are deleted, updated, created, unchanged: the first 200 of each.
	Jobs []ImportedJob `json:"jobs"`
	// Changes are the updated jobs before and after, at most 1,000 of them. Only in a dry run.
	Changes []ImportChange `json:"changes,omitempty"`
}

// ImportChange is one job before and after an import.
type ImportChange struct {
	ID     string          `json:"id"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// ImportedJob shows a job of an import as it is afterwards, or was before it was deleted. No credential is in it.
type ImportedJob struct {
	ID string `json:"id"`
	// Action is deleted, updated, created or unchanged.
	Action string `json:"action"`
	// Place is where it stands in the file: "jobs[3]", "line 12". Empty for a deleted one.
	Place  string     `json:"place"`
	Name   string     `json:"name"`
	Status job.Status `json:"status"`
	// Description is the schedule in words, by language: "en", "zh".
	Description map[string]string `json:"schedule_description"`
	TimeZone    string            `json:"time_zone"`
	// Next are the next moments of the schedule, three at most.
	Next   []Occurrence `json:"next"`
	Method string       `json:"method"`
	URL    string       `json:"url"`
	// Changed are the fields that an update changes.
	Changed []string `json:"changed"`
}

// Skipped is a line that did not become a job.
type Skipped struct {
	// Line counts from 1; of a SQLite file it is the row.
	Line   int    `json:"line"`
	Text   string `json:"text"`
	Reason string `json:"reason"`
}

// Deletes are the jobs that an import would delete, for which it was refused.
type Deletes struct {
	Total int `json:"total"`
	// IDs are the first of them, at most 100.
	IDs []string `json:"ids"`
}

// Import brings jobs in. Media is the type of the data: "application/json", "application/yaml", "text/crontab",
// "application/vnd.sqlite3", or "application/octet-stream" to have the server recognise it. JSON and YAML are
// imported whole or not at all; lines of a crontab and rows of a SQLite file that cannot become jobs are in Skipped. An
// import that would delete too many jobs is refused with an *Error that has Deletes.
func (c *Client) Import(ctx context.Context, media string, data []byte, o ImportOptions) (Imported, error) {
	query := url.Values{"dry_run": {strconv.FormatBool(o.DryRun)}, "prune": {strconv.FormatBool(o.Prune)}}
	if o.MaxDeletes != nil {
		query.Set("max_deletes", strconv.Itoa(*o.MaxDeletes))
	}
	set(query, "time_zone", o.TimeZone, "filename", o.FileName)
	header := http.Header{}
	if o.IfPlan != "" {
		header.Set("If-Match", strconv.Quote(o.IfPlan))
	}
	var done Imported
	err := c.do(ctx, call{method: http.MethodPost, path: "/jobs/import", query: query, header: header, raw: data, media: media}, &done)
	return done, err
}
