package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// turnover is one job before and after a change; after is nil for a deletion.
type turnover struct {
	before, after *job.Job
	// at is when the change takes effect.
	at job.Instant
}

// overtake accounts, in the transaction of the changes, for what was due of the
// jobs, was not claimed and is dropped: every way in which a job changes goes
// through here. It is called before the changes are written, and tells of each
// pause what it holds back. The result are the new accounts, for writeLastRuns.
func (s *Store) overtake(ctx context.Context, tx *sqlx.Tx, changes []turnover) ([]*job.Run, error) {
	var rows rowset
	var runs []job.Run
	var of []*job.Job // whose each is
	var now job.Instant
	for _, c := range changes {
		dropped := c.before.Overtaken(&s.parser, c.after, c.at)
		for i := range dropped {
			rows.addRun(&dropped[i])
			of = append(of, c.before)
		}
		runs, now = append(runs, dropped...), max(now, c.at)
	}
	if len(runs) == 0 {
		return nil, nil
	}
	fresh := make(map[string]bool, len(runs))
	if err := insertFresh(ctx, tx, &rows, fresh, s.insertRuns(), now); err != nil {
		return nil, err
	}
	summaries := make([]summary, len(runs))
	for i := range runs {
		summaries[i] = summary{&runs[i], of[i]}
	}
	if err := s.recut(ctx, tx, summaries, fresh, now); err != nil {
		return nil, err
	}
	var accounts []*job.Run
	var ran rowset
	for i := range runs {
		if run := &runs[i]; fresh[run.ID] {
			accounts = append(accounts, run)
			ran.add(run.JobID, run.JobVersion)
		}
	}
	_, err := execute(ctx, tx, "UPDATE jobs SET ran_version = v.version FROM "+s.d.rows("id TEXT", "version BIGINT")+
		" AS v WHERE jobs.id = v.id AND jobs.version = v.version", args{"rows": ran.text()})
	if err != nil {
		return nil, err
	}
	return accounts, s.countOutcomes(ctx, tx, accounts)
}

// present is the job as a change of it finds it.
func (r *jobRow) present(parser *trigger.Parser, now job.Instant) *job.Job {
	j, _ := r.job() // one that cannot be read has what its account needs
	return j.AsOf(parser, now)
}
