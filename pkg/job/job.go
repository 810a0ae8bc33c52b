// Package job owns the words of the product: jobs, runs, attempts, policies,
// their states and reasons, their validation and the error codes that callers
// see. It is free of I/O: it never reads a clock, a file, a socket or a database.
package job

import (
	"schedule-server/pkg/trigger"
)

// Instant is a moment in UTC, in milliseconds since the Unix epoch.
type Instant = trigger.Instant

// Duration is a length of time that reads and writes as "1h30m".
type Duration = trigger.Duration

// Status says whether a job's schedule is being followed.
type Status string

// The statuses of a job.
const (
	StatusActive    Status = "active"    // occurrences are claimed as they fall due
	StatusPaused    Status = "paused"    // no occurrence is claimed
	StatusCompleted Status = "completed" // the schedule has no further occurrence
)

// Definition is what a user writes: everything about a job that the service
// itself never changes.
type Definition struct {
	// ID is the user's own string, 1 to 512 bytes, unique. Empty in a POST: a ULID is made.
	ID string `json:"id"`
	// Name is shown in lists, at most 200 characters. Empty: the ID is shown.
	Name string `json:"name"`
	// Description is free text, at most 4,000 characters.
	Description string `json:"description"`
	// Tags group jobs, at most 32 of at most 64 characters; kept sorted and unique.
	Tags []string `json:"tags"`
	// Schedule says when. Its zero value is invalid.
	Schedule trigger.Spec `json:"schedule"`
	// Request says what to call. Its zero value is invalid.
	Request Request `json:"request"`
	// Policy says what happens when things go wrong. Zero value: see DefaultPolicy.
	Policy Policy `json:"policy"`
}

// Job is a definition together with what the service knows of it.
type Job struct {
	Definition
	// Status is active for a new job.
	Status Status `json:"status"`
	// PauseReason says why the job is paused; nil unless a reason was given.
	PauseReason *string `json:"pause_reason"`
	// PausedUntil ends a pause by itself; nil: only a resume does.
	PausedUntil *Instant `json:"paused_until"`
	// NextRunAt is the next occurrence, without jitter; nil when paused or completed.
	NextRunAt *Instant `json:"next_run_at"`
	// LastRun is the run with the latest scheduled moment that has ended; nil: none yet.
	LastRun *LastRun `json:"last_run"`
	// Version counts the changes of a job from 1 and never repeats for an ID.
	Version   int64   `json:"version"`
	CreatedAt Instant `json:"created_at"`
	UpdatedAt Instant `json:"updated_at"`
	// Recent are the job's latest runs, open ones too, the newest first; nil unless a list asked for them.
	Recent []LastRun `json:"recent,omitzero"`
	// ScheduleWords is the schedule in words; nil unless a list asked for it.
	ScheduleWords *Words `json:"schedule_description,omitzero"`

	// Incidents are the kinds of its open incidents, in order; nil unless asked for.
	Incidents []string `json:"incidents,omitzero"`

	// Warnings say what may surprise about the job, see Warn; nil unless one job alone is answered.
	Warnings []trigger.Warning `json:"warnings,omitzero"`

	// Unreadable marks a job whose stored definition this version cannot read: a newer one wrote it, or it is
	// damaged. Nothing is called by it until it is replaced whole. Its Schedule and its Request are empty.
	Unreadable bool `json:"unreadable,omitzero"`

	// PausedFrom is the first occurrence that the pause held back; nil when not paused, or when there was none.
	PausedFrom *Instant `json:"-"`
	// DueAt is the moment at which beat must look at the job: its next
	// occurrence with jitter, or the end of its pause. Nil: never.
	DueAt *Instant `json:"-"`
}

// LastRun is the short account of a run: of a job's latest ended one, or of one of several recent ones.
type LastRun struct {
	ID          string  `json:"id"`
	State       State   `json:"state"`
	Reason      Reason  `json:"reason"`
	ScheduledAt Instant `json:"scheduled_at"`
	// StatusCode is the target's last answer; nil when there was none.
	StatusCode *int `json:"status_code"`
	// DurationMS is the whole run in milliseconds, retries and their waits included; nil when nothing was called or it has not ended.
	DurationMS *int64 `json:"duration_ms"`
}

// Words is a text in the languages that the product speaks.
type Words struct {
	English string `json:"en"`
	Chinese string `json:"zh"`
}

// MakeUnreadable takes the definition out of a job but for its id, name and
// description, and the type of its schedule, which nobody can follow.
func (j *Job) MakeUnreadable(scheduleType string) {
	j.Unreadable, j.Tags, j.Policy = true, []string{}, DefaultPolicy()
	j.Schedule, j.Request = trigger.Spec{Type: scheduleType}, Request{Method: "GET", Headers: map[string]string{}}
}

// Change says what becomes of a job at a moment: old is nil when there is none,
// and a result of nil leaves it as it is.
type Change func(old *Job, now Instant) (*Job, error)

// Compile parses the job's schedule. The error is an *Error that names fields.
func (d *Definition) Compile(parser *trigger.Parser) (*trigger.Schedule, error) {
	schedule, err := parser.Parse(d.Schedule, d.ID)
	if err != nil {
		return nil, scheduleError(err)
	}
	return schedule, nil
}

// Plan points an active job at its first occurrence strictly after the given
// moment, or completes it when there is none. Other jobs lose their plan.
func (j *Job) Plan(schedule *trigger.Schedule, after Instant) {
	j.NextRunAt, j.DueAt = nil, nil
	switch j.Status {
	case StatusPaused:
		j.DueAt = j.PausedUntil
	case StatusActive, StatusCompleted:
		next, ok := schedule.Next(after)
		if !ok {
			j.Status = StatusCompleted
			return
		}
		j.Status = StatusActive
		due := next + j.Policy.JitterAt(schedule, j.ID, next)
		j.NextRunAt, j.DueAt = &next, &due
	}
}

// Pause stops the schedule. Until nil means until a resume; an empty reason is
// kept as none. Pausing a paused job changes until and reason.
func (j *Job) Pause(until *Instant, reason string) {
	if j.Status != StatusPaused {
		j.PausedFrom = j.NextRunAt
	}
	j.Status = StatusPaused
	j.PausedUntil = until
	j.PauseReason = nil
	if reason != "" {
		j.PauseReason = &reason
	}
	j.NextRunAt, j.DueAt = nil, until
}

// Resume follows the schedule again from the given moment on: what fell due
// at or before it is not made up for. Resuming a job that is not paused changes nothing.
func (j *Job) Resume(schedule *trigger.Schedule, after Instant) {
	if j.Status != StatusPaused {
		return
	}
	j.Status, j.PauseReason, j.PausedUntil, j.PausedFrom = StatusActive, nil, nil, nil
	j.Plan(schedule, after)
}

// EndPause resumes a job whose pause is over at the moment, from the end of the
// pause on: an occurrence at the very end runs.
func (j *Job) EndPause(schedule *trigger.Schedule, now Instant) {
	if j.pauseOver(now) {
		j.Resume(schedule, *j.PausedUntil-1)
	}
}

func (j *Job) pauseOver(now Instant) bool {
	return j.Status == StatusPaused && j.PausedUntil != nil && *j.PausedUntil <= now
}

// Due is a job that beat must look at, with what the decision needs beside it.
type Due struct {
	Job
	// Open counts the job's runs that have not ended.
	Open int
	// Waiting counts those of them that wait for another to end.
	Waiting int
}
