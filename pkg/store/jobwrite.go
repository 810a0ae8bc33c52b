package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// jobWriter collects changes of jobs, to be written by one statement of each kind.
type jobWriter struct {
	// definitions are new versions, obsolete those that nothing follows any more,
	// blank those that stay as a mark only.
	definitions, obsolete, blank rowset
	// made and changed are rows of jobs.
	made, changed rowset
	// gone are the ids of jobs to delete.
	gone []string
	// users are the new versions that use secrets.
	users []secretUser
	// calendars says that some of the jobs go by a calendar.
	calendars bool
}

// add takes one change in. Latest are the accounts of what the changes overtook,
// by job; last are the versions that a new job counts on from.
func (w *jobWriter) add(e edit, latest map[string]*job.Run, last map[string]int64) error {
	after := e.change.after
	if e.row == nil {
		after.Version = last[after.ID] + 1
		return w.insert(after)
	}
	overtaken := latest[e.row.ID]
	if overtaken != nil {
		e.row.RanVersion = e.row.Version // its account follows that version
	}
	if after == nil {
		w.remove(e.row)
		return nil
	}
	if before := e.change.before; overtaken != nil && (before.LastRun == nil || before.LastRun.ScheduledAt <= overtaken.ScheduledAt) {
		after.LastRun = overtaken.LastRun()
	}
	return w.update(e.row, after)
}

func (w *jobWriter) insert(j *job.Job) error {
	row, err := w.define(j)
	if err != nil {
		return err
	}
	at, state, text, err := lastRunColumns(j)
	if err != nil {
		return err
	}
	w.made.add(append(row, j.CreatedAt, at, state, text)...)
	return nil
}

// update writes the next version of a job. The version before stays as long as
// runs follow it.
func (w *jobWriter) update(old *jobRow, j *job.Job) error {
	if j.Unreadable {
		return callerError{job.Unreadable(j.ID)}
	}
	j.Version = old.Version + 1
	row, err := w.define(j)
	if err != nil {
		return err
	}
	if old.RanVersion != old.Version {
		w.obsolete.add(old.ID, old.Version)
	}
	failures := old.Failures
	if restarts(old, j) {
		failures = 0
	}
	w.changed.add(append(row, failures)...)
	return nil
}

func unstorable() error {
	return callerError{job.Errorf(job.CodeInvalid, "texts must be UTF-8 without NUL")}
}

// define adds the job's definition, and answers the columns that made and changed jobs have in common.
func (w *jobWriter) define(j *job.Job) ([]any, error) {
	if !storable(j.Name, j.Description) || !storable(j.Tags...) {
		return nil, unstorable()
	}
	d, err := encodeDefinition(&j.Definition)
	if err != nil {
		return nil, err
	}
	if j.Request.Sealable() { // whoever calls should have sealed it
		return nil, &job.Error{Code: job.CodeInternal, Detail: "a credential that is not sealed is not stored"}
	}
	if uses := j.Request.SecretUses(); len(uses) > 0 {
		w.users = append(w.users, secretUser{j.ID, &j.Request, uses})
	}
	w.definitions.add(j.ID, j.Version, j.Description, d.Schedule, d.Request, d.Policy, d.Secrets)
	w.calendars = w.calendars || j.Schedule.Calendar != nil
	var reason *string
	if j.PauseReason != nil {
		text := cleanText(*j.PauseReason)
		reason = &text
	}
	var watch *job.Instant
	if !j.Policy.Expect.IsZero() {
		watch = &j.UpdatedAt // it is looked at, and then it is known when to look again
	}
	return []any{j.ID, string(j.Status), j.NextRunAt, j.DueAt, j.Version, j.UpdatedAt, reason, j.PausedUntil, j.PausedFrom, watch,
		j.Schedule.Type, hostOf(j.Request.URL), j.Name, encodeTags(j.Tags), searchText(j), calendarOf(j)}, nil
}

