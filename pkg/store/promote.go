package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// mayStart is a condition on a waiting run: no other run of its job is open, and it is the first that waits.
const mayStart = `w.open = 1 AND w.state = 'waiting' AND w.cancel_reason IS NULL
	AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.job_id = w.job_id AND o.open = 1 AND (o.state <> 'waiting' OR o.id < w.id))`

// promote queues the runs that waited for the ended ones. On PostgreSQL the jobs
// are locked: a claim that is about to add a waiting run has committed or not begun.
func (s *Store) promote(ctx context.Context, tx *sqlx.Tx, ended []*job.Run, now job.Instant) ([]job.Task, error) {
	if len(ended) == 0 {
		return nil, nil
	}
	jobs := map[string]bool{}
	for _, run := range ended {
		jobs[run.JobID] = true
	}
	return s.promoteWhere(ctx, tx, s.d.in("w.job_id", ":jobs"), args{"jobs": s.d.list(sortedKeys(jobs)), "now": int64(now)})
}

// PromoteWaiting queues runs that wait although no other run of their job is open.
// Whoever ends a run does that for it; this is for what a crash left behind.
func (s *Store) PromoteWaiting(ctx context.Context, now job.Instant) (tasks []job.Task, err error) {
	// Whether there is one is asked without keeping others from writing: all open runs are looked at.
	var id string
	found, err := readOne(ctx, s, &id, "SELECT w.id FROM runs w WHERE "+mayStart+" LIMIT 1", args{})
	if err != nil || !found {
		return nil, fail("look for runs that may start", err)
	}
	err = s.write(ctx, "queue waiting runs", func(tx *sqlx.Tx) error {
		tasks, err = s.promoteWhere(ctx, tx, "1 = 1", args{"now": int64(now)})
		return err
	})
	return tasks, err
}

func (s *Store) promoteWhere(ctx context.Context, tx *sqlx.Tx, condition string, a args) ([]job.Task, error) {
	var ids []string
	err := selectAll(ctx, tx, &ids, `UPDATE runs SET state = 'queued', queued_at = :now, touched_at = :now, expected_by = `+queuedUntil+`
		WHERE state = 'waiting' AND id IN (SELECT w.id FROM runs w WHERE `+mayStart+" AND "+condition+") RETURNING id", a)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []taskRow
	err = selectAll(ctx, tx, &rows, "SELECT "+taskColumns+` FROM runs r
		JOIN definitions d ON d.job_id = r.job_id AND d.version = r.job_version
		WHERE `+s.d.in("r.id", ":ids")+" ORDER BY r.id", args{"ids": s.d.list(ids)})
	if err != nil {
		return nil, err
	}
	return s.tasksOf(ctx, tx, rows)
}

// taskRow is a run with the definition that it follows.
type taskRow struct {
	runRow
	definitionRow
}

const taskColumns = runColumns + ", d.schedule, d.request, d.policy, d.secrets"

// tasksOf joins runs with their definitions and the secrets that these use. One whose
// definition cannot be read has no URL: it holds up no other, and fails.
func (s *Store) tasksOf(ctx context.Context, q conn, rows []taskRow) ([]job.Task, error) {
	tasks := make([]job.Task, len(rows))
	for i := range rows {
		run, err := rows[i].run()
		if err != nil {
			return nil, err
		}
		request, policy, err := rows[i].decodeCall()
		if err != nil {
			s.logger.ErrorContext(ctx, "the definition of an open run cannot be read", "run_id", run.ID, "job_id", run.JobID, "error", err)
			request, policy = job.Request{Method: "GET"}, job.DefaultPolicy()
		}
		tasks[i] = job.TaskOf(run, &request, &policy)
	}
	return tasks, s.addSecrets(ctx, q, tasks)
}
