package beat

import (
	"context"

	"schedule-server/pkg/job"
)

// cancelMarked ends the runs that are to be canceled. First the queue is told,
// so that no worker begins to call them; then what workers had begun before is
// recorded; then it is known which have not begun.
func (r *Reconciler) cancelMarked(ctx context.Context) error {
	runs, err := r.cancellations.CancelPending(ctx, r.chunk)
	if err != nil || len(runs) == 0 {
		return err
	}
	if err := r.transport.Cancel(ctx, runs); err != nil {
		return err
	}
	if err := r.transport.Interrupt(ctx, toInterrupt(runs)); err != nil {
		return err
	}
	// Asked before the results are settled: a call that ended in between has reported so.
	lost, _, err := r.transport.Missing(ctx, called(runs))
	if err != nil {
		return err
	}
	if err := r.transport.Settle(ctx); err != nil {
		return err
	}
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	done, err := r.cancellations.CancelMarked(ctx, ids, r.now())
	if err != nil {
		return err
	}
	vanished, err := r.cancelVanished(ctx, lost)
	if err != nil {
		return err
	}
	r.announce(job.NewsOf(append(done.Changed, vanished.Changed...))...)
	r.metrics.recovered.WithLabelValues("canceled").Add(float64(len(done.Changed) + len(vanished.Changed)))
	return r.transport.Enqueue(ctx, append(done.Tasks, vanished.Tasks...))
}

// cancelVanished ends runs whose call nobody knows of any more: no worker will report its end.
func (r *Reconciler) cancelVanished(ctx context.Context, lost []job.Task) (job.Recorded, error) {
	ids := make([]string, len(lost))
	for i := range lost {
		ids[i] = lost[i].RunID
	}
	return r.cancellations.CancelVanished(ctx, ids, r.now())
}

// toInterrupt lists the runs whose call is to be cut off. The call of a deleted
// job is not: what has begun may finish.
func toInterrupt(runs []job.Run) []string {
	var ids []string
	for i := range runs {
		if runs[i].State == job.StateRunning && runs[i].Reason != job.ReasonJobDeleted {
			ids = append(ids, runs[i].ID)
		}
	}
	return ids
}

// called lists the runs that are being called, as the queue knows them.
func called(runs []job.Run) []job.Task {
	var tasks []job.Task
	for i := range runs {
		if runs[i].State == job.StateRunning {
			tasks = append(tasks, job.Task{RunID: runs[i].ID, JobID: runs[i].JobID, Queue: runs[i].Queue})
		}
	}
	return tasks
}