// jobWriteColumns are those columns.
func jobWriteColumns(more ...string) []string {
	return append([]string{"id TEXT", "status TEXT", "next_run_at BIGINT", "due_at BIGINT", "version BIGINT", "updated_at BIGINT",
		"pause_reason TEXT", "paused_until BIGINT", "paused_from BIGINT", "watch_at BIGINT", "type TEXT", "host TEXT", "name TEXT", "tags TEXT",
		"search TEXT", "calendar TEXT"}, more...)
}

// remove deletes a job. Its last version stays: whole where runs follow it, else
// as the mark from which a new job of this id counts on.
func (w *jobWriter) remove(old *jobRow) {
	w.gone = append(w.gone, old.ID)
	if old.RanVersion != old.Version {
		w.blank.add(old.ID, old.Version)
	}
}

// restarts reports whether the count of failures in a row begins anew: the job
// was resumed, or calls something else than what failed.
func restarts(old *jobRow, j *job.Job) bool {
	if old.Status == job.StatusPaused && j.Status != job.StatusPaused {
		return true
	}
	row, err := encodeDefinition(&j.Definition)
	return err == nil && (row.Request != old.Request || !sameText(row.Secrets, old.Secrets))
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// writeJobs writes what was collected.
func (s *Store) writeJobs(ctx context.Context, tx *sqlx.Tx, w *jobWriter) error {
	if err := s.checkSecrets(ctx, tx, w.users); err != nil {
		return err
	}
	if w.calendars {
		if err := s.checkCalendars(ctx, tx); err != nil {
			return err
		}
	}
	version := s.d.rows("job_id TEXT", "version BIGINT")
	for _, part := range []struct {
		rows *rowset
		text string
	}{
		{&w.definitions, "INSERT INTO definitions (job_id, version, description, schedule, request, policy, secrets) SELECT v.* FROM " +
			s.d.rows("job_id TEXT", "version BIGINT", "description TEXT", "schedule TEXT", "request TEXT", "policy TEXT", "secrets TEXT") + " AS v"},
		{&w.obsolete, "DELETE FROM definitions WHERE (job_id, version) IN (SELECT v.job_id, v.version FROM " + version + " AS v)"},
		{&w.blank, `UPDATE definitions SET description = '', schedule = '', request = '', policy = '', secrets = NULL FROM ` + version +
			" AS v WHERE definitions.job_id = v.job_id AND definitions.version = v.version"},
		{&w.made, `INSERT INTO jobs (id, status, next_run_at, due_at, version, updated_at, pause_reason, paused_until, paused_from, watch_at, type, host,
				name, tags, search, calendar, created_at, last_run_at, last_state, last_run, failures, ran_version)
			SELECT v.*, 0, 0 FROM ` + s.d.rows(jobWriteColumns("created_at BIGINT", "last_run_at BIGINT", "last_state TEXT", "last_run TEXT")...) + " AS v"},
		{&w.changed, `UPDATE jobs SET status = v.status, next_run_at = v.next_run_at, due_at = v.due_at, version = v.version,
				updated_at = v.updated_at, pause_reason = v.pause_reason, paused_until = v.paused_until, paused_from = v.paused_from,
				watch_at = v.watch_at, paused_at = CASE WHEN v.status = 'paused' THEN COALESCE(jobs.paused_at, v.updated_at) END,
				type = v.type, host = v.host, name = v.name, tags = v.tags, search = v.search, calendar = v.calendar, failures = v.failures
			FROM ` + s.d.rows(jobWriteColumns("failures BIGINT")...) + " AS v WHERE jobs.id = v.id"},
	} {
		if part.rows.n == 0 {
			continue
		}
		if _, err := execute(ctx, tx, part.text, args{"rows": part.rows.text()}); err != nil {
			return err
		}
	}
	if len(w.gone) == 0 {
		return nil
	}
	_, err := execute(ctx, tx, "DELETE FROM jobs WHERE "+s.d.in("id", ":ids"), args{"ids": s.d.list(w.gone)})
	return err
}
