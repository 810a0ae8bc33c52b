package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// Record takes events into the accounts of their runs, in one transaction, and
// returns the runs that changed, with their latest responses if these are new, those that waited for them to end, and the jobs
// that were paused. Events may come late, twice and in
// any order, also to several recorders; those of runs that are not known are
// logged and left out. Jobs learn of the runs that ended: their last run, and how
// many failed in a row, which may pause them.
func (s *Store) Record(ctx context.Context, events []job.Event) (done job.Recorded, err error) {
	if len(events) == 0 {
		return done, nil
	}
	var latest job.Instant
	seen := make(map[string]bool, len(events))
	var ids []string
	for i := range events {
		latest = max(latest, events[i].At)
		if id := events[i].RunID; !seen[id] && storable(id) {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	var unknown []string
	err = s.write(ctx, "record", func(tx *sqlx.Tx) error {
		unknown = nil
		var others []*job.Event
		rows, err := s.lockRuns(ctx, tx, ids)
		if err != nil {
			return err
		}
		var l ledger
		for i := range rows {
			if err := l.open(&rows[i]); err != nil {
				return err
			}
		}
		for i := range events {
			if !l.apply(&events[i]) {
				others = append(others, &events[i])
			}
		}
		if done, err = s.settle(ctx, tx, &l, latest); err != nil {
			return err
		}
		told, err := s.recordMessages(ctx, tx, others, &unknown)
		done.Incidents = append(done.Incidents, told...)
		return err
	})
	if err == nil && len(unknown) > 0 {
		s.logger.WarnContext(ctx, "events of unknown runs were left out", "count", len(unknown), "first_run_id", unknown[0])
	}
	return done, err
}

// lockRuns reads runs and keeps others from changing them.
func (s *Store) lockRuns(ctx context.Context, tx *sqlx.Tx, ids []string) ([]runRow, error) {
	var rows []runRow
	err := selectAll(ctx, tx, &rows, "SELECT "+runColumns+" FROM runs r WHERE "+s.d.in("r.id", ":ids")+" ORDER BY r.id"+
		s.d.forUpdate("r"), args{"ids": s.d.list(ids)})
	return rows, err
}

// ledger holds the accounts of one transaction.
type ledger struct {
	entries []*entry
	byID    map[string]*entry
}

// entry is the account of one run.
type entry struct {
	run *job.Run
	was job.State
	// cancelReason is why the run is to be canceled; nil: it is not.
	cancelReason *job.Reason
	// touched is the moment before which nothing more is to be expected.
	touched job.Instant
	// waited: its target was given time to complete it.
	waited bool
	// changed: the run is to be written; answered: its response too.
	changed, answered bool
}

// open takes a run in.
func (l *ledger) open(r *runRow) error {
	run, err := r.run()
	if err != nil {
		return err
	}
	e := &entry{run: run, was: run.State, touched: r.TouchedAt, cancelReason: r.CancelReason, waited: run.WaitUntil() != nil}
	if l.byID == nil {
		l.byID = map[string]*entry{}
	}
	l.byID[run.ID] = e
	l.entries = append(l.entries, e)
	return nil
}

// apply folds an event in; false when its run was not taken in.
func (l *ledger) apply(event *job.Event) bool {
	e, ok := l.byID[event.RunID]
	if !ok {
		return false
	}
	before := e.lastAttempt()
	if event.State == job.StateCanceled && e.cancelReason != nil {
		told := *event
		told.Reason = *e.cancelReason // the worker only knows that, not why
		event = &told
	}
	if e.run.Apply(event) {
		e.changed = true
	}
	last := e.lastAttempt()
	if last != before {
		e.answered = true
	}
	e.touched = max(e.touched, event.At)
	if e.run.State == job.StateRetrying && last.retryAt != nil {
		e.touched = max(e.touched, *last.retryAt)
	}
	if until := e.run.WaitUntil(); until != nil {
		e.touched = max(e.touched, *until)
	}
	return true
}

// attemptKey tells the attempts of a run apart.
type attemptKey struct {
	n         int
	startedAt job.Instant
	worker    string
	retryAt   *job.Instant
}

func (e *entry) lastAttempt() attemptKey {
	n := len(e.run.Attempts)
	if n == 0 {
		return attemptKey{}
	}
	a := &e.run.Attempts[n-1]
	return attemptKey{a.N, a.StartedAt, a.Worker, a.NextRetryAt}
}

// settle writes the accounts that changed, and what follows for their jobs and for the runs that waited.
func (s *Store) settle(ctx context.Context, tx *sqlx.Tx, l *ledger, now job.Instant) (done job.Recorded, err error) {
	var answered, others rowset
	var ended, finished, begun []*job.Run
	for _, e := range l.entries {
		if !e.changed {
			continue
		}
		if err := e.write(&answered, &others); err != nil {
			return done, err
		}
		done.Changed = append(done.Changed, *e.run)
		if e.run.State.Final() {
			ended = append(ended, e.run)
			if !e.was.Final() {
				finished = append(finished, e.run)
			}
		} else if e.run.StartedAt != nil && e.was == job.StateQueued {
			begun = append(begun, e.run)
		}
	}
	done.Ended = finished
	if err := s.updateRuns(ctx, tx, &others, false); err != nil {
		return done, err
	}
	if err := s.updateRuns(ctx, tx, &answered, true); err != nil {
		return done, err
	}
	if err := s.writeWaits(ctx, tx, l); err != nil {
		return done, err
	}
	if err := s.writeLastRuns(ctx, tx, ended); err != nil {
		return done, err
	}
	if done.Paused, err = s.countFailures(ctx, tx, finished); err != nil {
		return done, err
	}
	if done.Incidents, err = s.judge(ctx, tx, finished, begun, done.Paused, now); err != nil {
		return done, err
	}
	if done.Tasks, err = s.promote(ctx, tx, finished, now); err != nil {
		return done, err
	}
	return done, s.countOutcomes(ctx, tx, finished)
}

// write adds the run's row to those with a new response or to the others.
func (e *entry) write(answered, others *rowset) error {
	r := e.run
	attempts, err := encodeAttempts(r.Attempts)
	if err != nil {
		return err
	}
	values := []any{r.ID, string(r.State), string(r.Reason), openFlag(r.State), e.touched,
		r.StartedAt, r.FinishedAt, r.AttemptStarted, attempts, r.ExpectedBy}
	if !e.answered {
		others.add(values...)
		return nil
	}
	var response *string
	if r.Response != nil {
		text, err := encode("response", r.Response)
		if err != nil {
			return err
		}
		response = &text
	}
	answered.add(append(values, response)...)
	return nil
}

// updateRuns writes rows of runs, with or without their responses.
func (s *Store) updateRuns(ctx context.Context, tx *sqlx.Tx, rows *rowset, responses bool) error {
	if rows.n == 0 {
		return nil
	}
	set, columns := "", []string{"id TEXT", "state TEXT", "reason TEXT", "open BIGINT", "touched_at BIGINT",
		"started_at BIGINT", "finished_at BIGINT", "attempt_started BIGINT", "attempts TEXT", "expected_by BIGINT"}
	if responses {
		set, columns = ", response = v.response", append(columns, "response TEXT")
	}
	_, err := execute(ctx, tx, `UPDATE runs SET state = v.state, reason = v.reason, open = v.open, touched_at = v.touched_at,
			started_at = v.started_at, finished_at = v.finished_at, attempt_started = v.attempt_started, attempts = v.attempts,
			expected_by = v.expected_by`+set+
		" FROM "+s.d.rows(columns...)+" AS v WHERE runs.id = v.id", args{"rows": rows.text()})
	return err
}

// writeLastRuns notes ended runs on their jobs, unless these know of a later one.
func (s *Store) writeLastRuns(ctx context.Context, tx *sqlx.Tx, ended []*job.Run) error {
	if len(ended) == 0 {
		return nil
	}
	last := map[string]*job.Run{}
	for _, run := range ended {
		if known := last[run.JobID]; known == nil || compareRuns(run, known) > 0 {
			last[run.JobID] = run
		}
	}
	ids := sortedKeys(last)
	if _, err := s.d.lockJobs(ctx, tx, ids); err != nil {
		return err
	}
	var rows rowset
	for _, id := range ids {
		run := last[id]
		text, err := encode("outcome", run.LastRun())
		if err != nil {
			return err
		}
		var success *job.Instant
		if run.State == job.StateSucceeded {
			success = run.FinishedAt
		}
		rows.add(id, run.ScheduledAt, string(run.State), text, success)
	}
	_, err := execute(ctx, tx, `UPDATE jobs SET last_run_at = v.last_run_at, last_state = v.last_state, last_run = v.last_run,
			last_success_at = COALESCE(v.success, jobs.last_success_at)
		FROM `+s.d.rows("id TEXT", "last_run_at BIGINT", "last_state TEXT", "last_run TEXT", "success BIGINT")+` AS v
		WHERE jobs.id = v.id AND (jobs.last_run_at IS NULL OR jobs.last_run_at <= v.last_run_at)`, args{"rows": rows.text()})
	return err
}

func compareRuns(a, b *job.Run) int {
	return cmp.Or(cmp.Compare(a.ScheduledAt, b.ScheduledAt), cmp.Compare(a.ID, b.ID))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
