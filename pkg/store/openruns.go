package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// undisturbed is a condition on an open run: a worker is to call it, or calls it. It
// does not wait for another run or for its target, and is not to be canceled.
func undisturbed(run string) string {
	return strings.ReplaceAll("r.open = 1 AND r.cancel_reason IS NULL AND r.state <> 'waiting' AND r.wait_until IS NULL", "r.", run+".")
}

// queuedUntil is the deadline of a run that is queued now.
var queuedUntil = fmt.Sprintf("CAST(:now AS BIGINT) + %d", job.QueueTime.Milliseconds())

// unknownDeadline is how long after its last change a run is overdue for which a process of an older version wrote no deadline.
const unknownDeadline = job.QueueTime + job.MaxAttemptTimeout

// expectedBy is the deadline of an open run.
func expectedBy(run string) string {
	return fmt.Sprintf("COALESCE(%s.expected_by, %s.touched_at + %d)", run, run, unknownDeadline.Milliseconds())
}

func (r *runRow) deadline() *job.Instant {
	if r.ExpectedBy != nil {
		return r.ExpectedBy
	}
	by := r.TouchedAt.Add(unknownDeadline)
	return &by
}

// StaleRuns reads open runs of which nothing was heard, and nothing was to be
// heard, since the given moment: neither a change nor the moment of their next
// retry is at or after it. Runs that wait for another, or for their target to
// complete them, or are to be canceled are left out. They come in the order of their jobs and ids,
// after the given one (the zero OpenRun: from the beginning). What a call needs is read by LostRuns, for the few that need it.
func (s *Store) StaleRuns(ctx context.Context, untouchedSince job.Instant, after job.OpenRun, limit int) ([]job.OpenRun, error) {
	runs, err := s.openRuns(ctx, "o.touched_at < :moment", untouchedSince, after, limit)
	return runs, fail("look for stale runs", err)
}

// OverdueRuns does the same with those whose deadline has passed.
func (s *Store) OverdueRuns(ctx context.Context, now job.Instant, after job.OpenRun, limit int) ([]job.OpenRun, error) {
	runs, err := s.openRuns(ctx, expectedBy("o")+" <= :moment", now, after, limit)
	return runs, fail("look for overdue runs", err)
}

func (s *Store) openRuns(ctx context.Context, condition string, moment job.Instant, after job.OpenRun, limit int) (runs []job.OpenRun, err error) {
	// In the order of the open runs' own index each is looked at once, however many pages there are. The
	// expression keeps PostgreSQL from the index of all runs, which has that order too.
	text := "SELECT o.id, o.job_id, o.queue, o.state, o.touched_at, " + expectedBy("o") + " FROM runs o" + s.d.by("runs_open") +
		" WHERE " + undisturbed("o") + " AND " + condition + ` AND o.job_id >= :after_job AND (o.job_id > :after_job OR o.id > :after)
		ORDER BY o.job_id, o.id || '' LIMIT :limit`
	a := args{"moment": int64(moment), "after_job": cleanText(after.JobID), "after": cleanText(after.ID), "limit": max(1, limit)}
	for range maxTries {
		if runs, err = scanOpen(ctx, s.r, text, a); err == nil || !isCut(err) {
			break
		}
	}
	return runs, err
}

// scanOpen reads OpenRuns: by hand, as scanDue does, because there are many every few seconds.
func scanOpen(ctx context.Context, q conn, text string, a args) ([]job.OpenRun, error) {
	query, values, err := bind(q, text, a)
	if err != nil {
		return nil, err
	}
	found, err := q.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var runs []job.OpenRun
	var queue, state string
	var touched, expected int64
	for found.Next() {
		var r job.OpenRun
		if err := found.Scan(&r.ID, &r.JobID, &queue, &state, &touched, &expected); err != nil {
			return nil, err
		}
		r.Queue, r.State, r.TouchedAt, r.ExpectedBy = job.Queue(queue), job.State(state), job.Instant(touched), job.Instant(expected)
		runs = append(runs, r)
	}
	return runs, found.Err()
}

// LostRuns reads what a call needs of those of the runs that have not ended and of which there is no news
// since they were read, by id, with the attempts made so far. What StaleRuns leaves out is left out.
func (s *Store) LostRuns(ctx context.Context, runs []job.OpenRun) ([]job.LostRun, error) {
	ids, seen := make([]string, len(runs)), make(map[string]job.OpenRun, len(runs))
	for i, r := range runs {
		ids[i], seen[r.ID] = r.ID, r
	}
	if ids = storableOf(ids); len(ids) == 0 {
		return nil, nil
	}
	// A run whose definition is gone is not left open: it cannot be called, and a worker will say so.
	rows, err := readAll[struct {
		taskRow
		Deadline    job.Instant `db:"deadline"`
		Redelivered int         `db:"redelivered"`
	}](ctx, s, "SELECT "+runColumns+", "+expectedBy("r")+` AS deadline, r.redelivered, COALESCE(d.schedule, '') AS schedule,
			COALESCE(d.request, '') AS request, COALESCE(d.policy, '') AS policy, d.secrets FROM runs r
		LEFT JOIN definitions d ON d.job_id = r.job_id AND d.version = r.job_version
		WHERE `+s.d.in("r.id", ":ids")+" AND "+undisturbed("r")+" ORDER BY r.id", args{"ids": s.d.list(ids)})
	if err != nil {
		return nil, fail("look for lost runs", err)
	}
	var lost []job.LostRun
	var tasks []taskRow
	for _, r := range rows {
		was := seen[r.ID]
		if r.State == was.State && r.TouchedAt == was.TouchedAt && r.Deadline == was.ExpectedBy {
			lost, tasks = append(lost, job.LostRun{Redelivered: r.Redelivered}), append(tasks, r.taskRow)
		}
	}
	made, err := s.tasksOf(ctx, s.r, tasks)
	if err != nil {
		return nil, fail("read what lost runs call", err)
	}
	for i := range made {
		lost[i].Task = made[i]
	}
	return lost, nil
}

// NoteRedelivered gives runs that were delivered anew the time that a queued run has, and counts that.
func (s *Store) NoteRedelivered(ctx context.Context, ids []string, now job.Instant) error {
	return s.moveDeadlines(ctx, ids, now, "expected_by = "+queuedUntil+", redelivered = redelivered + 1")
}

// NoteWaiting gives runs that are overdue, and wait in the queue, as much time more as
// they have waited already, within bounds.
func (s *Store) NoteWaiting(ctx context.Context, ids []string, now job.Instant) error {
	least, most := job.QueueTime.Milliseconds(), job.MaxQueueTime.Milliseconds()
	return s.moveDeadlines(ctx, ids, now, fmt.Sprintf(`expected_by = CAST(:now AS BIGINT) + CASE
		WHEN CAST(:now AS BIGINT) - touched_at < %[1]d THEN %[1]d
		WHEN CAST(:now AS BIGINT) - touched_at > %[2]d THEN %[2]d
		ELSE CAST(:now AS BIGINT) - touched_at END`, least, most))
}

func (s *Store) moveDeadlines(ctx context.Context, ids []string, now job.Instant, change string) error {
	if ids = storableOf(ids); len(ids) == 0 {
		return nil
	}
	return s.write(ctx, "move deadlines", func(tx *sqlx.Tx) error {
		_, err := execute(ctx, tx, "UPDATE runs SET "+change+" WHERE open = 1 AND "+s.d.in("id", ":ids"),
			args{"ids": s.d.list(ids), "now": int64(now)})
		return err
	})
}
