package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// StartRun makes a run by hand: decide is given the job, locked, with the counts
// of its open runs, and returns the run to insert; nil and nil inserts none. Its error is
// returned as it is, and it may be called again when the database undid the
// transaction. The task is nil unless the run is queued. The error is CodeNotFound when there is no such
// job, CodeConflict when the run's id is taken.
func (s *Store) StartRun(ctx context.Context, jobID string, decide func(*job.Due) (*job.Run, error)) (task *job.Task, err error) {
	err = s.write(ctx, "start run", func(tx *sqlx.Tx) error {
		task = nil
		row, err := s.lockJob(ctx, tx, jobID)
		if err != nil {
			return err
		}
		if row == nil {
			return callerError{job.NotFound("job", jobID)}
		}
		j, err := row.job()
		if err != nil {
			return err
		}
		due := []job.Due{{Job: *j}}
		if err := s.countOpen(ctx, tx, due); err != nil {
			return err
		}
		run, err := decide(&due[0])
		if err != nil {
			return callerError{err}
		}
		if run == nil {
			return nil
		}
		task, err = s.startRun(ctx, tx, row, &due[0], run)
		return err
	})
	return task, err
}

func (s *Store) startRun(ctx context.Context, tx *sqlx.Tx, row *jobRow, due *job.Due, run *job.Run) (*job.Task, error) {
	run.JobID, run.JobVersion = row.ID, row.Version
	touched := run.ScheduledAt
	if run.QueuedAt != nil {
		touched = *run.QueuedAt
	}
	var runs rowset
	runs.addRun(run)
	fresh := map[string]bool{}
	if err := insertFresh(ctx, tx, &runs, fresh, s.insertRuns(), touched); err != nil {
		return nil, err
	}
	if !fresh[run.ID] {
		return nil, callerError{job.Errorf(job.CodeConflict, "there is a run with the id %q already", run.ID)}
	}
	_, err := execute(ctx, tx, "UPDATE jobs SET ran_version = version WHERE id = :id", args{"id": row.ID})
	if err != nil {
		return nil, err
	}
	if run.State.Final() {
		return nil, s.writeLastRuns(ctx, tx, []*job.Run{run})
	}
	if run.State != job.StateQueued {
		return nil, nil
	}
	task := job.TaskOf(run, &due.Request, &due.Policy)
	return &task, nil
}
