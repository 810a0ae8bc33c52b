package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// addRun adds a new run to a rowset for insertRuns.
func (r *rowset) addRun(run *job.Run) {
	missedFrom := run.MissedFrom
	if run.MissedCount == 0 {
		missedFrom = run.DueSince
	}
	r.add(run.ID, run.JobID, run.JobVersion, string(run.Trigger), string(run.State), string(run.Reason), openFlag(run.State),
		run.ScheduledAt, run.QueuedAt, run.StartedAt, run.FinishedAt, run.MissedCount, missedFrom, run.MissedTo,
		string(run.Queue), run.RetryUntil)
}

// insertClaimed inserts the runs of a claim. When the writer is careful it leaves
// out those that are there, and returns the ids of the others.
func (s *Store) insertClaimed(ctx context.Context, tx *sqlx.Tx, w *claimWriter) (map[string]bool, error) {
	if w.careful {
		fresh := make(map[string]bool, w.queued.n+w.others.n)
		err := insertFresh(ctx, tx, &w.queued, fresh, s.insertQueued(), w.now)
		if err == nil {
			err = insertFresh(ctx, tx, &w.others, fresh, s.insertRuns(), w.now)
		}
		return fresh, err
	}
	for _, part := range []struct {
		rows *rowset
		text string
	}{{&w.queued, s.insertQueued()}, {&w.others, s.insertRuns()}} {
		if part.rows.n == 0 {
			continue
		}
		if _, err := execute(ctx, tx, part.text, args{"rows": part.rows.text(), "now": int64(w.now)}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// insertFresh inserts runs that are not there yet, and notes the ids of those in fresh.
func insertFresh(ctx context.Context, tx *sqlx.Tx, rows *rowset, fresh map[string]bool, text string, now job.Instant) error {
	if rows.n == 0 {
		return nil
	}
	var ids []string
	err := selectAll(ctx, tx, &ids, text+" WHERE true ON CONFLICT (id) DO NOTHING RETURNING id", args{"rows": rows.text(), "now": int64(now)})
	for _, id := range ids {
		fresh[id] = true
	}
	return err
}

// insertRuns inserts any new runs, made by addRun.
func (s *Store) insertRuns() string {
	return `INSERT INTO runs (id, job_id, job_version, cause, state, reason, open, scheduled_at, queued_at, started_at,
			finished_at, missed_count, missed_from, missed_to, queue, retry_until, touched_at, attempt_started, attempts, expected_by)
		SELECT v.*, CAST(:now AS BIGINT), 0, '[]', CASE WHEN v.state = 'queued' THEN ` + queuedUntil + ` END FROM ` + s.d.rows("id TEXT", "job_id TEXT", "job_version BIGINT", "cause TEXT",
		"state TEXT", "reason TEXT", "open BIGINT", "scheduled_at BIGINT", "queued_at BIGINT", "started_at BIGINT", "finished_at BIGINT",
		"missed_count BIGINT", "missed_from BIGINT", "missed_to BIGINT", "queue TEXT", "retry_until BIGINT") + " AS v"
}

// insertQueued inserts occurrences that are plainlyQueued: their rows are shorter by what they all have in common.
func (s *Store) insertQueued() string {
	return `INSERT INTO runs (id, job_id, job_version, scheduled_at, queued_at, queue, retry_until,
			touched_at, cause, state, reason, open, missed_count, attempt_started, attempts, expected_by)
		SELECT v.*, CAST(:now AS BIGINT), 'schedule', 'queued', '', 1, 0, 0, '[]', ` + queuedUntil + ` FROM ` +
		s.d.rows("id TEXT", "job_id TEXT", "job_version BIGINT", "scheduled_at BIGINT", "queued_at BIGINT", "queue TEXT",
			"retry_until BIGINT") + " AS v"
}
