package beat

import (
	"context"
	"slices"

	"schedule-server/pkg/job"
)

// How many looks in a row must find the same before a run counts as lost.
const (
	// looksAtCalled is for a run that a worker was calling, or had taken: that worker has said in between whether it still does.
	looksAtCalled = 2
	// looksAtOverdue is for a run that a worker has taken, or says it has, and of which nothing was heard by its deadline:
	// a worker that was cut off from the queue has reported in between what it could not before.
	looksAtOverdue = 4
)

// suspects are runs of which the queue may hold too little, by id, with how often in a row that was found.
type suspects map[string]suspect

type suspect struct {
	mark  string
	looks int
}

// looksAt notes a look at a run and counts those that found the same.
func (r *Reconciler) looksAt(id, mark string) int {
	s := suspect{mark: mark, looks: 1}
	if before, known := r.before[id]; known && before.mark == mark {
		s.looks += before.looks
	}
	r.suspects[id] = s
	return s.looks
}

// findings are what a look at open runs found.
type findings struct {
	// lost are those that no worker will call, marks tell what was left of them.
	lost  []job.OpenRun
	marks map[string]string
	// givenUp are those over which worker after worker died.
	givenUp []job.OpenRun
	// waiting are overdue and stand in the queue.
	waiting []string
}

// examine asks the queue for runs. One is lost if there is too little to deliver it by, and no worker has it in
// its hands; past its deadline, if it does not stand in the queue, whoever has taken it.
func (r *Reconciler) examine(ctx context.Context, runs []job.OpenRun, thorough bool) (findings, error) {
	f := findings{marks: map[string]string{}}
	found, err := r.transport.Find(ctx, runs, thorough)
	if err != nil {
		return f, err
	}
	hands, err := r.transport.InHand(ctx, missed(runs, found))
	if err != nil {
		return f, err
	}
	now := r.now()
	for i := range runs {
		run, remains, overdue := &runs[i], &found[i], runs[i].Overdue(now)
		switch remains.Whereabouts {
		case job.TaskGivenUp:
			f.givenUp = append(f.givenUp, *run)
			continue
		case job.TaskWaits:
			if overdue {
				f.waiting = append(f.waiting, run.ID)
			}
			continue
		case job.TaskTaken:
			if !overdue {
				continue
			}
		}
		looks := r.looksAt(run.ID, remains.Mark)
		inHand := remains.Whereabouts == job.TaskTaken || hands[run.ID] || mayBeInHand(run, remains) && looks < looksAtCalled
		if !inHand || overdue && looks >= looksAtOverdue {
			f.lost, f.marks[run.ID] = append(f.lost, *run), remains.Mark
		}
	}
	return f, nil
}

// mayBeInHand reports whether a worker may have a run in its hands without having said so yet.
func mayBeInHand(run *job.OpenRun, remains *job.Remains) bool {
	return run.State == job.StateRunning || remains.Whereabouts == job.TaskBroken
}

// missed lists those of the runs for which the workers are to be asked.
func missed(runs []job.OpenRun, found []job.Remains) (ids []string) {
	for i := range runs {
		switch found[i].Whereabouts {
		case job.TaskLost, job.TaskBroken, job.TaskEnded:
			ids = append(ids, runs[i].ID)
		}
	}
	return ids
}

// deliverOverdue walks the open runs whose deadline has passed.
func (r *Reconciler) deliverOverdue(ctx context.Context) error {
	now := r.now()
	return r.walk(func(after job.OpenRun) ([]job.OpenRun, error) {
		return r.history.OverdueRuns(ctx, now, after, r.chunk)
	}, func(page []job.OpenRun) error { return r.compare(ctx, page, true) })
}

// deliverStale walks the open runs without news that are not overdue.
func (r *Reconciler) deliverStale(ctx context.Context, untouched job.Instant) error {
	now := r.now()
	return r.walk(func(after job.OpenRun) ([]job.OpenRun, error) {
		return r.history.StaleRuns(ctx, untouched, after, r.chunk)
	}, func(page []job.OpenRun) error {
		page = slices.DeleteFunc(page, func(run job.OpenRun) bool { return run.Overdue(now) })
		return r.compare(ctx, page, false)
	})
}

