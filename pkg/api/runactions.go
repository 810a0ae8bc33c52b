package api

import (
	"context"

	"schedule-server/pkg/job"
)

// CancelRun cancels an open run. One whose call is under way is cut off by its
// worker: it is answered as it stands, and ends a moment later. What the queue
// does not do in time the reconciler of a beat finishes. A run that has ended is a conflict.
func (s *Service) CancelRun(ctx context.Context, id string) (*job.Run, error) {
	run, err := s.store.MarkCanceled(ctx, id, s.now())
	if err != nil {
		return nil, err
	}
	s.bounded(ctx, s.cancelWait, func(ctx context.Context) {
		if err := s.cutOff(ctx, run); err != nil {
			s.logger.Warn("run not canceled yet", "run_id", id, "error", err)
		}
	})
	return s.store.GetRun(ctx, id)
}

// cutOff ends the marked run, or has its call cut off.
func (s *Service) cutOff(ctx context.Context, run job.Run) error {
	if err := s.queue.Cancel(ctx, []job.Run{run}); err != nil {
		return err
	}
	if run.State == job.StateRunning {
		if err := s.queue.Interrupt(ctx, []string{run.ID}); err != nil {
			return err
		}
	}
	// What a worker reported before it saw the mark is recorded first: a call that was made is accounted for.
	if err := s.queue.Settle(ctx); err != nil {
		return err
	}
	done, err := s.store.CancelMarked(ctx, []string{run.ID}, s.now())
	if err != nil {
		return err
	}
	s.announce(done.News()...)
	return s.queue.Enqueue(ctx, done.Tasks)
}

// RetryRun runs the occurrence of an ended run once more, under a run of its own
// with the occurrence's moment, by the job's present definition: what is retried
// is usually what has just been repaired, and an edit is to hold for every call
// after it. An open run of the job stands in its way as in that of Run.
func (s *Service) RetryRun(ctx context.Context, id string, force bool) (*job.Run, error) {
	ended, err := s.store.GetRun(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ended.State.Final() {
		return nil, job.Errorf(job.CodeConflict, "the run has not ended: it is %s", ended.State)
	}
	var run job.Run
	tasks, err := s.store.StartRuns(ctx, ended.JobID, func(due *job.Due) ([]job.Run, error) {
		now := s.now()
		run = manualRun(due, now)
		run.ID, run.ScheduledAt, run.DueSince = job.NewID(ended.ScheduledAt), ended.ScheduledAt, &now
		err := admit(&run, due, force)
		return []job.Run{run}, err
	})
	if err != nil {
		return nil, err
	}
	s.announce(run.News())
	s.deliver(ctx, tasks)
	return &run, nil
}
