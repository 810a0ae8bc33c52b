package beat

import (
	"context"
	"errors"

	"schedule-server/pkg/job"
)

// cancelMarked ends the runs that are to be canceled. Runs that were being called when
// every trace of that was lost are looked for in the reconciler's rounds only.
func (r *Reconciler) cancelMarked(ctx context.Context, inRound bool) error {
	runs, err := r.cancellations.CancelPending(ctx, r.chunk)
	if err != nil || len(runs) == 0 {
		return err
	}
	if !inRound {
		done, err := r.publisher.Cancel(ctx, r.cancellations, runs, r.now)
		r.metrics.recovered.WithLabelValues("canceled").Add(float64(len(done.Changed)))
		return err
	}
	var f findings
	// The queue is asked before the results are settled: a call that ended in between has reported so.
	err = r.publisher.Withdraw(ctx, runs, func() error {
		f, err = r.examine(ctx, beingCalled(runs), true)
		return err
	})
	if err != nil {
		return err
	}
	done, err := r.cancellations.CancelMarked(ctx, job.IDsOf(runs), r.now())
	if err != nil {
		return err
	}
	vanished, err := r.cancelVanished(ctx, append(f.lost, f.givenUp...))
	if err != nil {
		return err
	}
	r.metrics.recovered.WithLabelValues("canceled").Add(float64(len(done.Changed) + len(vanished.Changed)))
	return errors.Join(r.publisher.Recorded(ctx, &done), r.publisher.Recorded(ctx, &vanished))
}

// cancelVanished ends runs whose call nobody knows of any more: no worker will report its end.
func (r *Reconciler) cancelVanished(ctx context.Context, lost []job.OpenRun) (job.Recorded, error) {
	ids := make([]string, len(lost))
	for i := range lost {
		ids[i] = lost[i].ID
	}
	return r.cancellations.CancelVanished(ctx, ids, r.now())
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
