package store

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/oklog/ulid/v2"

	"schedule-server/pkg/job"
)

// GetRun reads a run with its request and its response. The error is CodeNotFound when there is none.
func (s *Store) GetRun(ctx context.Context, id string) (*job.Run, error) {
	if !storable(id) {
		return nil, job.NotFound("run", id)
	}
	var row struct {
		runRow
		Response *string `db:"response"`
		Message  *string `db:"message"`
		Request  *string `db:"request"`
	}
	found, err := readOne(ctx, s, &row, "SELECT "+runColumns+`, r.response, r.message, d.request FROM runs r
		LEFT JOIN definitions d ON d.job_id = r.job_id AND d.version = r.job_version WHERE r.id = :id`, args{"id": id})
	switch {
	case err != nil:
		return nil, fail("get run", err)
	case !found:
		return nil, job.NotFound("run", id)
	}
	run, err := row.run()
	if err != nil {
		return nil, err
	}
	run.Message = row.Message
	if row.Response != nil {
		if err := json.Unmarshal([]byte(*row.Response), &run.Response); err != nil {
			return nil, fail("read response", err)
		}
	}
	if row.Request != nil && *row.Request != "" {
		if err := json.Unmarshal([]byte(*row.Request), &run.Request); err != nil {
			return nil, fail("read request", err)
		}
	}
	return run, nil
}

// ListRuns reads a page of runs, the latest scheduled first, without requests and
// responses. The error is CodeInvalid with Fields for a cursor that is none.
func (s *Store) ListRuns(ctx context.Context, q job.RunQuery) (job.RunPage, error) {
	var page job.RunPage
	after, err := readCursor(q.Cursor, "runs")
	if err != nil {
		return page, err
	}
	if !storable(q.JobID, string(q.State), string(q.Trigger)) {
		return page, nil // nothing is stored under such a text
	}
	where, a := runFilter(&q)
	if after != nil {
		where = where.and("r.id < :after_id")
		a["after_id"] = after.ID
	}
	limit := max(1, min(q.Limit, maxPage))
	a["limit"] = limit + 1
	size := func(r *runRow) int { return len(r.Attempts) }
	rows, full, err := readPage(ctx, s, size, "SELECT "+runColumns+" FROM runs r"+where.String()+" ORDER BY r.id DESC LIMIT :limit", a)
	if err != nil {
		return page, fail("list runs", err)
	}
	if full || len(rows) > limit {
		limit = min(limit, len(rows))
		rows = rows[:limit]
		page.NextCursor = cursor{List: "runs", ID: rows[limit-1].ID}.encode()
	}
	page.Runs, err = runsOf(rows)
	return page, err
}

// runFilter says which runs match. Ids sort by scheduled moment, so that bounds in time are bounds of the ids.
func runFilter(q *job.RunQuery) (where conditions, a args) {
	a = args{}
	if q.JobID != "" {
		where = append(where, "r.job_id = :job_id")
		a["job_id"] = q.JobID
	}
	if q.State != "" {
		where = append(where, "r.state = :state")
		a["state"] = string(q.State)
		switch {
		case q.JobID != "": // one job's are few
		case !q.State.Final():
			// Few are open among all that ever were: they are looked up by the index of the open ones.
			where = append(where, "r.id IN (SELECT o.id FROM runs o WHERE o.open = 1)")
		case q.State != job.StateSucceeded:
			where = append(where, "r.open = 0", "r.state <> 'succeeded'") // what the index runs_of_state holds
		}
	}
	if q.Trigger != "" {
		where = append(where, "r.cause = :cause")
		a["cause"] = string(q.Trigger)
		if q.Trigger != job.TriggerSchedule && q.JobID == "" {
			where = append(where, "r.cause <> 'schedule'") // what the index runs_of_cause holds
		}
	}
	if q.Since != nil {
		where = append(where, "r.id >= :since_id", "r.scheduled_at >= :since")
		a["since_id"], a["since"] = boundaryID(*q.Since, 0), int64(*q.Since)
	}
	if q.Until != nil {
		where = append(where, "r.id <= :until_id", "r.scheduled_at <= :until")
		a["until_id"], a["until"] = boundaryID(*q.Until, 0xff), int64(*q.Until)
	}
	return where, a
}

