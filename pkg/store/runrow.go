package store

import (
	"encoding/json"
	"fmt"

	"schedule-server/pkg/job"
)

// runRow is a run as it lies in runs, without its response.
type runRow struct {
	ID             string       `db:"id"`
	JobID          string       `db:"job_id"`
	JobVersion     int64        `db:"job_version"`
	Cause          job.Trigger  `db:"cause"`
	State          job.State    `db:"state"`
	Reason         job.Reason   `db:"reason"`
	TouchedAt      job.Instant  `db:"touched_at"`
	ScheduledAt    job.Instant  `db:"scheduled_at"`
	QueuedAt       *job.Instant `db:"queued_at"`
	StartedAt      *job.Instant `db:"started_at"`
	FinishedAt     *job.Instant `db:"finished_at"`
	MissedCount    int          `db:"missed_count"`
	MissedFrom     *job.Instant `db:"missed_from"` // of a run that accounts for nothing missed: its DueSince
	MissedTo       *job.Instant `db:"missed_to"`
	Queue          job.Queue    `db:"queue"`
	RetryUntil     *job.Instant `db:"retry_until"`
	AttemptStarted int          `db:"attempt_started"`
	CancelReason   *job.Reason  `db:"cancel_reason"`
	ExpectedBy     *job.Instant `db:"expected_by"`
	Attempts       string       `db:"attempts"`
}

// runColumns read a runRow.
const runColumns = `r.id, r.job_id, r.job_version, r.cause, r.state, r.reason, r.touched_at, r.scheduled_at, r.queued_at,
	r.started_at, r.finished_at, r.missed_count, r.missed_from, r.missed_to, r.queue, r.retry_until, r.attempt_started,
	r.cancel_reason, r.expected_by, r.attempts`

func (r *runRow) run() (*job.Run, error) {
	run := &job.Run{
		ID: r.ID, JobID: r.JobID, JobVersion: r.JobVersion, Trigger: r.Cause, State: r.State, Reason: r.Reason,
		ScheduledAt: r.ScheduledAt, QueuedAt: r.QueuedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
		MissedCount: r.MissedCount, MissedFrom: r.MissedFrom, MissedTo: r.MissedTo,
		Queue: r.Queue, RetryUntil: r.RetryUntil, AttemptStarted: r.AttemptStarted, ExpectedBy: r.ExpectedBy, Attempts: []job.Attempt{},
	}
	if r.Attempts != noAttempts {
		if err := json.Unmarshal([]byte(r.Attempts), &run.Attempts); err != nil {
			return nil, &job.Error{Code: job.CodeInternal, Detail: fmt.Sprintf("the stored run %q cannot be read", r.ID), Err: err}
		}
	}
	if r.MissedCount == 0 {
		run.DueSince, run.MissedFrom = r.MissedFrom, nil
	}
	run.Derive()
	return run, nil
}

// noAttempts is how an empty list of attempts is kept.
const noAttempts = "[]"

// encodeAttempts is the list of attempts as it is kept.
func encodeAttempts(attempts []job.Attempt) (string, error) {
	if len(attempts) == 0 {
		return noAttempts, nil
	}
	return encode("attempts", attempts)
}

// encode writes a part of a run as JSON.
func encode(what string, value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", &job.Error{Code: job.CodeInternal, Detail: "the " + what + " of a run cannot be kept", Err: err}
	}
	return string(text), nil
}

// openFlag is the column open for a state.
func openFlag(s job.State) int64 {
	if s.Final() {
		return 0
	}
	return 1
}
