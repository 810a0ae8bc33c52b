package store

import (
	"encoding/json"
	"net/url"
	"strings"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// jobRow is a job as it lies in jobs and definitions.
type jobRow struct {
	ID          string       `db:"id"`
	Status      job.Status   `db:"status"`
	NextRunAt   *job.Instant `db:"next_run_at"`
	DueAt       *job.Instant `db:"due_at"`
	Failures    int64        `db:"failures"`
	Version     int64        `db:"version"`
	RanVersion  int64        `db:"ran_version"`
	CreatedAt   job.Instant  `db:"created_at"`
	UpdatedAt   job.Instant  `db:"updated_at"`
	PauseReason *string      `db:"pause_reason"`
	PausedUntil *job.Instant `db:"paused_until"`
	PausedFrom  *job.Instant `db:"paused_from"`
	Type        string       `db:"type"`
	Name        string       `db:"name"`
	Tags        string       `db:"tags"`
	LastRun     *string      `db:"last_run"`
	Description string       `db:"description"`
	definitionRow
}

// definitionRow is the part of a definition that a claim needs.
type definitionRow struct {
	Schedule string `db:"schedule"`
	Request  string `db:"request"`
	Policy   string `db:"policy"`
	// Secrets is what encodeSecrets made; nil for most.
	Secrets *string `db:"secrets"`
}

// jobColumns and jobTables read a jobRow.
const (
	jobColumns = `j.id, j.status, j.next_run_at, j.due_at, j.failures, j.version, j.ran_version, j.created_at, j.updated_at,
		j.pause_reason, j.paused_until, j.paused_from, j.type, j.name, j.tags, j.last_run, d.description, d.schedule, d.request, d.policy, d.secrets`
	jobTables = ` FROM jobs j JOIN definitions d ON d.job_id = j.id AND d.version = j.version `
)

// job is the job; one that is marked as unreadable comes with the reason why.
func (r *jobRow) job() (*job.Job, error) {
	j := &job.Job{
		Status: r.Status, PauseReason: r.PauseReason, PausedUntil: r.PausedUntil, PausedFrom: r.PausedFrom, NextRunAt: r.NextRunAt,
		DueAt: r.DueAt, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	j.ID, j.Name, j.Description = r.ID, r.Name, r.Description
	var err error
	if j.Schedule, j.Request, j.Policy, err = r.decode(); err != nil {
		j.MakeUnreadable(r.Type)
		return j, err
	}
	if err := json.Unmarshal([]byte(r.Tags), &j.Tags); err != nil {
		j.MakeUnreadable(r.Type)
		return j, err
	}
	if r.LastRun != nil && json.Unmarshal([]byte(*r.LastRun), &j.LastRun) != nil {
		j.LastRun = nil // the history has it
	}
	return j, nil
}

func (r *definitionRow) decode() (schedule trigger.Spec, request job.Request, policy job.Policy, err error) {
	if err = json.Unmarshal([]byte(r.Schedule), &schedule); err != nil {
		return
	}
	request, policy, err = r.decodeCall()
	return
}

// decodeCall reads what a call needs.
func (r *definitionRow) decodeCall() (request job.Request, policy job.Policy, err error) {
	if err = json.Unmarshal([]byte(r.Request), &request); err != nil {
		return
	}
	policy.Keep = job.DefaultKeep() // earlier versions wrote none
	if err = json.Unmarshal([]byte(r.Policy), &policy); err != nil {
		return
	}
	err = r.decodeSecrets(&request)
	return
}

// storedPolicy leaves out what hardly any job says: each claim reads the policies of a thousand jobs.
type storedPolicy struct {
	*job.Policy
	Expect job.Expect `json:"expect,omitzero"`
	Notify job.Notify `json:"notify,omitzero"`
}

// encodeDefinition is the definition as it is kept.
func encodeDefinition(d *job.Definition) (definitionRow, error) {
	var row definitionRow
	for _, part := range []struct {
		text  *string
		value any
	}{{&row.Schedule, d.Schedule}, {&row.Request, d.Request}, {&row.Policy, storedPolicy{Policy: &d.Policy, Expect: d.Policy.Expect, Notify: d.Policy.Notify}}} {
		text, err := json.Marshal(part.value)
		if err != nil {
			return row, &job.Error{Code: job.CodeInvalid, Detail: "the definition cannot be kept", Err: err}
		}
		*part.text = string(text)
	}
	var err error
	row.Secrets, err = encodeSecrets(&d.Request, d.Request.SecretUses())
	return row, err
}

// lastRunColumns are what a job's row keeps of its last run; all nil when there is none.
func lastRunColumns(j *job.Job) (at *job.Instant, state, text *string, err error) {
	if j.LastRun == nil {
		return nil, nil, nil, nil
	}
	data, err := json.Marshal(j.LastRun)
	if err != nil {
		return nil, nil, nil, &job.Error{Code: job.CodeInvalid, Detail: "the last run cannot be kept", Err: err}
	}
	whole, word := string(data), string(j.LastRun.State)
	return &j.LastRun.ScheduledAt, &word, &whole, nil
}

// cleanText takes out what PostgreSQL refuses in a text.
func cleanText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

// encodeTags writes the tags as JSON with each on a line of its own: a line
// break never stands inside a JSON string, so that tagLine finds exactly one tag.
func encodeTags(tags []string) string {
	if len(tags) == 0 {
		return "[]"
	}
	lines := make([]string, len(tags))
	for i, tag := range tags {
		lines[i] = tagLine(tag)
	}
	return "[" + strings.Join(lines, ",") + "]"
}

// tagLine is one tag as encodeTags writes it.
func tagLine(tag string) string {
	text, _ := json.Marshal(tag) // strings always marshal
	return "\n" + string(text) + "\n"
}

// searchText is what JobQuery.Text is looked for in. It holds what every caller may see: a search that finds parts of
// a token in a URL would tell it letter by letter.
func searchText(j *job.Job) string {
	parts := append([]string{j.ID, j.Name, job.RedactURL(j.Request.URL)}, j.Tags...)
	return fold(strings.Join(parts, "\x1f"))
}

// fold takes the case out of a text, the same way on both sides of a search.
func fold(text string) string { return strings.ToLower(text) }

// hostOf is the host of a target in lower case, without its port.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return cleanText(strings.ToLower(u.Hostname()))
}
