package store

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// dueRow is what a claim reads of a job.
type dueRow struct {
	ID          string
	Status      job.Status
	NextRunAt   *job.Instant
	DueAt       job.Instant
	Version     int64
	CreatedAt   job.Instant
	UpdatedAt   job.Instant
	PauseReason *string
	PausedUntil *job.Instant
	definitionRow
	// defined: the definition was found.
	defined bool
}

const dueColumns = `j.id, j.status, j.next_run_at, j.due_at, j.version, j.created_at, j.updated_at,
	j.pause_reason, j.paused_until, d.schedule, d.request, d.policy, d.secrets`

// NextDue is the first moment after the given one at which a job falls due; nil when none does.
func (s *Store) NextDue(ctx context.Context, after job.Instant) (*job.Instant, error) {
	var next *job.Instant
	_, err := readOne(ctx, s, &next, "SELECT MIN(due_at) FROM jobs WHERE due_at IS NOT NULL AND due_at > :after",
		args{"after": int64(after)})
	return next, fail("look for the next due job", err)
}

// unfiredFor is how long a job may be due until it is fired.
const unfiredFor = 15 * time.Second

// CheckDue is an error when a job has been due for a while and has not been fired, whichever beat should have.
func (s *Store) CheckDue(ctx context.Context, now job.Instant) error {
	var first *job.Instant
	_, err := readOne(ctx, s, &first, "SELECT MIN(due_at) FROM jobs WHERE due_at IS NOT NULL", args{})
	if err != nil || first == nil {
		return fail("look for the first due job", err)
	}
	if late := now.Sub(*first); late >= unfiredFor {
		return job.Stalled("due jobs have not been fired for %s", job.Duration(late.Truncate(time.Second)))
	}
	return nil
}

// Claim reads due jobs in the order of (due_at, id), lets decide say what becomes
// of them, and writes that, in one transaction: no job is claimed twice, whoever
// else claims, and none that changed meanwhile by what it was before. What decide
// is given lacks Name, Description, Tags and LastRun, which are not written either;
// it may be called again when the database undid the transaction. Runs that exist
// already are left out.
func (s *Store) Claim(ctx context.Context, c job.Claim, decide func([]job.Due) []job.Verdict) (done job.Claimed, err error) {
	careful := false
	err = s.write(ctx, "claim", func(tx *sqlx.Tx) error {
		done = job.Claimed{}
		due, err := s.readDue(ctx, tx, c, &done)
		if err != nil || len(due) == 0 {
			return err
		}
		if usesCalendar(due) {
			if _, err := s.readCalendars(ctx, tx); err != nil {
				return err
			}
		}
		before := make([]state, len(due))
		for i := range due {
			before[i] = stateOf(&due[i].Job)
		}
		verdicts := decide(due)
		if len(verdicts) != len(due) {
			return callerError{job.Errorf(job.CodeInternal, "%d verdicts were given on %d jobs", len(verdicts), len(due))}
		}
		w := claimWriter{now: c.Now, careful: careful}
		for i := range verdicts {
			if verdicts[i].Defer {
				done.Deferred++
				continue
			}
			w.add(&due[i], before[i], &verdicts[i])
		}
		done.Replaced, err = s.markReplaced(ctx, tx, w.replaced, c.Now)
		if err != nil {
			return err
		}
		done.Tasks, err = s.writeClaim(ctx, tx, &w)
		careful = err != nil // one of the runs may be there already: the next try asks which
		if err != nil {
			return err
		}
		if err := s.closeOf(ctx, tx, w.turned, c.Now); err != nil {
			return err
		}
		if done.Incidents, err = s.judge(ctx, tx, w.ended, nil, nil, c.Now); err != nil {
			return err
		}
		return s.addSecrets(ctx, tx, done.Tasks)
	})
	if err != nil {
		return job.Claimed{}, err
	}
	return done, nil
}