// boundaryID is the smallest (fill 0) or the greatest (fill 0xff) id of a run of a moment.
func boundaryID(at job.Instant, fill byte) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(max(at, 0))) // as package job makes them
	for i := 6; i < len(id); i++ {
		id[i] = fill
	}
	return id.String()
}

func runsOf(rows []runRow) ([]job.Run, error) {
	runs := make([]job.Run, len(rows))
	for i := range rows {
		run, err := rows[i].run()
		if err != nil {
			return nil, err
		}
		runs[i] = *run
	}
	return runs, nil
}

// undisturbed is a condition on an open run: a worker is to call it, or calls it. It
// does not wait for another run or for its target, and is not to be canceled.
func undisturbed(run string) string {
	return strings.ReplaceAll("r.open = 1 AND r.cancel_reason IS NULL AND r.state <> 'waiting' AND r.wait_until IS NULL", "r.", run+".")
}

// StaleRuns names open runs of which nothing was heard, and nothing was to be
// heard, since the given moment: neither a change nor the moment of their next
// retry is at or after it. Runs that wait for another, or for their target to
// complete them, or are to be canceled are left out. They come in the order of their jobs and ids,
// after the given one (the zero Task: from the beginning), with their
// jobs and queues only: what a call needs is read by OpenTasks, for the few that need it.
func (s *Store) StaleRuns(ctx context.Context, untouchedSince job.Instant, after job.Task, limit int) ([]job.Task, error) {
	// In the order of the open runs' own index each is looked at once, however many pages there are. The
	// expression keeps PostgreSQL from the index of all runs, which has that order too.
	rows, err := readAll[struct {
		ID    string    `db:"id"`
		JobID string    `db:"job_id"`
		Queue job.Queue `db:"queue"`
	}](ctx, s, "SELECT o.id, o.job_id, o.queue FROM runs o"+s.d.by("runs_open")+" WHERE "+undisturbed("o")+` AND o.touched_at < :since
		AND o.job_id >= :after_job AND (o.job_id > :after_job OR o.id > :after) ORDER BY o.job_id, o.id || '' LIMIT :limit`,
		args{"since": int64(untouchedSince), "after_job": cleanText(after.JobID), "after": cleanText(after.RunID), "limit": max(1, limit)})
	tasks := make([]job.Task, len(rows))
	for i, r := range rows {
		tasks[i] = job.Task{RunID: r.ID, JobID: r.JobID, Queue: r.Queue}
	}
	return tasks, fail("look for stale runs", err)
}

// OpenTasks reads what a call needs of those of the runs that have not ended, by id, with the
// attempts made so far. Ids of unknown runs are left out, and of such that StaleRuns leaves out.
func (s *Store) OpenTasks(ctx context.Context, ids []string) ([]job.Task, error) {
	if ids = storableOf(ids); len(ids) == 0 {
		return nil, nil
	}
	rows, err := readAll[taskRow](ctx, s, "SELECT "+taskColumns+` FROM runs r
		JOIN definitions d ON d.job_id = r.job_id AND d.version = r.job_version
		WHERE `+s.d.in("r.id", ":ids")+" AND "+undisturbed("r")+" ORDER BY r.id", args{"ids": s.d.list(ids)})
	if err != nil {
		return nil, fail("look for open runs", err)
	}
	tasks, err := s.tasksOf(ctx, s.r, rows)
	return tasks, fail("read the secrets of open runs", err)
}

func storableOf(ids []string) []string {
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if storable(id) {
			kept = append(kept, id)
		}
	}
	return kept
}
