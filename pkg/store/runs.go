package store

import (
	"context"
	"encoding/json"

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

func storableOf(ids []string) []string {
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if storable(id) {
			kept = append(kept, id)
		}
	}
	return kept
}