// walk reads runs page by page.
func (r *Reconciler) walk(read func(after job.OpenRun) ([]job.OpenRun, error), compare func(page []job.OpenRun) error) error {
	var after job.OpenRun
	for {
		page, err := read(after)
		if err != nil {
			return err
		}
		n := len(page)
		if n > 0 {
			after = page[n-1]
		}
		if err := compare(page); err != nil || n < r.chunk {
			return err
		}
	}
}

// compare delivers those of the runs anew that are lost, and ends those that the queue gave up. What
// has ended meanwhile has been reported before the queue forgot it, gave it up or called it ended: once the
// results that are under way now are recorded, the database knows.
func (r *Reconciler) compare(ctx context.Context, runs []job.OpenRun, thorough bool) error {
	if len(runs) == 0 {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, enqueueWithin)
	defer stop()
	f, err := r.examine(ctx, runs, thorough)
	if err != nil {
		return err
	}
	if err := r.history.NoteWaiting(ctx, f.waiting, r.now()); err != nil || len(f.lost)+len(f.givenUp) == 0 {
		return err
	}
	if err := r.transport.Settle(ctx); err != nil {
		return err
	}
	if err := r.end(ctx, f.givenUp, job.ReasonWorkerLost, "given_up"); err != nil {
		return err
	}
	lost, err := r.history.LostRuns(ctx, f.lost)
	if err != nil {
		return err
	}
	return r.redeliver(ctx, lost, f.marks)
}

// redeliver delivers lost runs anew, and ends those that were so often enough.
func (r *Reconciler) redeliver(ctx context.Context, lost []job.LostRun, marks map[string]string) error {
	var again, never []job.Task
	var againMarks, neverMarks []string
	for i := range lost {
		if task, mark := lost[i].Task, marks[lost[i].RunID]; lost[i].GivenUp() {
			never, neverMarks = append(never, task), append(neverMarks, mark)
		} else {
			again, againMarks = append(again, task), append(againMarks, mark)
		}
	}
	if len(never) > 0 {
		if err := r.giveUp(ctx, never, neverMarks); err != nil {
			return err
		}
	}
	if len(again) == 0 {
		return nil
	}
	made, err := r.transport.Redeliver(ctx, again, againMarks)
	if len(made) > 0 {
		r.logger.Warn("re-enqueuing runs that Redis lost", "runs", len(made), "first_run_id", made[0])
		r.metrics.recovered.WithLabelValues("delivered").Add(float64(len(made)))
		if noted := r.history.NoteRedelivered(ctx, made, r.now()); err == nil {
			err = noted
		}
	}
	return err
}

// giveUp ends runs of which nothing was heard however often they were delivered. What is left of their tasks is removed before.
func (r *Reconciler) giveUp(ctx context.Context, tasks []job.Task, marks []string) error {
	gone, err := r.transport.Discard(ctx, tasks, marks)
	if len(gone) == 0 {
		return err
	}
	r.logger.Error("runs were lost again and again and have failed", "runs", len(gone), "first_run_id", gone[0])
	runs := make([]job.OpenRun, len(gone))
	for i, id := range gone {
		runs[i].ID = id
	}
	if ended := r.end(ctx, runs, job.ReasonLost, "lost"); err == nil {
		err = ended
	}
	return err
}

// end fails runs.
func (r *Reconciler) end(ctx context.Context, runs []job.OpenRun, reason job.Reason, action string) error {
	if len(runs) == 0 {
		return nil
	}
	events := make([]job.Event, len(runs))
	for i := range runs {
		events[i] = job.Event{RunID: runs[i].ID, At: r.now(), State: job.StateFailed, Reason: reason}
	}
	r.metrics.recovered.WithLabelValues(action).Add(float64(len(events)))
	done, err := r.history.Record(ctx, events)
	if err != nil {
		return err
	}
	return r.publisher.Recorded(ctx, &done)
}
