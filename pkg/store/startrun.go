package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// StartRuns makes runs by hand: decide is given the job, locked, with the counts
// of its open runs, and returns the runs to insert; none is no error. Its error is
// returned as it is, and it may be called again when the database undid the
// transaction. The tasks are those of the runs that are queued. The error is
// CodeNotFound when there is no such job, CodeConflict when a run's id is taken.
func (s *Store) StartRuns(ctx context.Context, jobID string, decide func(*job.Due) ([]job.Run, error)) (tasks []job.Task, err error) {
	err = s.write(ctx, "start runs", func(tx *sqlx.Tx) error {
		tasks = nil
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
		runs, err := decide(&due[0])
		if err != nil {
			return callerError{err}
		}
		if len(runs) == 0 {
			return nil
		}
		tasks, err = s.startRuns(ctx, tx, row, &due[0], runs)
		return err
	})
	return tasks, err
}

func (s *Store) startRuns(ctx context.Context, tx *sqlx.Tx, row *jobRow, due *job.Due, runs []job.Run) ([]job.Task, error) {
	var rows rowset
	var tasks []job.Task
	var ended []*job.Run
	touched := runs[0].ScheduledAt
	for i := range runs {
		run := &runs[i]
		run.JobID, run.JobVersion = row.ID, row.Version
		rows.addRun(run)
		if run.QueuedAt != nil {
			touched = max(touched, *run.QueuedAt)
		}
		switch {
		case run.State.Final():
			ended = append(ended, run)
		case run.State == job.StateQueued:
			tasks = append(tasks, job.TaskOf(run, &due.Request, &due.Policy))
		}
	}
	fresh := make(map[string]bool, len(runs))
	if err := insertFresh(ctx, tx, &rows, fresh, s.insertRuns(), touched); err != nil {
		return nil, err
	}
	for i := range runs {
		if !fresh[runs[i].ID] {
			return nil, callerError{job.Errorf(job.CodeConflict, "there is a run with the id %q already", runs[i].ID)}
		}
	}
	_, err := execute(ctx, tx, "UPDATE jobs SET ran_version = version WHERE id = :id", args{"id": row.ID})
	if err != nil {
		return nil, err
	}
	if err := s.writeLastRuns(ctx, tx, ended); err != nil {
		return nil, err
	}
	return tasks, s.countOutcomes(ctx, tx, ended)
}
