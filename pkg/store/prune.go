package store

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

const (
	// pruneTime is how long one transaction that prunes may hold up another: its
	// batches are made as small as that takes.
	pruneTime = 10 * time.Millisecond
	// firstBatch, minBatch and maxBatch are how many rows it removes.
	firstBatch = 200
	minBatch   = 50
	maxBatch   = 500
	// newRuns and oldJobs are how many are looked at at once, batchJobs of how many
	// jobs one batch removes runs.
	newRuns   = 2000
	oldJobs   = 200
	batchJobs = 50
	// maxSeen bounds how many jobs are remembered.
	maxSeen = 100_000
)

// Pruner keeps the history as small as the jobs' policies want it. Each of its
// methods is one step of a chore, and does little, so that a claim never waits
// for it. It is used by one goroutine.
type Pruner struct {
	s *Store
	// batch is how many rows the next transaction removes.
	batch int
	work  pruneWork
	// seen are the jobs that Recent has pruned since it last had come to the end.
	seen map[string]bool
}

// pruneWork is what is left to do of one step's jobs.
type pruneWork struct {
	// key names the chore and the place that the work belongs to.
	key    string
	limits []historyLimits
	// after is the answer of the chore when all is done.
	after job.ChoreStep
}

// NewPruner makes a pruner.
func (s *Store) NewPruner() *Pruner { return &Pruner{s: s, batch: firstBatch} }

// Recent prunes the jobs that had runs since the place.
func (p *Pruner) Recent(ctx context.Context, now job.Instant, place string) (job.ChoreStep, error) {
	return p.step(ctx, "recent", place, func() (job.ChoreStep, error) {
		rows, err := readAll[struct {
			ID    string `db:"id"`
			JobID string `db:"job_id"`
		}](ctx, p.s, "SELECT r.id, r.job_id FROM runs r WHERE r.id > :after AND r.id < :now ORDER BY r.id LIMIT :limit",
			args{"after": cleanText(place), "now": boundaryID(now, 0), "limit": newRuns})
		if err != nil || len(rows) == 0 {
			return job.ChoreStep{Place: place, Done: true}, fail("look for new runs", err)
		}
		jobs := make(map[string]bool, len(rows))
		for _, r := range rows {
			if !p.seen[r.JobID] {
				jobs[r.JobID] = true
			}
		}
		p.work.limits, err = p.limits(ctx, now, sortedKeys(jobs))
		p.see(jobs, len(rows) < newRuns)
		return job.ChoreStep{Place: rows[len(rows)-1].ID, Done: len(rows) < newRuns}, err
	})
}

// see remembers jobs until the end: one that has many new runs is pruned once for
// all of them.
func (p *Pruner) see(jobs map[string]bool, end bool) {
	if end || p.seen == nil || len(p.seen) > maxSeen {
		p.seen = map[string]bool{}
	}
	if !end {
		maps.Copy(p.seen, jobs)
	}
}

// All prunes every job that has a history, those that are no more included.
func (p *Pruner) All(ctx context.Context, now job.Instant, place string) (job.ChoreStep, error) {
	return p.step(ctx, "all", place, func() (job.ChoreStep, error) {
		ids, err := readAll[string](ctx, p.s, "SELECT DISTINCT r.job_id FROM runs r WHERE r.job_id > :after ORDER BY r.job_id LIMIT :limit",
			args{"after": cleanText(place), "limit": oldJobs})
		if err != nil || len(ids) == 0 {
			return job.ChoreStep{Done: true}, fail("look for jobs with a history", err)
		}
		p.work.limits, err = p.limits(ctx, now, ids)
		if len(ids) < oldJobs {
			return job.ChoreStep{Done: true}, err
		}
		return job.ChoreStep{Place: ids[len(ids)-1]}, err
	})
}

// step removes one batch of what find finds, which is asked once for each place.
func (p *Pruner) step(ctx context.Context, chore, place string, find func() (job.ChoreStep, error)) (job.ChoreStep, error) {
	step := job.ChoreStep{Place: place}
	if key := chore + " " + place; p.work.key != key {
		p.work = pruneWork{}
		after, err := find()
		if err != nil {
			return step, fail("look for what is to be pruned", err)
		}
		p.work.key, p.work.after = key, after
	}
	some := min(len(p.work.limits), batchJobs)
	removed, more, err := p.removeSome(ctx, p.work.limits[:some])
	if step.Removed = removed; err != nil || more {
		return step, err
	}
	if p.work.limits = p.work.limits[some:]; len(p.work.limits) > 0 {
		return step, nil
	}
	step.Place, step.Done = p.work.after.Place, p.work.after.Done
	p.work = pruneWork{}
	return step, nil
}