// readDue reads and locks the jobs, and then counts their open runs: a second
// statement, because on PostgreSQL the first would count as of before it had the locks.
// It notes how many there are and the last of them.
func (s *Store) readDue(ctx context.Context, tx *sqlx.Tx, c job.Claim, done *job.Claimed) ([]job.Due, error) {
	after := c.After
	if after == (job.ClaimKey{}) {
		after.DueAt = math.MinInt64
	}
	rows, err := scanDue(ctx, tx, "SELECT "+dueColumns+` FROM (
			SELECT * FROM jobs WHERE due_at IS NOT NULL AND due_at <= `+s.d.unforeseen(":now", "BIGINT")+`
				AND (due_at, id) > (`+s.d.unforeseen(":after_due", "BIGINT")+", "+s.d.unforeseen(":after_id", "TEXT")+`)
			ORDER BY due_at, id LIMIT :limit`+s.d.skipLocked("jobs")+`
		) AS j LEFT JOIN definitions d ON d.job_id = j.id AND d.version = j.version ORDER BY j.due_at, j.id`,
		args{"now": int64(c.Now), "after_due": int64(after.DueAt), "after_id": cleanText(after.ID), "limit": max(1, c.Limit)})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	last := &rows[len(rows)-1]
	done.Seen, done.Last = len(rows), job.ClaimKey{DueAt: last.DueAt, ID: last.ID}
	// PostgreSQL does not show the definition of a job that was edited while the statement looked for it: it is claimed the next time.
	due := s.decodeDue(keep(rows, func(r dueRow) bool { return r.defined }))
	return due, s.countOpen(ctx, tx, due)
}

// scanDue reads dueRows: by hand, because there are many and sqlx's reflection is as much work as the rest.
func scanDue(ctx context.Context, tx *sqlx.Tx, text string, a args) ([]dueRow, error) {
	query, values, err := bind(tx, text, a)
	if err != nil {
		return nil, err
	}
	found, err := tx.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []dueRow
	var nextRunAt, pausedUntil sql.Null[job.Instant]
	var schedule, request, policy sql.NullString
	for found.Next() {
		var r dueRow
		err := found.Scan(&r.ID, &r.Status, &nextRunAt, &r.DueAt, &r.Version, &r.CreatedAt, &r.UpdatedAt,
			&r.PauseReason, &pausedUntil, &schedule, &request, &policy, &r.Secrets)
		if err != nil {
			return nil, err
		}
		r.NextRunAt, r.PausedUntil = optional(nextRunAt), optional(pausedUntil)
		r.Schedule, r.Request, r.Policy, r.defined = schedule.String, request.String, policy.String, schedule.Valid
		rows = append(rows, r)
	}
	return rows, found.Err()
}

func optional(at sql.Null[job.Instant]) *job.Instant {
	if !at.Valid {
		return nil
	}
	return &at.V
}

// countOpen fills in how many runs of each job have not ended.
func (s *Store) countOpen(ctx context.Context, tx *sqlx.Tx, due []job.Due) error {
	ids := make([]string, len(due))
	place := make(map[string]int, len(due))
	for i := range due {
		ids[i] = due[i].ID
		place[due[i].ID] = i
	}
	var counts []struct {
		JobID   string `db:"job_id"`
		Open    int    `db:"open"`
		Waiting int    `db:"waiting"`
	}
	err := selectAll(ctx, tx, &counts, `SELECT job_id, count(*) AS open, count(CASE WHEN state = 'waiting' THEN 1 END) AS waiting
		FROM runs WHERE open = 1 AND `+s.d.in("job_id", ":ids")+" GROUP BY job_id", args{"ids": s.d.list(ids)})
	for _, c := range counts {
		d := &due[place[c.JobID]]
		d.Open, d.Waiting = c.Open, c.Waiting
	}
	return err
}

// state is the part of a job that few verdicts change.
type state struct {
	status      job.Status
	pauseReason string
	pausedUntil job.Instant
}

// of is a job as it was in the state.
func (st state) of(j job.Job) *job.Job {
	j.Status, j.PauseReason, j.PausedUntil = st.status, nil, nil
	if st.pauseReason != "" {
		j.PauseReason = &st.pauseReason
	}
	if st.pausedUntil != 0 {
		j.PausedUntil = &st.pausedUntil
	}
	return &j
}

func stateOf(j *job.Job) state {
	st := state{status: j.Status}
	if j.PauseReason != nil {
		st.pauseReason = *j.PauseReason
	}
	if j.PausedUntil != nil {
		st.pausedUntil = *j.PausedUntil
	}
	return st
}

// claimWriter collects what a claim writes.
type claimWriter struct {
	now job.Instant
	// careful inserts what is not there yet, and asks what that was. Otherwise a
	// run that is there undoes the claim: it hardly ever is, and asking costs a tenth of the whole.
	careful bool
	// queued and others are the runs to insert: the plain case apart, because its rows are short.
	queued, others rowset
	// tasks are the runs to deliver.
	tasks []job.Task
	// plans are jobs of which only the plan changes, states the others.
	plans, states rowset
	// summaries are the runs that stand for several occurrences.
	summaries []summary
	// ended are the runs that have their final state already.
	ended []*job.Run
	// replaced are the jobs whose open runs are to be canceled.
	replaced []string
	// turned are the jobs that a pause began or ended for, for the audit log.
	turned []edit
}

