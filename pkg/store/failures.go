package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// streak is what a job needs to have its failures counted.
type streak struct {
	ID       string     `db:"id"`
	Status   job.Status `db:"status"`
	Version  int64      `db:"version"`
	Failures int64      `db:"failures"`
	Request  string     `db:"request"`
	Policy   string     `db:"policy"`

	pauseReason string
	pausedAt    job.Instant
}

// countFailures counts runs that failed in a row, and pauses the jobs whose
// policy, or whose target, says so, and answers these. A run of an older version counts only if the
// job still makes the same request.
func (s *Store) countFailures(ctx context.Context, tx *sqlx.Tx, finished []*job.Run) (paused []job.Job, err error) {
	finished = keep(slices.Clone(finished), func(r *job.Run) bool {
		return r.State == job.StateSucceeded || r.State == job.StateFailed
	})
	if len(finished) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(finished, func(a, b *job.Run) int {
		return cmp.Or(cmp.Compare(finishedAt(a), finishedAt(b)), cmp.Compare(a.ID, b.ID))
	})
	streaks, err := s.readStreaks(ctx, tx, finished)
	if err != nil || len(streaks) == 0 {
		return nil, err
	}
	requests, err := s.oldRequests(ctx, tx, finished, streaks)
	if err != nil {
		return nil, err
	}
	for _, run := range finished {
		st := streaks[run.JobID]
		if st == nil || run.JobVersion != st.Version && requests[versionKey{run.JobID, run.JobVersion}] != st.Request {
			continue
		}
		if err := st.count(run); err != nil {
			s.logger.ErrorContext(ctx, "a stored job cannot be read", "job_id", st.ID, "error", err)
		}
	}
	return s.writeStreaks(ctx, tx, streaks)
}

func finishedAt(r *job.Run) job.Instant {
	if r.FinishedAt == nil {
		return r.ScheduledAt
	}
	return *r.FinishedAt
}

// readStreaks reads the jobs whose count may change: those with a failed run, and
// those that had failures and now succeeded. They are locked: their last runs were just written.
func (s *Store) readStreaks(ctx context.Context, tx *sqlx.Tx, finished []*job.Run) (map[string]*streak, error) {
	all, failed := map[string]bool{}, map[string]bool{}
	for _, run := range finished {
		all[run.JobID] = true
		if run.State == job.StateFailed {
			failed[run.JobID] = true
		}
	}
	var rows []streak
	err := selectAll(ctx, tx, &rows, "SELECT j.id, j.status, j.version, j.failures, d.request, d.policy"+jobTables+
		"WHERE "+s.d.in("j.id", ":all")+" AND (j.failures > 0 OR "+s.d.in("j.id", ":failed")+") ORDER BY j.id",
		args{"all": s.d.list(sortedKeys(all)), "failed": s.d.list(sortedKeys(failed))})
	streaks := make(map[string]*streak, len(rows))
	for i := range rows {
		streaks[rows[i].ID] = &rows[i]
	}
	return streaks, err
}

// versionKey names one version of a job.
type versionKey struct {
	jobID   string
	version int64
}

// oldRequests reads the requests of runs that follow an older version of their job.
func (s *Store) oldRequests(
	ctx context.Context, tx *sqlx.Tx, finished []*job.Run, streaks map[string]*streak,
) (map[versionKey]string, error) {
	var wanted rowset
	for _, run := range finished {
		if st := streaks[run.JobID]; st != nil && st.Version != run.JobVersion {
			wanted.add(run.JobID, run.JobVersion)
		}
	}
	if wanted.n == 0 {
		return nil, nil
	}
	var rows []struct {
		JobID   string `db:"job_id"`
		Version int64  `db:"version"`
		Request string `db:"request"`
	}
	err := selectAll(ctx, tx, &rows, "SELECT d.job_id, d.version, d.request FROM "+s.d.rows("job_id TEXT", "version BIGINT")+
		" AS v JOIN definitions d ON d.job_id = v.job_id AND d.version = v.version", args{"rows": wanted.text()})
	requests := make(map[versionKey]string, len(rows))
	for _, r := range rows {
		requests[versionKey{r.JobID, r.Version}] = r.Request
	}
	return requests, err
}