// removeSome removes one batch of the runs, or else of the answers, that are
// beyond limits. More says that there are more.
func (p *Pruner) removeSome(ctx context.Context, limits []historyLimits) (removed int, more bool, err error) {
	if len(limits) == 0 {
		return 0, false, nil
	}
	var runs, answers rowset
	for i := range limits {
		limits[i].addRows(&runs)
		limits[i].addAnswers(&answers)
	}
	beyond := runsBeyond(p.s.d, "")
	removed, _, err = p.removeBatch(ctx, "prune runs", "DELETE FROM runs WHERE id IN ("+beyond+" LIMIT :limit)", runs.text())
	if err != nil || removed > 0 {
		return removed, true, err
	}
	beyond = runsBeyond(p.s.d, " AND r.response IS NOT NULL")
	return p.removeBatch(ctx, "prune answers", "UPDATE runs SET response = NULL WHERE id IN ("+beyond+" LIMIT :limit)", answers.text())
}

// removeBatch removes some of the rows that a statement names and sizes the next batch by how long that took.
func (p *Pruner) removeBatch(ctx context.Context, doing, statement, rows string) (removed int, more bool, err error) {
	limit := p.batch
	var start time.Time // a distance, from the turn on; the wait for it holds up nobody
	err = p.s.write(ctx, doing, func(tx *sqlx.Tx) error {
		start = time.Now()
		n, err := execute(ctx, tx, statement, args{"rows": rows, "limit": limit})
		removed = int(n)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	took := time.Since(start)
	p.s.checkpoint(ctx)
	switch {
	case took > pruneTime:
		p.batch = max(minBatch, p.batch/2)
	case took < pruneTime/4 && removed == limit:
		p.batch = min(maxBatch, p.batch*3/2)
	}
	return removed, removed == limit, nil
}

// runsBeyond finds ended runs of jobs up to an id, of the state that each row of
// :rows names, which fulfil a condition on r.
func runsBeyond(d dialect, condition string) string {
	rows := d.rows("job_id TEXT", "state TEXT", "upto TEXT")
	return `WITH v AS MATERIALIZED (SELECT w.* FROM ` + rows + ` AS w)
		SELECT b.id FROM (
			SELECT r.id FROM v JOIN runs r` + d.by("runs_of_job") + ` ON r.job_id = v.job_id AND r.id <= v.upto
			WHERE v.state = 'succeeded' AND r.open = 0 AND r.state = 'succeeded'` + condition + `
			UNION ALL
			SELECT r.id FROM v JOIN runs r` + d.by("runs_not_ok") + ` ON r.job_id = v.job_id AND r.id <= v.upto
			WHERE r.open = 0 AND r.state <> 'succeeded' AND r.state = v.state` + condition + `) AS b`
}

// historyLimits are the newest ids of a job's runs that are beyond what it keeps,
// and of those whose answers are; empty where there is none.
type historyLimits struct {
	JobID            string  `db:"job_id"`
	Successes        *string `db:"successes"`
	SuccessesAnswers *string `db:"successes_answers"`
	Failures         *string `db:"failures"`
	FailuresAnswers  *string `db:"failures_answers"`
	Others           *string `db:"others"`
	// Oldest is the job's first run.
	Oldest *string `db:"oldest"`
	// age and ageAnswers are the ids that are too old, whatever became of them.
	age, ageAnswers string
}

// otherEnds are the states other than succeeded and failed that a run ends in.
func otherEnds() []job.State {
	return []job.State{job.StateSkipped, job.StateMissed, job.StateCanceled}
}

// idle reports that nothing is beyond them.
func (l *historyLimits) idle() bool {
	return l.Oldest == nil || *l.Oldest > l.ageAnswers && l.Successes == nil && l.SuccessesAnswers == nil &&
		l.Failures == nil && l.FailuresAnswers == nil && l.Others == nil
}

func (l *historyLimits) addRows(rows *rowset) {
	add := func(state job.State, upto *string) {
		rows.add(l.JobID, string(state), later(upto, l.age))
	}
	add(job.StateSucceeded, l.Successes)
	add(job.StateFailed, l.Failures)
	for _, state := range otherEnds() {
		add(state, l.Others)
	}
}

func (l *historyLimits) addAnswers(rows *rowset) {
	rows.add(l.JobID, string(job.StateSucceeded), later(l.SuccessesAnswers, l.ageAnswers))
	rows.add(l.JobID, string(job.StateFailed), later(l.FailuresAnswers, l.ageAnswers))
}

func later(id *string, other string) string {
	if id == nil {
		return other
	}
	return max(*id, other)
}

// limits finds what is beyond the policies of the jobs. The indexes alone tell.
func (p *Pruner) limits(ctx context.Context, now job.Instant, ids []string) ([]historyLimits, error) {
	groups, err := p.policies(ctx, ids)
	if err != nil {
		return nil, err
	}
	var all []historyLimits
	for keep, jobs := range groups {
		found, err := p.limitsOf(ctx, now, keep, jobs)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// policies groups jobs by what they keep. Of those that are no more the age decides.
func (p *Pruner) policies(ctx context.Context, ids []string) (map[job.Keep][]string, error) {
	rows, err := readAll[struct {
		ID     string `db:"id"`
		Policy string `db:"policy"`
	}](ctx, p.s, "SELECT j.id, d.policy"+jobTables+"WHERE "+p.s.d.in("j.id", ":ids"), args{"ids": p.s.d.list(ids)})
	if err != nil {
		return nil, err
	}
	keeps, left := map[string]job.Keep{}, make(map[string]bool, len(ids))
	for _, id := range ids {
		left[id] = true
	}
	groups := map[job.Keep][]string{}
	for _, r := range rows {
		keep, known := keeps[r.Policy]
		if !known {
			keep = keepOf(r.Policy)
			keeps[r.Policy] = keep
		}
		groups[keep] = append(groups[keep], r.ID)
		delete(left, r.ID)
	}
	if len(left) > 0 {
		keep := job.DefaultKeep()
		keep.Successes, keep.Failures = job.MaxKept, job.MaxKept
		groups[keep] = append(groups[keep], sortedKeys(left)...)
	}
	return groups, nil
}

// keepOf reads what a stored policy keeps: the default where that is not readable.
func keepOf(policy string) job.Keep {
	p := job.Policy{Keep: job.DefaultKeep()}
	if json.Unmarshal([]byte(policy), &p) != nil {
		return job.DefaultKeep()
	}
	return p.Keep
}

func (p *Pruner) limitsOf(ctx context.Context, now job.Instant, policy job.Keep, jobs []string) ([]historyLimits, error) {
	d := p.s.d
	notOK := " FROM runs n" + d.by("runs_not_ok") + " WHERE n.job_id = v.job_id AND n.open = 0 AND n.state <> 'succeeded'"
	success := `(SELECT r.id FROM runs r` + d.by("runs_of_job") + ` WHERE r.job_id = v.job_id
		AND NOT EXISTS (SELECT 1` + notOK + ` AND n.id = r.id)
		AND r.id < v.first_open ORDER BY r.id DESC LIMIT 1 OFFSET `
	failure := "(SELECT n.id" + notOK + " AND n.state = 'failed' ORDER BY n.id DESC LIMIT 1 OFFSET "
	var rows rowset
	for _, id := range jobs {
		rows.add(id)
	}
	// What is newer than an open run is not counted: more is kept until that ends. The
	// expression keeps both databases from walking all runs in the order of their ids.
	found, err := readAll[historyLimits](ctx, p.s, `WITH v AS MATERIALIZED (SELECT i.job_id, COALESCE((SELECT min(o.id || '') FROM runs o
			WHERE o.job_id = i.job_id AND o.open = 1), '~') AS first_open FROM `+d.rows("job_id TEXT")+` AS i)
		SELECT v.job_id, `+
		success+":successes) AS successes, "+success+":half_successes) AS successes_answers, "+
		failure+":failures) AS failures, "+failure+":half_failures) AS failures_answers, "+
		"(SELECT n.id"+notOK+" AND n.state <> 'failed' ORDER BY n.id DESC LIMIT 1 OFFSET :failures) AS others, "+
		"(SELECT r.id FROM runs r"+d.by("runs_of_job")+" WHERE r.job_id = v.job_id ORDER BY r.id LIMIT 1) AS oldest FROM v",
		args{"rows": rows.text(), "successes": policy.Successes, "half_successes": (policy.Successes + 1) / 2,
			"failures": policy.Failures, "half_failures": (policy.Failures + 1) / 2})
	for i := range found {
		found[i].age = boundaryID(now.Add(-time.Duration(policy.MaxAge)), 0)
		found[i].ageAnswers = boundaryID(now.Add(-time.Duration(policy.MaxAge)/2), 0)
	}
	return keep(found, func(l historyLimits) bool { return !l.idle() }), err
}
