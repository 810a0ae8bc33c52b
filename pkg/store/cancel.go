package store

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// markCanceled notes on the open runs of jobs that they are to be canceled.
func (s *Store) markCanceled(ctx context.Context, tx *sqlx.Tx, jobIDs []string, reason job.Reason, now job.Instant) ([]job.Run, error) {
	if len(jobIDs) == 0 {
		return nil, nil
	}
	var rows []runRow
	open := s.d.in("r.job_id", ":jobs") + " AND r.open = 1"
	err := selectAll(ctx, tx, &rows, "SELECT "+runColumns+" FROM runs r WHERE "+open+" ORDER BY r.id"+s.d.forUpdate("r"),
		args{"jobs": s.d.list(jobIDs)})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	_, err = execute(ctx, tx, `UPDATE runs SET cancel_reason = :reason,
			touched_at = CASE WHEN touched_at < :now THEN :now ELSE touched_at END
		WHERE open = 1 AND `+s.d.in("job_id", ":jobs"), args{"reason": string(reason), "now": int64(now), "jobs": s.d.list(jobIDs)})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].CancelReason = &reason
	}
	return briefRuns(rows), nil
}

// MarkCanceled notes on an open run that it is to be canceled by hand, whatever
// else it was to be canceled for, and answers it with ID, JobID, Queue, State and
// Reason. The error is CodeNotFound when there is no such run, CodeConflict when it has ended.
func (s *Store) MarkCanceled(ctx context.Context, id string, now job.Instant) (run job.Run, err error) {
	if !storable(id) {
		return run, job.NotFound("run", id)
	}
	err = s.write(ctx, "mark a run as canceled", func(tx *sqlx.Tx) error {
		rows, err := s.lockRuns(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return callerError{job.NotFound("run", id)}
		}
		if rows[0].State.Final() {
			return callerError{job.Errorf(job.CodeConflict, "the run has ended: it is %s", rows[0].State)}
		}
		reason := job.ReasonByHand
		rows[0].CancelReason = &reason
		run = briefRuns(rows)[0]
		_, err = execute(ctx, tx, `UPDATE runs SET cancel_reason = :reason,
				touched_at = CASE WHEN touched_at < :now THEN :now ELSE touched_at END
			WHERE id = :id`, args{"reason": string(reason), "now": int64(now), "id": id})
		if err != nil {
			return err
		}
		diff := access.DiffOf(nil, map[string]string{"job": run.JobID})
		return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), access.ActionCancelRun, id, diff))
	})
	return run, err
}

// briefRuns are runs with ID, JobID, Queue, State, ExpectedBy and the reason of an intent to cancel only.
func briefRuns(rows []runRow) []job.Run {
	runs := make([]job.Run, len(rows))
	for i, r := range rows {
		runs[i] = job.Run{ID: r.ID, JobID: r.JobID, Queue: r.Queue, State: r.State, ExpectedBy: r.deadline()}
		if r.CancelReason != nil {
			runs[i].Reason = *r.CancelReason
		}
	}
	return runs
}

// markReplaced notes on the open runs of jobs that newer ones take their place, and counts them.
func (s *Store) markReplaced(ctx context.Context, tx *sqlx.Tx, jobIDs []string, now job.Instant) (int, error) {
	if len(jobIDs) == 0 {
		return 0, nil
	}
	n, err := execute(ctx, tx, `UPDATE runs SET cancel_reason = :reason,
			touched_at = CASE WHEN touched_at < :now THEN :now ELSE touched_at END
		WHERE open = 1 AND cancel_reason IS NULL AND `+s.d.in("job_id", ":jobs"),
		args{"reason": string(job.ReasonReplaced), "now": int64(now), "jobs": s.d.list(jobIDs)})
	return int(n), err
}

// CancelPending reads open runs that are to be canceled, but not those that the
// target of a deleted job was given time for: what has begun may finish. ID, JobID, Queue, State, ExpectedBy
// and, as Reason, why are filled in.
func (s *Store) CancelPending(ctx context.Context, limit int) ([]job.Run, error) {
	rows, err := readAll[runRow](ctx, s, "SELECT "+runColumns+` FROM runs r WHERE r.open = 1 AND r.cancel_reason IS NOT NULL
		AND (r.wait_until IS NULL OR r.cancel_reason <> :deleted)
		ORDER BY r.id LIMIT :limit`, args{"limit": max(1, limit), "deleted": string(job.ReasonJobDeleted)})
	return briefRuns(rows), fail("look for runs to cancel", err)
}

// CancelMarked cancels those of the runs that are to be canceled and whose call
// has not begun, waits for a retry, or was followed by a wait for their target to
// complete them, with the reason they were marked with.
func (s *Store) CancelMarked(ctx context.Context, ids []string, now job.Instant) (job.Recorded, error) {
	return s.cancel(ctx, ids, now, job.StateWaiting, job.StateQueued, job.StateRetrying)
}

// CancelVanished does the same with runs that were being called when every trace of that was lost.
func (s *Store) CancelVanished(ctx context.Context, ids []string, now job.Instant) (job.Recorded, error) {
	return s.cancel(ctx, ids, now, job.StateRunning)
}

func (s *Store) cancel(ctx context.Context, ids []string, now job.Instant, states ...job.State) (done job.Recorded, err error) {
	if ids = storableOf(ids); len(ids) == 0 {
		return done, nil
	}
	err = s.write(ctx, "cancel runs", func(tx *sqlx.Tx) error {
		rows, err := s.lockRuns(ctx, tx, ids)
		if err != nil {
			return err
		}
		var l ledger
		for i := range rows {
			r := &rows[i]
			if r.CancelReason == nil {
				continue
			}
			run, err := r.run()
			if err != nil {
				return err
			}
			if run.WaitUntil() != nil && *r.CancelReason == job.ReasonJobDeleted ||
				run.WaitUntil() == nil && !slices.Contains(states, r.State) {
				continue
			}
			if err := l.open(r); err != nil {
				return err
			}
			l.apply(&job.Event{RunID: r.ID, At: now, State: job.StateCanceled, Reason: *r.CancelReason})
		}
		done, err = s.settle(ctx, tx, &l, now)
		return err
	})
	return done, err
}
