package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// writeWaits notes until when runs wait for their targets to complete them, and
// what these said. Few runs do: the others' rows are not touched for it.
func (s *Store) writeWaits(ctx context.Context, tx *sqlx.Tx, l *ledger) error {
	var rows rowset
	for _, e := range l.entries {
		if until := e.run.WaitUntil(); e.changed && (e.waited || until != nil || e.run.Message != nil) {
			rows.add(e.run.ID, until, e.run.Message)
		}
	}
	if rows.n == 0 {
		return nil
	}
	_, err := execute(ctx, tx, "UPDATE runs SET wait_until = v.wait_until, message = coalesce(v.message, runs.message) FROM "+
		s.d.rows("id TEXT", "wait_until BIGINT", "message TEXT")+" AS v WHERE runs.id = v.id", args{"rows": rows.text()})
	return err
}

// EndRun takes the end of a run into its account that comes from outside. The
// error is CodeNotFound when there is no such run, CodeConflict when it has ended.
func (s *Store) EndRun(ctx context.Context, event *job.Event) (done job.Recorded, err error) {
	if !storable(event.RunID) {
		return done, job.NotFound("run", event.RunID)
	}
	err = s.write(ctx, "end a run", func(tx *sqlx.Tx) error {
		rows, err := s.lockRuns(ctx, tx, []string{event.RunID})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return callerError{job.NotFound("run", event.RunID)}
		}
		if rows[0].State.Final() {
			return callerError{job.Errorf(job.CodeConflict, "the run has ended: it is %s", rows[0].State)}
		}
		var l ledger
		if err := l.open(&rows[0]); err != nil {
			return err
		}
		l.apply(event)
		done, err = s.settle(ctx, tx, &l, event.At)
		return err
	})
	return done, err
}

// ExpireWaits fails runs whose targets have not completed them in time.
func (s *Store) ExpireWaits(ctx context.Context, now job.Instant, limit int) (done job.Recorded, err error) {
	late, err := readAll[string](ctx, s, "SELECT r.id FROM runs r WHERE r.open = 1 AND r.wait_until <= :now ORDER BY r.wait_until LIMIT :limit",
		args{"now": int64(now), "limit": max(1, limit)})
	if err != nil || len(late) == 0 {
		return done, fail("look for runs that were not completed", err)
	}
	err = s.write(ctx, "end runs that were not completed", func(tx *sqlx.Tx) error {
		rows, err := s.lockRuns(ctx, tx, late)
		if err != nil {
			return err
		}
		var l ledger
		for i := range rows {
			if err := l.open(&rows[i]); err != nil {
				return err
			}
		}
		for _, e := range l.entries {
			if until := e.run.WaitUntil(); until != nil && *until <= now {
				l.apply(&job.Event{RunID: e.run.ID, At: now, State: job.StateFailed, Reason: job.ReasonCompletionTimeout})
			}
		}
		done, err = s.settle(ctx, tx, &l, now)
		return err
	})
	return done, err
}
