package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// markCanceled notes on the open runs of a job that they are to be canceled.
func (s *Store) markCanceled(ctx context.Context, tx *sqlx.Tx, jobID string, reason job.Reason, now job.Instant) ([]job.Run, error) {
	var rows []runRow
	err := selectAll(ctx, tx, &rows, "SELECT "+runColumns+" FROM runs r WHERE r.job_id = :job AND r.open = 1 ORDER BY r.id"+
		s.d.forUpdate("r"), args{"job": jobID})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	_, err = execute(ctx, tx, `UPDATE runs SET cancel_reason = :reason,
			touched_at = CASE WHEN touched_at < :now THEN :now ELSE touched_at END
		WHERE job_id = :job AND open = 1`, args{"reason": string(reason), "now": int64(now), "job": jobID})
	if err != nil {
		return nil, err
	}
	return briefRuns(rows), nil
}

// briefRuns are runs with ID, JobID, Queue and State only.
func briefRuns(rows []runRow) []job.Run {
	runs := make([]job.Run, len(rows))
	for i, r := range rows {
		runs[i] = job.Run{ID: r.ID, JobID: r.JobID, Queue: r.Queue, State: r.State}
	}
	return runs
}

// CancelPending reads runs that are to be canceled and still queued or retrying:
// those that a crash left behind. ID, JobID, Queue and State are filled in.
func (s *Store) CancelPending(ctx context.Context, limit int) ([]job.Run, error) {
	rows, err := readAll[runRow](ctx, s, "SELECT "+runColumns+` FROM runs r WHERE r.open = 1 AND r.cancel_reason IS NOT NULL
		AND r.state IN ('queued', 'retrying') ORDER BY r.id LIMIT :limit`, args{"limit": max(1, limit)})
	return briefRuns(rows), fail("look for runs to cancel", err)
}

// CancelMarked cancels those of the runs that are to be canceled and still queued
// or retrying, with the reason they were marked with, and returns them.
func (s *Store) CancelMarked(ctx context.Context, ids []string, now job.Instant) (canceled []job.Run, err error) {
	if ids = storableOf(ids); len(ids) == 0 {
		return nil, nil
	}
	err = s.write(ctx, "cancel runs", func(tx *sqlx.Tx) error {
		rows, err := s.lockRuns(ctx, tx, ids)
		if err != nil {
			return err
		}
		var l ledger
		for i := range rows {
			r := &rows[i]
			if r.CancelReason == nil || r.State != job.StateQueued && r.State != job.StateRetrying {
				continue
			}
			if err := l.open(r); err != nil {
				return err
			}
			l.apply(&job.Event{RunID: r.ID, At: now, State: job.StateCanceled, Reason: *r.CancelReason})
		}
		canceled, err = s.settle(ctx, tx, &l)
		return err
	})
	return canceled, err
}
