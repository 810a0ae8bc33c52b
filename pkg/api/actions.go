package api

import (
	"context"
	"time"

	"schedule-server/pkg/job"
)

// How long a call waits for the queue, at most. The reconciler of a beat
// finishes what was not done by then.
const (
	enqueueWait = 2 * time.Second
	cancelWait  = 3 * time.Second
)

// Pause stops a job's schedule, until a moment in the future if one is given.
// Pausing a paused job changes until and reason. A completed job is a conflict.
func (s *Service) Pause(ctx context.Context, id string, until *job.Instant, reason string) (*job.Job, error) {
	if err := checkReason("reason", reason); err != nil {
		return nil, err
	}
	_, after, err := s.change(ctx, id, func(old *job.Job, now job.Instant) (*job.Job, error) {
		if err := checkUntil("until", until, now); err != nil {
			return nil, err
		}
		if old.Status == job.StatusCompleted {
			return nil, completed()
		}
		j := *old
		j.Pause(until, reason)
		j.UpdatedAt = now
		return &j, nil
	})
	return after, err
}

// Resume follows a paused job's schedule again from now on: what fell due in
// the pause is not made up for. An active job is left as it is; a completed one is a conflict.
func (s *Service) Resume(ctx context.Context, id string) (*job.Job, error) {
	return s.resume(ctx, id, func(_ *job.Job, now job.Instant) job.Instant { return now })
}

// CatchUp does the same from the first occurrence that the pause held back: beat
// judges what fell due since then by the job's misfire and coalesce policies.
func (s *Service) CatchUp(ctx context.Context, id string) (*job.Job, error) {
	return s.resume(ctx, id, func(j *job.Job, now job.Instant) job.Instant {
		if j.PausedFrom == nil {
			return now
		}
		return min(*j.PausedFrom-1, now)
	})
}

// resume plans a paused job's first occurrence after the moment that from gives.
func (s *Service) resume(ctx context.Context, id string, from func(*job.Job, job.Instant) job.Instant) (*job.Job, error) {
	_, after, err := s.change(ctx, id, func(old *job.Job, now job.Instant) (*job.Job, error) {
		switch old.Status {
		case job.StatusActive:
			return nil, nil
		case job.StatusCompleted:
			return nil, completed()
		}
		schedule, err := old.Compile(s.parser)
		if err != nil {
			return nil, err
		}
		j := *old
		j.Resume(schedule, from(old, now))
		j.UpdatedAt = now
		return &j, nil
	})
	return after, err
}

func completed() error {
	return job.Errorf(job.CodeConflict, "the job is completed: its schedule has no further occurrence")
}

// Delete removes a job. Its runs that have not started are canceled, now or, if
// the queue does not answer, by the reconciler; the history stays readable.
func (s *Service) Delete(ctx context.Context, id string, ifVersion int64) error {
	open, err := s.store.DeleteJob(ctx, id, max(ifVersion, AnyVersion), s.now())
	if err != nil {
		return err
	}
	s.waker.call()
	s.announce(job.DeletionOf(id))
	s.cancelOpen(ctx, open, false)
	return nil
}

// cancelOpen cancels what waits of deleted jobs, now or, if the queue does not answer, by the reconciler.
func (s *Service) cancelOpen(ctx context.Context, open []job.Run, counted bool) {
	if len(open) == 0 {
		return
	}
	s.bounded(ctx, s.cancelWait, func(ctx context.Context) {
		if err := s.cancel(ctx, open, counted); err != nil {
			s.logger.Warn("runs not canceled yet", "job_id", open[0].JobID, "runs", len(open), "error", err)
		}
	})
}

// cancel ends the marked runs that have not started. What a worker reported
// before it saw the mark is recorded first, so that a call that was made is
// never accounted as canceled.
func (s *Service) cancel(ctx context.Context, runs []job.Run, counted bool) error {
	if err := s.queue.Cancel(ctx, runs); err != nil {
		return err
	}
	if err := s.queue.Settle(ctx); err != nil {
		return err
	}
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	done, err := s.store.CancelMarked(ctx, ids, s.now())
	s.announceRuns(done.Changed, counted)
	return err
}

// bounded runs a piece of work and waits for it no longer than the limit, even
// where its neighbours do not heed their context. It outlives the call's own end.
func (s *Service) bounded(ctx context.Context, limit time.Duration, work func(context.Context)) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), limit)
	done := make(chan struct{})
	s.behind.Go(func() {
		defer stop()
		defer close(done)
		work(ctx)
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
}