func (w *claimWriter) add(due *job.Due, before state, v *job.Verdict) {
	var ran any
	if v.Replace {
		w.replaced = append(w.replaced, due.ID)
	}
	for i := range v.Runs {
		run := &v.Runs[i]
		run.JobID, run.JobVersion = due.ID, due.Version
		ran = due.Version
		if plainlyQueued(run) {
			w.queued.add(run.ID, due.ID, due.Version, run.ScheduledAt, run.QueuedAt, string(run.Queue), run.RetryUntil)
		} else {
			w.others.addRun(run)
		}
		if run.MissedCount > 0 {
			w.summaries = append(w.summaries, summary{run, &due.Job})
		}
		switch {
		case run.State.Final():
			w.ended = append(w.ended, run)
		case run.State == job.StateQueued:
			w.tasks = append(w.tasks, job.TaskOf(run, &due.Request, &due.Policy))
		}
	}
	if after := stateOf(&v.Job); after != before {
		if (before.status == job.StatusPaused) != (after.status == job.StatusPaused) {
			w.turned = append(w.turned, edit{change: turnover{before.of(due.Job), after.of(due.Job), w.now}})
		}
		w.states.add(due.ID, v.Job.NextRunAt, v.Job.DueAt, ran, string(v.Job.Status), v.Job.PauseReason, v.Job.PausedUntil)
		return
	}
	w.plans.add(due.ID, v.Job.NextRunAt, v.Job.DueAt, ran)
}

// plainlyQueued reports an occurrence that is to be delivered, and nothing more.
func plainlyQueued(r *job.Run) bool {
	return r.State == job.StateQueued && r.Trigger == job.TriggerSchedule && r.Reason == "" && r.MissedCount == 0 &&
		r.StartedAt == nil && r.MissedFrom == nil && r.MissedTo == nil && r.DueSince == nil
}

// writeClaim writes what was collected and returns the tasks whose runs are new.
func (s *Store) writeClaim(ctx context.Context, tx *sqlx.Tx, w *claimWriter) ([]job.Task, error) {
	fresh, err := s.insertClaimed(ctx, tx, w)
	if err != nil {
		return nil, err
	}
	if err := s.updatePlans(ctx, tx, w); err != nil {
		return nil, err
	}
	if err := s.noteJobs(ctx, tx, w.turned); err != nil {
		return nil, err
	}
	if w.careful {
		if err := s.recut(ctx, tx, w.summaries, fresh, w.now); err != nil {
			return nil, err
		}
		w.ended = keep(w.ended, func(r *job.Run) bool { return fresh[r.ID] })
		w.tasks = keep(w.tasks, func(t job.Task) bool { return fresh[t.RunID] })
	}
	if err := s.writeLastRuns(ctx, tx, w.ended); err != nil {
		return nil, err
	}
	return w.tasks, s.countOutcomes(ctx, tx, w.ended)
}

// updatePlans writes when the claimed jobs fall due again.
func (s *Store) updatePlans(ctx context.Context, tx *sqlx.Tx, w *claimWriter) error {
	if w.plans.n > 0 {
		_, err := execute(ctx, tx, `UPDATE jobs SET next_run_at = v.next_run_at, due_at = v.due_at,
				ran_version = COALESCE(v.ran_version, jobs.ran_version)
			FROM `+s.d.rows("id TEXT", "next_run_at BIGINT", "due_at BIGINT", "ran_version BIGINT")+` AS v WHERE jobs.id = v.id`,
			args{"rows": w.plans.text()})
		if err != nil {
			return err
		}
	}
	if w.states.n > 0 {
		_, err := execute(ctx, tx, `UPDATE jobs SET next_run_at = v.next_run_at, due_at = v.due_at,
				ran_version = COALESCE(v.ran_version, jobs.ran_version),
				status = v.status, pause_reason = v.pause_reason, paused_until = v.paused_until,
				paused_from = CASE WHEN v.status = 'paused' THEN COALESCE(jobs.paused_from, jobs.next_run_at) END,
				paused_at = CASE WHEN v.status = 'paused' THEN jobs.paused_at END
			FROM `+s.d.rows("id TEXT", "next_run_at BIGINT", "due_at BIGINT", "ran_version BIGINT",
			"status TEXT", "pause_reason TEXT", "paused_until BIGINT")+` AS v WHERE jobs.id = v.id`,
			args{"rows": w.states.text()})
		if err != nil {
			return err
		}
	}
	return nil
}

// keep leaves in a slice what a test accepts.
func keep[T any](all []T, accept func(T) bool) []T {
	kept := all[:0]
	for _, one := range all {
		if accept(one) {
			kept = append(kept, one)
		}
	}
	return kept
}
