package beat

import (
	"context"

	"schedule-server/pkg/job"
)

// cancelMarked ends the runs that are to be canceled. First the queue is told,
// so that no worker begins to call them; then what workers had begun before is
// recorded; then it is known which have not begun. Those that were being called when
// every trace of that was lost are looked for in the reconciler's rounds.
func (r *Reconciler) cancelMarked(ctx context.Context, inRound bool) error {
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
	var f findings
	if inRound { // asked before the results are settled: a call that ended in between has reported so
		if f, err = r.examine(ctx, beingCalled(runs), true); err != nil {
			return err
		}
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
	vanished, err := r.cancelVanished(ctx, append(f.lost, f.givenUp...))
	if err != nil {
		return err
	}
	r.announce(job.NewsOf(append(done.Changed, vanished.Changed...))...)
	r.metrics.recovered.WithLabelValues("canceled").Add(float64(len(done.Changed) + len(vanished.Changed)))
	return r.transport.Enqueue(ctx, append(done.Tasks, vanished.Tasks...))
}

// cancelVanished ends runs whose call nobody knows of any more: no worker will report its end.
func (r *Reconciler) cancelVanished(ctx context.Context, lost []job.OpenRun) (job.Recorded, error) {
	ids := make([]string, len(lost))
	for i := range lost {
		ids[i] = lost[i].ID
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

// beingCalled lists the runs that are being called.
func beingCalled(runs []job.Run) []job.OpenRun {
	var open []job.OpenRun
	for i := range runs {
		if r := &runs[i]; r.State == job.StateRunning && r.ExpectedBy != nil {
			open = append(open, job.OpenRun{ID: r.ID, JobID: r.JobID, Queue: r.Queue, State: r.State, ExpectedBy: *r.ExpectedBy})
		}
	}
	return open
}
