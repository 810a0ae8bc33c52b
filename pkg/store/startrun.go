package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// StartRuns makes runs by hand: decide is given the job, locked, with the counts
// of its open runs, and returns the runs to insert; none is no error. Its error is
// returned as it is, and it may be called again when the database undid the
// transaction. The tasks are those of the runs that are queued. The error is
// CodeNotFound when there is no such job, CodeConflict when a run's id is taken.
func (s *Store) StartRuns(ctx context.Context, jobID string, decide func(*job.Due) ([]job.Run, error)) ([]job.Task, error) {
	tasks, failed, err := s.StartEach(ctx, []string{jobID}, decide)
	if err == nil {
		err = failed[jobID]
	}
	return tasks, err
}

// StartEach does the same for many jobs, in one transaction. A job for which decide
// answers an error, or which does not exist, starts nothing; failed has the errors by id.
func (s *Store) StartEach(
	ctx context.Context, ids []string, decide func(*job.Due) ([]job.Run, error),
) (tasks []job.Task, failed map[string]error, err error) {
	err = s.write(ctx, "start runs", func(tx *sqlx.Tx) error {
		due, missing, err := s.lockDue(ctx, tx, ids)
		if err != nil {
			return err
		}
		failed = missing
		var w startWriter
		for i := range due {
			runs, err := decide(&due[i])
			if err != nil {
				failed[due[i].ID] = err
				continue
			}
			w.add(&due[i], runs)
			w.note(access.ActorOf(ctx), runs)
		}
		tasks, err = w.tasks, s.writeStarts(ctx, tx, &w)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return tasks, failed, nil
}

// lockDue reads and locks jobs with the counts of their open runs. Missing has an error for each that cannot be had.
func (s *Store) lockDue(ctx context.Context, tx *sqlx.Tx, ids []string) (due []job.Due, missing map[string]error, err error) {
	rows, err := s.lockRows(ctx, tx, storableOf(ids))
	if err != nil {
		return nil, nil, err
	}
	missing = make(map[string]error, len(ids))
	for _, id := range ids {
		missing[id] = job.NotFound("job", id)
	}
	for i := range rows {
		j, err := rows[i].job()
		if err != nil {
			missing[j.ID] = job.Unreadable(j.ID)
			continue
		}
		delete(missing, j.ID)
		due = append(due, job.Due{Job: *j})
	}
	if len(due) == 0 {
		return nil, missing, nil
	}
	return due, missing, s.countOpen(ctx, tx, due)
}

// startWriter collects runs that are made by hand.
type startWriter struct {
	rows    rowset
	ids     []string
	tasks   []job.Task
	ended   []*job.Run
	jobs    []string
	touched job.Instant
	notes   []access.Entry
}

// add takes the runs of one job in.
func (w *startWriter) add(due *job.Due, runs []job.Run) {
	if len(runs) == 0 {
		return
	}
	w.jobs = append(w.jobs, due.ID)
	for i := range runs {
		run := &runs[i]
		run.JobID, run.JobVersion = due.ID, due.Version
		w.rows.addRun(run)
		w.ids = append(w.ids, run.ID)
		w.touched = max(w.touched, run.ScheduledAt)
		if run.QueuedAt != nil {
			w.touched = max(w.touched, *run.QueuedAt)
		}
		switch {
		case run.State.Final():
			w.ended = append(w.ended, run)
		case run.State == job.StateQueued:
			w.tasks = append(w.tasks, job.TaskOf(run, &due.Request, &due.Policy))
		}
	}
}

// writeStarts writes what was collected.
func (s *Store) writeStarts(ctx context.Context, tx *sqlx.Tx, w *startWriter) error {
	if w.rows.n == 0 {
		return nil
	}
	fresh := make(map[string]bool, w.rows.n)
	if err := insertFresh(ctx, tx, &w.rows, fresh, s.insertRuns(), w.touched); err != nil {
		return err
	}
	for _, id := range w.ids {
		if !fresh[id] {
			return callerError{job.Errorf(job.CodeConflict, "there is a run with the id %q already", id)}
		}
	}
	_, err := execute(ctx, tx, "UPDATE jobs SET ran_version = version WHERE "+s.d.in("id", ":ids"), args{"ids": s.d.list(w.jobs)})
	if err != nil {
		return err
	}
	if err := s.writeLastRuns(ctx, tx, w.ended); err != nil {
		return err
	}
	if err := s.countOutcomes(ctx, tx, w.ended); err != nil {
		return err
	}
	if err := s.note(ctx, tx, w.notes...); err != nil {
		return err
	}
	return s.addSecrets(ctx, tx, w.tasks)
}

// note tells the audit log that runs of a job were asked for.
func (w *startWriter) note(by access.Actor, runs []job.Run) {
	if len(runs) == 0 {
		return
	}
	first, last := &runs[0], &runs[len(runs)-1]
	action, told := access.ActionRunJob, map[string]any{"run": first.ID}
	if first.Trigger == job.TriggerBackfill {
		action = access.ActionBackfillJob
		told = map[string]any{"runs": len(runs), "first": first.ScheduledAt, "last": last.ScheduledAt}
	}
	w.notes = append(w.notes, access.NewEntry(max(by.At, first.ScheduledAt), by, action, first.JobID, access.DiffOf(nil, told)))
}
