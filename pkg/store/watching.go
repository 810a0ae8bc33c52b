package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// watchChunk is how many watched jobs one transaction looks at.
const watchChunk = 500

// watchedRow is what is looked at of a job that is watched.
type watchedRow struct {
	jobRow
	LastSuccessAt *job.Instant `db:"last_success_at"`
	PausedAt      *job.Instant `db:"paused_at"`
	// Unstarted is the earliest scheduled run that has not begun, Unfinished the earliest that has not ended.
	Unstarted  *job.Instant `db:"unstarted"`
	Unfinished *job.Instant `db:"unfinished"`
}

// nextWatch is the next moment at which something may be wrong with a watched job; nil when nothing is watched.
func (s *Store) nextWatch(ctx context.Context) (*job.Instant, error) {
	var next *job.Instant
	_, err := readOne(ctx, s, &next, "SELECT MIN(watch_at) FROM jobs WHERE watch_at IS NOT NULL", args{})
	return next, fail("look for the next watched job", err)
}

// Watch looks at the jobs of which something may be wrong by now, opens and closes their incidents, and notes when to
// look again. More: there are others to look at.
func (s *Store) Watch(ctx context.Context, now job.Instant) (changes []job.IncidentChange, more bool, err error) {
	next, err := s.nextWatch(ctx)
	if err != nil || next == nil || *next > now {
		return nil, false, err
	}
	err = s.write(ctx, "watch jobs", func(tx *sqlx.Tx) error {
		var ids []string
		err := selectAll(ctx, tx, &ids, "SELECT id FROM jobs WHERE watch_at IS NOT NULL AND watch_at <= :now ORDER BY watch_at LIMIT :limit"+s.d.skipLocked("jobs"),
			args{"now": int64(now), "limit": watchChunk})
		if err != nil {
			return err
		}
		more = len(ids) == watchChunk
		changes, err = s.watchJobs(ctx, tx, ids, now)
		return err
	})
	return changes, more, err
}

func (s *Store) watchJobs(ctx context.Context, tx *sqlx.Tx, ids []string, now job.Instant) ([]job.IncidentChange, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []watchedRow
	err := selectAll(ctx, tx, &rows, "SELECT "+jobColumns+`, j.last_success_at, j.paused_at,
			(SELECT MIN(r.scheduled_at) FROM runs r WHERE r.job_id = j.id AND r.open = 1 AND r.cause = 'schedule' AND r.started_at IS NULL) AS unstarted,
			(SELECT MIN(r.scheduled_at) FROM runs r WHERE r.job_id = j.id AND r.open = 1 AND r.cause = 'schedule') AS unfinished`+
		jobTables+"WHERE "+s.d.in("j.id", ":ids"), args{"ids": s.d.list(ids)})
	if err != nil {
		return nil, err
	}
	w, err := s.watching(ctx, tx, ids, now)
	if err != nil {
		return nil, err
	}
	var plans rowset
	for i := range rows {
		j, err := rows[i].job()
		if err != nil {
			plans.add(rows[i].ID, nil)
			continue
		}
		plans.add(j.ID, w.watch(j, &rows[i], now))
	}
	if _, err := execute(ctx, tx, "UPDATE jobs SET watch_at = v.watch_at FROM "+s.d.rows("id TEXT", "watch_at BIGINT")+" AS v WHERE jobs.id = v.id",
		args{"rows": plans.text()}); err != nil {
		return nil, err
	}
	return w.write(ctx, tx)
}

