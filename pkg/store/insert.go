package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// addRun adds a new run to a rowset for insertRuns.
func (r *rowset) addRun(run *job.Run, touched job.Instant) {
	r.add(run.ID, run.JobID, run.JobVersion, string(run.Trigger), string(run.State), string(run.Reason), openFlag(run.State),
		touched, run.ScheduledAt, run.QueuedAt, run.StartedAt, run.FinishedAt, run.MissedCount, run.MissedFrom, run.MissedTo,
		string(run.Queue), run.RetryUntil)
}

// insertRuns inserts runs that are not there yet, and notes the ids of those in fresh.
func (s *Store) insertRuns(ctx context.Context, tx *sqlx.Tx, runs *rowset, fresh map[string]bool) error {
	return insertFresh(ctx, tx, runs, fresh, `INSERT INTO runs (id, job_id, job_version, cause, state, reason, open, touched_at,
			scheduled_at, queued_at, started_at, finished_at, missed_count, missed_from, missed_to, queue, retry_until,
			attempt_started, attempts)
		SELECT v.*, 0, '[]' FROM `+s.d.rows("id TEXT", "job_id TEXT", "job_version BIGINT", "cause TEXT", "state TEXT",
		"reason TEXT", "open BIGINT", "touched_at BIGINT", "scheduled_at BIGINT", "queued_at BIGINT", "started_at BIGINT",
		"finished_at BIGINT", "missed_count BIGINT", "missed_from BIGINT", "missed_to BIGINT", "queue TEXT", "retry_until BIGINT")+
		" AS v WHERE true ON CONFLICT (id) DO NOTHING RETURNING id", args{"rows": runs.text()})
}

// insertQueued is insertRuns for occurrences that are plainlyQueued.
func (s *Store) insertQueued(ctx context.Context, tx *sqlx.Tx, runs *rowset, now job.Instant, fresh map[string]bool) error {
	return insertFresh(ctx, tx, runs, fresh, `INSERT INTO runs (id, job_id, job_version, scheduled_at, queued_at, queue, retry_until,
			touched_at, cause, state, reason, open, missed_count, attempt_started, attempts)
		SELECT v.*, CAST(:now AS BIGINT), 'schedule', 'queued', '', 1, 0, 0, '[]' FROM `+
		s.d.rows("id TEXT", "job_id TEXT", "job_version BIGINT", "scheduled_at BIGINT", "queued_at BIGINT", "queue TEXT",
			"retry_until BIGINT")+
		" AS v WHERE true ON CONFLICT (id) DO NOTHING RETURNING id", args{"rows": runs.text(), "now": int64(now)})
}

// insertFresh runs an INSERT that returns the ids of new rows.
func insertFresh(ctx context.Context, tx *sqlx.Tx, runs *rowset, fresh map[string]bool, text string, a args) error {
	if runs.n == 0 {
		return nil
	}
	var ids []string
	if err := selectAll(ctx, tx, &ids, text, a); err != nil {
		return err
	}
	for _, id := range ids {
		fresh[id] = true
	}
	return nil
}
