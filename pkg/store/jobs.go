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
		return s.insertJob(ctx, tx, j)
	})
}

// ChangeJob reads a job, lets change decide, and writes what it returns, in one
// transaction with the job locked. The clock is read then, and the job is given as
// it stands at that moment: with its pause ended, if that was to end. Old is nil when there is no such job; then a
// returned job is inserted. Nothing is written when change returns nil and nil.
// Otherwise the version is one more than the old, whatever change set; and what was
// due, not yet claimed, and is dropped by the change, is accounted for as canceled. Change may be
// called again when the database undid the transaction. The error of change is returned as it is.
// Before is the job as it was, after as it is; both are nil for nothing.
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
	ctx context.Context, tx *sqlx.Tx, id string, row *jobRow, now job.Instant, change job.Change,
) (before, after *job.Job, err error) {
	var given *job.Job
	if row != nil {
		if given, err = row.job(); err != nil { // a copy: change may write to what it is given
			return nil, nil, err
		}
		given, before = given.AsOf(&s.parser, now), row.present(&s.parser, now)
	}
	if after, err = change(given, now); err != nil {
		return nil, nil, callerError{err}
	}
	if after == nil {
		return before, nil, nil
	}
	after.ID = id
	if row == nil {
		return nil, after, s.insertJob(ctx, tx, after)
	}
	dropped, err := s.overtake(ctx, tx, []turnover{{before, after, now}})
	if err != nil {
		return nil, nil, err
	}
	if n := len(dropped); n > 0 {
		row.RanVersion = row.Version
		if last := dropped[n-1]; before.LastRun == nil || before.LastRun.ScheduledAt <= last.ScheduledAt {
			after.LastRun = last.LastRun()
		}
	}
	if err := s.updateJob(ctx, tx, row, after); err != nil {
		return nil, nil, err
	}
	return before, after, s.writeLastRuns(ctx, tx, dropped)
}

// lockJob reads a job and keeps others from changing it; nil when there is none.
// One that appeared after the lock was asked for counts as none: to change it
// without the lock could undo a change, and to make it anew is refused by its key.
func (s *Store) lockJob(ctx context.Context, tx *sqlx.Tx, id string) (*jobRow, error) {
	if !storable(id) {
		return nil, nil
	}
	locked, err := s.d.lockJobs(ctx, tx, []string{id})
	if err != nil || len(locked) == 0 {
		return nil, err
	}
	var row jobRow
	found, err := selectOne(ctx, tx, &row, "SELECT "+jobColumns+jobTables+"WHERE j.id = :id", args{"id": id})
	if !found {
		return nil, err
	}
	return &row, nil
}

func (s *Store) insertJob(ctx context.Context, tx *sqlx.Tx, j *job.Job) error {
	if !storable(j.ID, j.Name, j.Description) || !storable(j.Tags...) {
		return callerError{job.Errorf(job.CodeInvalid, "texts must be UTF-8 without NUL")}
	}
	var last int64
	_, err := selectOne(ctx, tx, &last, "SELECT COALESCE(MAX(version), 0) FROM definitions WHERE job_id = :id", args{"id": j.ID})
	if err != nil {
		return err
	}
	j.Version = last + 1
	if err := s.insertDefinition(ctx, tx, &j.Definition, j.Version); err != nil {
		return err
	}
	a, err := jobArgs(j)
	if err != nil {
		return err
	}
	_, err = execute(ctx, tx, `INSERT INTO jobs (id, status, next_run_at, due_at, last_run_at, last_state, failures, version, ran_version,
			created_at, updated_at, pause_reason, paused_until, paused_from, type, host, name, tags, search, last_run)
		VALUES (:id, :status, :next_run_at, :due_at, :last_run_at, :last_state, 0, :version, 0,
			:created_at, :updated_at, :pause_reason, :paused_until, :paused_from, :type, :host, :name, :tags, :search, :last_run)`, a)
	return err
}

func (s *Store) insertDefinition(ctx context.Context, tx *sqlx.Tx, d *job.Definition, version int64) error {
	row, err := encodeDefinition(d)
	if err != nil {
		return err
	}
	_, err = execute(ctx, tx, `INSERT INTO definitions (job_id, version, description, schedule, request, policy)
		VALUES (:id, :version, :description, :schedule, :request, :policy)`,
		args{"id": d.ID, "version": version, "description": d.Description,
			"schedule": row.Schedule, "request": row.Request, "policy": row.Policy})
	return err
}

// updateJob writes the next version of a job. The version before stays as long
// as runs follow it.
func (s *Store) updateJob(ctx context.Context, tx *sqlx.Tx, old *jobRow, j *job.Job) error {
	if !storable(j.Name, j.Description) || !storable(j.Tags...) {
		return callerError{job.Errorf(job.CodeInvalid, "texts must be UTF-8 without NUL")}
	}
	j.Version = old.Version + 1
	if err := s.insertDefinition(ctx, tx, &j.Definition, j.Version); err != nil {
		return err
	}
	if old.RanVersion != old.Version {
		if _, err := execute(ctx, tx, "DELETE FROM definitions WHERE job_id = :id AND version = :version",
			args{"id": j.ID, "version": old.Version}); err != nil {
			return err
		}
	}
	a, err := jobArgs(j)
	if err != nil {
		return err
	}
	a["failures"] = old.Failures
	if restarts(old, j) {
		a["failures"] = 0
	}
	_, err = execute(ctx, tx, `UPDATE jobs SET status = :status, next_run_at = :next_run_at, due_at = :due_at,
			failures = :failures, version = :version, created_at = :created_at, updated_at = :updated_at,
			pause_reason = :pause_reason, paused_until = :paused_until, paused_from = :paused_from, type = :type, host = :host, name = :name,
			tags = :tags, search = :search
		WHERE id = :id`, a)
	return err
}

// restarts reports whether the count of failures in a row begins anew: the job
// was resumed, or calls something else than what failed.
func restarts(old *jobRow, j *job.Job) bool {
	if old.Status == job.StatusPaused && j.Status != job.StatusPaused {
		return true
	}
	row, err := encodeDefinition(&j.Definition)
	return err == nil && row.Request != old.Request
}

// blankDefinition empties the last version of a deleted job that no run follows.
// The row stays as the mark from which a new job of this id counts on.
func (s *Store) blankDefinition(ctx context.Context, tx *sqlx.Tx, old *jobRow) error {
	if old.RanVersion == old.Version {
		return nil
	}
	_, err := execute(ctx, tx, `UPDATE definitions SET description = '', schedule = '', request = '', policy = ''
		WHERE job_id = :id AND version = :version`, args{"id": old.ID, "version": old.Version})
	return err
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
		open, err = s.deleteLocked(ctx, tx, old, now)
		return err
	})
	return open, err
}

// deleteLocked does that with a job that is locked.
func (s *Store) deleteLocked(ctx context.Context, tx *sqlx.Tx, old *jobRow, now job.Instant) ([]job.Run, error) {
	dropped, err := s.overtake(ctx, tx, []turnover{{before: old.present(&s.parser, now), at: now}})
	if err != nil {
		return nil, err
	}
	if _, err := execute(ctx, tx, "DELETE FROM jobs WHERE id = :id", args{"id": old.ID}); err != nil {
		return nil, err
	}
	if len(dropped) == 0 { // otherwise these runs follow it
		if err := s.blankDefinition(ctx, tx, old); err != nil {
			return nil, err
		}
	}
	return s.markCanceled(ctx, tx, old.ID, job.ReasonJobDeleted, now)
}

// GetJob reads a job. The error is CodeNotFound when there is none.
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
	return row.job()
}
