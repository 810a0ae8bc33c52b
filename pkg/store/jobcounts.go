package store

import (
	"context"

	"schedule-server/pkg/job"
)

// maxCounted is how many runs of one job are counted at most.
const maxCounted = 100_000

// JobOutcomes counts the occurrences of one job that have ended, by the runs that
// are kept of it. Whole is false when there were too many to count: then the
// earliest are not among them.
func (s *Store) JobOutcomes(ctx context.Context, jobID string, b job.Buckets) (counts []job.OutcomeCount, whole bool, err error) {
	if !storable(jobID) {
		return nil, true, nil
	}
	a := args{"job": jobID, "from": int64(b.From), "to": int64(b.End()), "width": b.Width, "limit": maxCounted + 1,
		"from_id": boundaryID(b.From, 0), "to_id": boundaryID(b.End(), 0)}
	counts, err = readAll[job.OutcomeCount](ctx, s, `SELECT (r.scheduled_at - :from) / :width AS bucket, r.state, count(*) AS runs
		FROM (SELECT o.state, o.scheduled_at, o.missed_count FROM runs o
			WHERE o.job_id = :job AND o.id >= :from_id AND o.id < :to_id AND o.open = 0 ORDER BY o.id DESC LIMIT :limit) AS r
		WHERE r.scheduled_at >= :from AND r.scheduled_at < :to AND r.missed_count <= 1
		GROUP BY 1, 2`, a)
	if err != nil {
		return nil, false, fail("count the outcomes of a job", err)
	}
	// What one run stands for may lie in many buckets, and begin before the first.
	a["limit"] = maxPage
	many, err := readAll[runRow](ctx, s, "SELECT "+runColumns+` FROM runs r
		WHERE r.job_id = :job AND r.id < :to_id AND r.missed_count > 1 AND r.missed_to >= :from ORDER BY r.id DESC LIMIT :limit`, a)
	if err != nil {
		return nil, false, fail("count the outcomes of a job", err)
	}
	total := int64(0)
	for i := range counts {
		total += counts[i].Runs
	}
	more, err := spreadRuns(many, b)
	return append(counts, more...), total <= maxCounted, err
}

// spreadRuns counts the missed occurrences that each run stands for.
func spreadRuns(rows []runRow, b job.Buckets) ([]job.OutcomeCount, error) {
	runs, err := runsOf(rows)
	if err != nil {
		return nil, err
	}
	var counts []job.OutcomeCount
	for i := range runs {
		spread(&runs[i], func(at job.Instant, n int64) {
			if at >= b.From && at < b.End() {
				counts = append(counts, job.OutcomeCount{Bucket: int(int64(at-b.From) / b.Width), State: runs[i].State, Runs: n})
			}
		})
	}
	return counts, nil
}