// count takes one ended run into the streak. After an error the run is counted,
// and does not pause its job.
func (st *streak) count(run *job.Run) error {
	if run.State == job.StateSucceeded {
		st.Failures = 0
		return nil
	}
	st.Failures++
	if st.Status != job.StatusActive {
		return nil
	}
	var policy job.Policy
	if err := json.Unmarshal([]byte(st.Policy), &policy); err != nil {
		return err
	}
	code, _ := run.Reason.StatusCode()
	switch {
	case code == http.StatusGone:
		st.pauseReason = "the target answered 410 Gone"
	case policy.AutoPauseAfter > 0 && st.Failures >= int64(policy.AutoPauseAfter):
		st.pauseReason = fmt.Sprintf("%d runs failed in a row", st.Failures)
	default:
		return nil
	}
	st.Status, st.pausedAt = job.StatusPaused, finishedAt(run)
	return nil
}

func (s *Store) writeStreaks(ctx context.Context, tx *sqlx.Tx, streaks map[string]*streak) ([]job.Job, error) {
	var counts rowset
	var paused []*streak
	for _, id := range sortedKeys(streaks) {
		st := streaks[id]
		counts.add(id, st.Failures)
		if st.pauseReason != "" {
			paused = append(paused, st)
		}
	}
	_, err := execute(ctx, tx, "UPDATE jobs SET failures = v.failures FROM "+s.d.rows("id TEXT", "failures BIGINT")+
		" AS v WHERE jobs.id = v.id", args{"rows": counts.text()})
	if err != nil || len(paused) == 0 {
		return nil, err
	}
	return s.pauseFailing(ctx, tx, paused)
}

// pauseFailing pauses jobs whose runs failed, as of the end of the run that was too much.
func (s *Store) pauseFailing(ctx context.Context, tx *sqlx.Tx, failing []*streak) ([]job.Job, error) {
	ids := make([]string, len(failing))
	for i, st := range failing {
		ids[i] = st.ID
	}
	var rows []jobRow
	err := selectAll(ctx, tx, &rows, "SELECT "+jobColumns+jobTables+"WHERE "+s.d.in("j.id", ":ids")+" ORDER BY j.id", args{"ids": s.d.list(ids)})
	if err != nil {
		return nil, err
	}
	changes := make([]turnover, len(rows))
	for i, st := range failing { // both in the order of their ids
		before := rows[i].present(&s.parser, st.pausedAt)
		after := *before
		after.Pause(nil, st.pauseReason)
		changes[i] = turnover{before, &after, st.pausedAt}
	}
	dropped, err := s.overtake(ctx, tx, changes)
	if err != nil {
		return nil, err
	}
	var pauses rowset
	for i, st := range failing {
		pauses.add(st.ID, st.pauseReason, st.pausedAt, changes[i].after.PausedFrom)
	}
	_, err = execute(ctx, tx, `UPDATE jobs SET status = 'paused', pause_reason = v.reason, paused_until = NULL,
			paused_from = v.paused_from, paused_at = v.paused_at,
			next_run_at = NULL, due_at = NULL,
			updated_at = CASE WHEN jobs.updated_at < v.paused_at THEN v.paused_at ELSE jobs.updated_at END
		FROM `+s.d.rows("id TEXT", "reason TEXT", "paused_at BIGINT", "paused_from BIGINT")+" AS v WHERE jobs.id = v.id",
		args{"rows": pauses.text()})
	if err != nil {
		return nil, err
	}
	if err := s.writeLastRuns(ctx, tx, dropped); err != nil {
		return nil, err
	}
	edits, paused := make([]edit, len(changes)), make([]job.Job, len(changes))
	for i := range changes {
		edits[i], paused[i] = edit{&rows[i], changes[i]}, *changes[i].after
	}
	return paused, s.noteJobs(ctx, tx, edits)
}
