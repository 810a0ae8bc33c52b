package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// maxOthers bounds how many jobs beside those named one EditJobs reads.
const maxOthers = 100_000

// EditJobs reads jobs, lets decide say what becomes of them, and writes that, in one
// transaction with the jobs locked: all of it or nothing. Picked ids that no job has
// are left out of old, and may be created. Old holds the jobs as they stand at the moment
// now, in the order of their ids; decide must not write to what they point to, and
// may be called again when the database undid the transaction. Its error is returned as it is.
// What was due of a job, and is dropped by its change, is accounted for as ChangeJob
// does it. The answer are the open runs of the jobs that were deleted, which are marked as to be canceled.
func (s *Store) EditJobs(
	ctx context.Context, pick job.Pick, clock func() job.Instant, decide func(old []job.Job, now job.Instant) ([]job.Edit, error),
) (open []job.Run, err error) {
	err = s.write(ctx, "edit jobs", func(tx *sqlx.Tx) error {
		open = nil
		ids, err := s.picked(ctx, tx, pick)
		if err != nil {
			return err
		}
		rows, err := s.lockRows(ctx, tx, ids)
		if err != nil {
			return err
		}
		now := clock()
		place := make(map[string]int, len(rows))
		old := make([]job.Job, len(rows))
		for i := range rows {
			place[rows[i].ID] = i
			old[i] = *rows[i].present(&s.parser, now)
		}
		given := append([]job.Job{}, old...)
		wanted, err := decide(given, now)
		if err != nil {
			return callerError{err}
		}
		edits := make([]edit, len(wanted))
		for i, e := range wanted {
			edits[i] = edit{change: turnover{after: e.After, at: now}}
			if at, found := place[e.ID]; found {
				edits[i].row, edits[i].change.before = &rows[at], &old[at]
			}
			if e.After != nil {
				e.After.ID = e.ID
			}
		}
		open, err = s.apply(ctx, tx, edits, now)
		return err
	})
	return open, err
}

// PickJobs reads what EditJobs would hand to decide, as of a moment, and locks nothing.
func (s *Store) PickJobs(ctx context.Context, pick job.Pick, now job.Instant) ([]job.Job, error) {
	ids, err := s.picked(ctx, s.r, pick)
	if err != nil {
		return nil, fail("pick jobs", err)
	}
	rows, err := readAll[jobRow](ctx, s, "SELECT "+jobColumns+jobTables+"WHERE "+s.d.in("j.id", ":ids")+" ORDER BY j.id", args{"ids": s.d.list(ids)})
	if err != nil {
		return nil, fail("pick jobs", err)
	}
	jobs := make([]job.Job, len(rows))
	for i := range rows {
		jobs[i] = *rows[i].present(&s.parser, now)
	}
	return jobs, s.resting.check()
}

// picked are the ids that a pick names.
func (s *Store) picked(ctx context.Context, tx conn, pick job.Pick) ([]string, error) {
	ids := storableOf(pick.IDs)
	if !pick.Others {
		return ids, nil
	}
	var all []string
	err := selectAll(ctx, tx, &all, "SELECT id FROM jobs ORDER BY id LIMIT :limit", args{"limit": len(ids) + maxOthers + 1})
	if err != nil {
		return nil, err
	}
	named := make(map[string]bool, len(ids))
	for _, id := range ids {
		named[id] = true
	}
	for _, id := range all {
		if !named[id] {
			ids = append(ids, id)
		}
	}
	if len(ids) > len(named)+maxOthers {
		return nil, callerError{job.Errorf(job.CodeConflict, "there are more than %d other jobs", maxOthers)}
	}
	return ids, nil
}

// lockRows reads jobs, in the order of their ids, and keeps others from changing
// them. What lockJob says of one that appears meanwhile holds here too.
func (s *Store) lockRows(ctx context.Context, tx *sqlx.Tx, ids []string) (rows []jobRow, err error) {
	locked, err := s.d.lockJobs(ctx, tx, ids)
	if err != nil || len(locked) == 0 {
		return nil, err
	}
	err = selectAll(ctx, tx, &rows, "SELECT "+jobColumns+jobTables+"WHERE "+s.d.in("j.id", ":ids")+" ORDER BY j.id",
		args{"ids": s.d.list(locked)})
	return rows, err
}

// MatchJobs reads the ids of the jobs that match, in their order, after a given
// one; the order, the limit and the cursor of the query are not looked at.
func (s *Store) MatchJobs(ctx context.Context, q job.JobQuery, after string, limit int) ([]string, error) {
	if !storableQuery(&q) {
		return nil, nil // nothing is stored under such a text
	}
	where, a := s.jobFilter(&q, anyIndex)
	a["after_id"], a["limit"] = cleanText(after), limit
	ids, err := readAll[string](ctx, s, "SELECT j.id FROM jobs j"+where.and("j.id > :after_id").String()+" ORDER BY j.id LIMIT :limit", a)
	return ids, fail("match jobs", err)
}

// edit is what becomes of one job that is locked.
type edit struct {
	// row is the job as it lies in the database; nil: it is made.
	row    *jobRow
	change turnover
}

// apply writes changes of jobs, and what follows from them: every way in which
// people change jobs ends here. It answers the open runs of those that were deleted.
func (s *Store) apply(ctx context.Context, tx *sqlx.Tx, edits []edit, now job.Instant) (open []job.Run, err error) {
	if err := s.closeOf(ctx, tx, edits, now); err != nil {
		return nil, err
	}
	changes := make([]turnover, 0, len(edits))
	var made []string
	for _, e := range edits {
		if e.row == nil {
			if !storable(e.change.after.ID) {
				return nil, unstorable()
			}
			made = append(made, e.change.after.ID)
			continue
		}
		changes = append(changes, e.change)
	}
	dropped, err := s.overtake(ctx, tx, changes)
	if err != nil {
		return nil, err
	}
	latest := make(map[string]*job.Run, len(dropped))
	for _, run := range dropped {
		latest[run.JobID] = run
	}
	last, err := s.lastVersions(ctx, tx, made)
	if err != nil {
		return nil, err
	}
	var w jobWriter
	for _, e := range edits {
		if err := w.add(e, latest, last); err != nil {
			return nil, err
		}
	}
	if err := s.writeJobs(ctx, tx, &w); err != nil {
		return nil, err
	}
	if err := s.writeLastRuns(ctx, tx, dropped); err != nil {
		return nil, err
	}
	if err := s.noteJobs(ctx, tx, edits); err != nil {
		return nil, err
	}
	return s.markCanceled(ctx, tx, w.gone, job.ReasonJobDeleted, now)
}

// lastVersions are the last versions that jobs of these ids ever had; none for an id that is new.
func (s *Store) lastVersions(ctx context.Context, tx *sqlx.Tx, ids []string) (map[string]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []struct {
		JobID   string `db:"job_id"`
		Version int64  `db:"version"`
	}
	err := selectAll(ctx, tx, &rows, "SELECT job_id, MAX(version) AS version FROM definitions WHERE "+s.d.in("job_id", ":ids")+
		" GROUP BY job_id", args{"ids": s.d.list(ids)})
	last := make(map[string]int64, len(rows))
	for _, r := range rows {
		last[r.JobID] = r.Version
	}
	return last, err
}
