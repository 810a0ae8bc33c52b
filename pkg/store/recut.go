package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// summary is a row that stands for several occurrences of a job.
type summary struct {
	run *job.Run
	job *job.Job
}

// recut mends summaries that were not inserted because the first of their
// occurrences has an account. That is so where the clock was set back and the
// schedule was changed then: it was planned anew from a moment that had been
// before. Such a row stands for those that have none, and is left out if all have.
func (s *Store) recut(ctx context.Context, tx *sqlx.Tx, summaries []summary, fresh map[string]bool, now job.Instant) error {
	var rows rowset
	for _, one := range summaries {
		if fresh[one.run.ID] {
			continue
		}
		left, err := s.leaveKnown(ctx, tx, one)
		if err != nil {
			return err
		}
		if left {
			rows.addRun(one.run)
		}
	}
	return insertFresh(ctx, tx, &rows, fresh, s.insertRuns(), now)
}

// leaveKnown leaves those occurrences out of a summary that have an account, and reports whether others are left.
func (s *Store) leaveKnown(ctx context.Context, tx *sqlx.Tx, one summary) (left bool, err error) {
	schedule, err := one.job.Compile(&s.parser)
	if err != nil {
		return false, nil // then it stands for one only
	}
	from, to := *one.run.MissedFrom, *one.run.MissedTo
	var known []struct {
		At      job.Instant `db:"scheduled_at"`
		Through job.Instant `db:"through"`
	}
	err = selectAll(ctx, tx, &known, `SELECT scheduled_at, COALESCE(missed_to, scheduled_at) AS through FROM runs
		WHERE job_id = :job AND cause = 'schedule' AND scheduled_at <= :to AND COALESCE(missed_to, scheduled_at) >= :from
		ORDER BY scheduled_at`, args{"job": one.job.ID, "from": int64(from), "to": int64(to)})
	if err != nil {
		return false, err
	}
	o := job.Occurrences{Schedule: schedule, Job: one.job}
	var first, last job.Instant
	n, at, more := 0, from, true
	count := func(until job.Instant) {
		between, end := o.Through(at, until, o.Limit())
		if between == 0 {
			return
		}
		if n == 0 {
			first = at
		}
		n, last = n+between, end
	}
	for i := 0; i < len(known) && more; i++ {
		count(known[i].At - 1)
		if at <= known[i].Through {
			at, more = o.Next(known[i].Through)
		}
	}
	if more {
		count(to)
	}
	if n > 0 {
		*one.run = one.job.Summary(one.run.State, one.run.Reason, n, first, last, *one.run.FinishedAt)
	}
	return n > 0, nil
}