// watch judges one job, and says when to look at it again; nil: there is nothing to look for.
func (w *watcher) watch(j *job.Job, row *watchedRow, now job.Instant) *job.Instant {
	var next *job.Instant
	again := func(at job.Instant) {
		if next == nil || at < *next {
			next = &at
		}
	}
	e := &j.Policy.Expect
	limit := func(kind notify.Kind, within *job.Duration, from *job.Instant) {
		if within == nil || from == nil {
			return
		}
		end := from.Add(time.Duration(*within))
		if end >= now {
			again(end + 1)
			return
		}
		w.begin(incidentKey{j.ID, kind, ""}, now, "", nil, false)
		again(now.Add(max(time.Minute, min(time.Duration(*within), time.Hour))))
	}
	planned := j.NextRunAt
	if j.Status != job.StatusActive {
		planned = nil
	}
	limit(notify.KindLate, e.StartWithin, earlier(row.Unstarted, planned))
	limit(notify.KindOverdue, e.FinishWithin, earlier(row.Unfinished, planned))
	if e.FinishWithin != nil && j.LastRun != nil && j.LastRun.State != job.StateSucceeded && j.LastRun.State != job.StateCanceled {
		limit(notify.KindOverdue, e.FinishWithin, &j.LastRun.ScheduledAt)
	}
	since := j.CreatedAt
	if row.LastSuccessAt != nil {
		since = *row.LastSuccessAt
	}
	limit(notify.KindSilent, e.SuccessEvery, &since)
	if j.Status == job.StatusPaused {
		limit(notify.KindPaused, e.PausedAtMost, row.PausedAt)
	}
	if e.StartWithin != nil || e.FinishWithin != nil { // the next occurrence is not yet a run, and an interval may be short
		if planned != nil {
			again(max(now.Add(time.Second), *planned))
		}
	}
	return next
}

func earlier(a, b *job.Instant) *job.Instant {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// Remind tells again of what is still so, where rules say so.
func (s *Store) Remind(ctx context.Context, now job.Instant) error {
	var due int
	found, err := readOne(ctx, s, &due, "SELECT 1 FROM incidents WHERE closed_at IS NULL AND remind_at IS NOT NULL AND remind_at <= :now LIMIT 1",
		args{"now": int64(now)})
	if err != nil || !found {
		return fail("look for reminders", err)
	}
	return s.write(ctx, "remind", func(tx *sqlx.Tx) error {
		var rows []incidentRow
		err := selectAll(ctx, tx, &rows, "SELECT "+incidentColumns+` FROM incidents i WHERE i.closed_at IS NULL AND i.remind_at IS NOT NULL AND i.remind_at <= :now
			ORDER BY i.remind_at LIMIT :limit`+s.d.skipLocked("i"), args{"now": int64(now), "limit": watchChunk})
		if err != nil {
			return err
		}
		w := &watcher{s: s, now: now, open: map[incidentKey]*incidentRow{}}
		config, err := w.configure(ctx, tx)
		if err != nil {
			return err
		}
		for i := range rows {
			w.remind(&rows[i], config, now)
		}
		_, err = w.write(ctx, tx)
		return err
	})
}

// remind tells of an incident again, unless it is acknowledged, and plans the next time.
func (w *watcher) remind(row *incidentRow, config *notifyConfig, now job.Instant) {
	w.touch(row)
	all := map[int]bool{}
	for i := range config.rules.Rules {
		all[i] = true
	}
	every := config.rules.RemindEvery(&notify.Situation{Kind: row.Kind, Count: row.Times, Matches: all})
	row.RemindAt = nil
	if every == 0 {
		return
	}
	at := now.Add(every)
	row.RemindAt = &at
	if row.AckUntil != nil && *row.AckUntil > now {
		return
	}
	row.Reminders++
	var run *notify.RunAbout
	if row.RunID != "" && json.Unmarshal([]byte(row.About), &run) != nil {
		run = nil
	}
	w.happened = append(w.happened, transition{row, notify.Reminder, now, run})
}

// ServiceTroubles opens an incident for each trouble of the service, and closes those of others that are over.
func (s *Store) ServiceTroubles(ctx context.Context, known []string, troubles []notify.Trouble, now job.Instant) ([]job.IncidentChange, error) {
	var open int
	found, err := readOne(ctx, s, &open, "SELECT 1 FROM incidents WHERE closed_at IS NULL AND job_id = '' LIMIT 1", args{})
	if err != nil || !found && len(troubles) == 0 {
		return nil, fail("read incidents", err)
	}
	var changes []job.IncidentChange
	err = s.write(ctx, "note troubles", func(tx *sqlx.Tx) error {
		w, err := s.watching(ctx, tx, []string{""}, now)
		if err != nil {
			return err
		}
		bad := map[string]bool{}
		for _, one := range troubles {
			bad[one.Subject] = true
			w.begin(incidentKey{"", notify.KindService, one.Subject}, now, one.Note, nil, false)
		}
		for _, subject := range known {
			if !bad[subject] {
				w.end(incidentKey{"", notify.KindService, subject}, now, "", nil)
			}
		}
		changes, err = w.write(ctx, tx)
		return err
	})
	return changes, err
}
