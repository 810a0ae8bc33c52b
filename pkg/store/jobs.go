package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// CreateJob writes a new job and sets its Version: 1, or one more than any job of
// the same id ever had. The error is CodeConflict when the id is taken.
func (s *Store) CreateJob(ctx context.Context, j *job.Job) error {
	return s.write(ctx, "create job", func(tx *sqlx.Tx) error {
		old, err := s.lockJob(ctx, tx, j.ID)
		if err != nil {
			return err
		}
		if old != nil {
			return callerError{job.Errorf(job.CodeConflict, "there is a job with the id %q already", j.ID)}
		}
		_, err = s.apply(ctx, tx, []edit{{change: turnover{after: j, at: j.UpdatedAt}}}, j.UpdatedAt)
		return err
	})
}

// ChangeJob reads a job, lets change decide, and writes what it returns, in one
// transaction with the job locked. The clock is read then, and the job is given as
// it stands at that moment: with its pause ended, if that was to end. Old is nil when there is no such job; then a
// returned job is inserted. Nothing is written when change returns nil and nil.
// Otherwise the version is one more than the old, whatever change set; and what was
// due, not yet claimed, and is dropped by the change, is accounted for as canceled. Change may be
// called again when the database undid the transaction. The error of change is returned as it is.
// A job whose definition cannot be read is given as such, and only a definition that can is written over it. Before is the job as it was, after as it is; both are nil for nothing.
func (s *Store) ChangeJob(
	ctx context.Context, id string, clock func() job.Instant, change job.Change,
) (before, after *job.Job, err error) {
	err = s.write(ctx, "change job", func(tx *sqlx.Tx) error {
		row, err := s.lockJob(ctx, tx, id)
		if err != nil {
			return err
		}
		before, after, err = s.changeLocked(ctx, tx, id, row, clock(), change)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return before, after, nil
}

// changeLocked does that with a job that is locked; its row is nil when there is none.
func (s *Store) changeLocked(
	ctx context.Context, tx *sqlx.Tx, id string, row *jobRow, now job.Instant, decide job.Change,
) (before, after *job.Job, err error) {
	var given *job.Job
	if row != nil {
		given, before = row.present(&s.parser, now), row.present(&s.parser, now) // change may write to what it is given
	}
	if after, err = decide(given, now); err != nil {
		return nil, nil, callerError{err}
	}
	if after == nil {
		return before, nil, nil
	}
	after.ID = id
	_, err = s.apply(ctx, tx, []edit{{row, turnover{before, after, now}}}, now)
	if err != nil {
		return nil, nil, err
	}
	return before, after, nil
}

// lockJob reads a job and keeps others from changing it; nil when there is none.
// One that appeared after the lock was asked for counts as none: to change it
// without the lock could undo a change, and to make it anew is refused by its key.
func (s *Store) lockJob(ctx context.Context, tx *sqlx.Tx, id string) (*jobRow, error) {
	if !storable(id) {
		return nil, nil
	}
	rows, err := s.lockRows(ctx, tx, []string{id})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// DeleteJob deletes a job, accounts for what was due of it and not yet claimed,
// and marks its open runs to be canceled; it returns these, with ID, JobID, Queue and State only. With an ifVersion other than 0 the
// job must stand at it. Now is the moment of the deletion. The error is
// CodeNotFound or CodePreconditionFailed.
func (s *Store) DeleteJob(ctx context.Context, id string, ifVersion int64, now job.Instant) (open []job.Run, err error) {
	err = s.write(ctx, "delete job", func(tx *sqlx.Tx) error {
		open = nil
		old, err := s.lockJob(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case old == nil:
			return callerError{job.NotFound("job", id)}
		case ifVersion != 0 && ifVersion != old.Version:
			return callerError{job.Errorf(job.CodePreconditionFailed,
				"the job %q is at version %d, not %d", id, old.Version, ifVersion)}
		}
		open, err = s.apply(ctx, tx, []edit{{old, turnover{before: old.present(&s.parser, now), at: now}}}, now)
		return err
	})
	return open, err
}

// GetJob reads a job, which may be one that is marked as unreadable. The error is CodeNotFound when there is none.
func (s *Store) GetJob(ctx context.Context, id string) (*job.Job, error) {
	if !storable(id) {
		return nil, job.NotFound("job", id)
	}
	var row jobRow
	found, err := readOne(ctx, s, &row, "SELECT "+jobColumns+jobTables+"WHERE j.id = :id", args{"id": id})
	switch {
	case err != nil:
		return nil, fail("get job", err)
	case !found:
		return nil, job.NotFound("job", id)
	}
	j, err := row.job()
	if err != nil {
		s.logger.WarnContext(ctx, "a stored job cannot be read", "job_id", id, "error", err)
	}
	return j, nil
}
