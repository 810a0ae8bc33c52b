package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

const (
	// minutesKept is how long outcomes stay counted by the minute, hoursKept by the hour.
	minutesKept = 8 * 24 * time.Hour
	hoursKept   = 400 * 24 * time.Hour
	// countsStep is how much of the minutes one step joins into hours.
	countsStep = 6 * hour
	// oldDefinitions is how many definitions are looked at in one step.
	oldDefinitions = 1000
)

// Counts joins old counts of minutes into hours, and removes those that are too old for that.
func (p *Pruner) Counts(ctx context.Context, now job.Instant, _ string) (step job.ChoreStep, err error) {
	var oldest *job.Instant
	bound := floor(now.Add(-minutesKept), hour)
	if _, err := readOne(ctx, p.s, &oldest, "SELECT min(at) FROM run_counts WHERE span = 60000", args{}); err != nil {
		return step, fail("look for old counts", err)
	}
	a := args{"hours_kept": int64(now.Add(-hoursKept))}
	step.Done = oldest == nil || *oldest >= bound
	upto := bound
	if !step.Done {
		upto = min(bound, floor(*oldest, hour)+countsStep)
	}
	a["upto"] = int64(upto)
	err = p.s.write(ctx, "prune counts", func(tx *sqlx.Tx) error {
		_, err := execute(ctx, tx, `INSERT INTO run_counts (span, at, state, runs)
			SELECT 3600000, c.at - c.at % 3600000, c.state, sum(c.runs) FROM run_counts c
			WHERE c.span = 60000 AND c.at < :upto GROUP BY 2, 3
			ON CONFLICT (span, at, state) DO UPDATE SET runs = run_counts.runs + excluded.runs`, a)
		if err != nil {
			return err
		}
		n, err := execute(ctx, tx, `DELETE FROM run_counts WHERE span = 60000 AND at < :upto OR span = 3600000 AND at < :hours_kept`, a)
		step.Removed = int(n)
		return err
	})
	return step, err
}

// JobCounts makes one row of those that the number of all jobs is added up from. It counts the jobs
// anew for that, which also puts right what was written past the triggers. SQLite keeps no such rows.
func (p *Pruner) JobCounts(ctx context.Context, _ job.Instant, _ string) (step job.ChoreStep, err error) {
	step.Done = true
	if p.s.d == sqlite {
		return step, nil
	}
	err = p.s.write(ctx, "recount jobs", func(tx *sqlx.Tx) error {
		// Two at once would leave two rows of all jobs. Who adds or removes jobs does not wait for this lock.
		if _, err := tx.ExecContext(ctx, "LOCK TABLE job_counts IN SHARE UPDATE EXCLUSIVE MODE"); err != nil {
			return err
		}
		// One statement sees one moment: rows that it leaves are of jobs that it does not count.
		_, err := tx.ExecContext(ctx, `WITH old AS (DELETE FROM job_counts) INSERT INTO job_counts (jobs) SELECT count(*) FROM jobs`)
		return err
	})
	return step, err
}

// definitionPlace is a place in the order of the definitions.
type definitionPlace struct {
	JobID   string `db:"job_id" json:"job_id"`
	Version int64  `db:"version" json:"version"`
}

// unfollowed is a condition on a definition: no run follows it, and it is not its job's present one.
const unfollowed = `NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = d.job_id AND j.version = d.version)
	AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = d.job_id AND r.job_version = d.version)`

// Definitions removes versions of jobs that no run follows any more. The last
// version of a job that is no more is emptied: it is the mark from which a new
// job of this id counts on.
func (p *Pruner) Definitions(ctx context.Context, _ job.Instant, place string) (step job.ChoreStep, err error) {
	var after definitionPlace
	if place != "" && json.Unmarshal([]byte(place), &after) != nil {
		after = definitionPlace{}
	}
	seen, err := readAll[definitionPlace](ctx, p.s, `SELECT d.job_id, d.version FROM definitions d
		WHERE (d.job_id, d.version) > (:job, :version) ORDER BY d.job_id, d.version LIMIT :limit`,
		args{"job": cleanText(after.JobID), "version": after.Version, "limit": oldDefinitions})
	if err != nil || len(seen) == 0 {
		step.Done = true
		return step, fail("look for definitions", err)
	}
	last := seen[len(seen)-1]
	bounds := args{"job": cleanText(after.JobID), "version": after.Version, "last_job": last.JobID, "last_version": last.Version}
	old, err := readAll[definitionPlace](ctx, p.s, `SELECT d.job_id, d.version FROM definitions d
		WHERE (d.job_id, d.version) > (:job, :version) AND (d.job_id, d.version) <= (:last_job, :last_version)
			AND d.schedule <> '' AND `+unfollowed, bounds)
	if err != nil {
		return step, fail("look for old definitions", err)
	}
	if step.Removed, err = p.removeDefinitions(ctx, old); err != nil {
		return step, err
	}
	if len(seen) < oldDefinitions {
		step.Done = true
		return step, nil
	}
	text, _ := json.Marshal(last) // text and a number always marshal
	step.Place = string(text)
	return step, nil
}

func (p *Pruner) removeDefinitions(ctx context.Context, old []definitionPlace) (removed int, err error) {
	if len(old) == 0 {
		return 0, nil
	}
	var rows rowset
	for _, d := range old {
		rows.add(d.JobID, d.Version)
	}
	these := `(d.job_id, d.version) IN (SELECT v.job_id, v.version FROM ` + p.s.d.rows("job_id TEXT", "version BIGINT") + ` AS v)`
	isLast := "NOT EXISTS (SELECT 1 FROM definitions l WHERE l.job_id = d.job_id AND l.version > d.version)"
	err = p.s.write(ctx, "prune definitions", func(tx *sqlx.Tx) error {
		emptied, err := execute(ctx, tx, "UPDATE definitions AS d SET description = '', schedule = '', request = '', policy = '', secrets = NULL WHERE "+
			these+" AND "+isLast+" AND "+unfollowed, args{"rows": rows.text()})
		if err != nil {
			return err
		}
		deleted, err := execute(ctx, tx, "DELETE FROM definitions AS d WHERE "+these+" AND NOT "+isLast+" AND "+unfollowed,
			args{"rows": rows.text()})
		removed = int(emptied + deleted)
		return err
	})
	return removed, err
}
