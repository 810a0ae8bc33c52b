package api

import (
	"context"

	"schedule-server/pkg/job"
)

// maxBackfill is how many occurrences one backfill may hold.
const maxBackfill = 10_000

// Run starts a run by hand, also of a paused or completed job. While a run of
// the job is open it takes force, unless the policy allows two at once or lets one wait.
func (s *Service) Run(ctx context.Context, id string, force bool) (*job.Run, error) {
	var run job.Run
	tasks, err := s.store.StartRuns(ctx, id, func(due *job.Due) ([]job.Run, error) {
		run = manualRun(due, s.now())
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

// admit lets a run by hand wait, or refuses it, where an open run of the job stands in its way.
func admit(run *job.Run, due *job.Due, force bool) error {
	policy := due.Policy.ConcurrencyPolicy
	switch {
	case due.Open == 0 || force || policy == job.ConcurrencyAllow:
	case policy == job.ConcurrencyQueue && due.Waiting == 0:
		run.State, run.QueuedAt = job.StateWaiting, nil
	default:
		return job.Errorf(job.CodeConflict,
			"a run of the job is open and its concurrency_policy is %s; force starts another beside it", policy)
	}
	return nil
}

// manualRun is the account of a run that was asked for now.
func manualRun(due *job.Due, now job.Instant) job.Run {
	request := due.Request
	run := job.Run{
		ID: job.NewID(now), JobID: due.ID, Trigger: job.TriggerManual, State: job.StateQueued,
		ScheduledAt: now, QueuedAt: &now, Attempts: []job.Attempt{}, Request: &request,
		JobVersion: due.Version, Queue: due.Policy.Queue,
	}
	if due.Policy.ConcurrencyPolicy != job.ConcurrencyAllow && due.NextRunAt != nil && *due.NextRunAt > now {
		run.RetryUntil = due.NextRunAt
	}
	return run
}

// Backfill runs the occurrences that the job's schedule, as it is now, has from
// start to end, both included, whether they ran before or not, on the queue low
// and beside each other. It answers how many; a dry run makes none.
func (s *Service) Backfill(ctx context.Context, id string, start, end job.Instant, dryRun bool) (int, error) {
	now := s.now()
	switch {
	case start < 0:
		return 0, fieldError("start", "invalid", "start is before 1970")
	case end < start:
		return 0, fieldError("end", "invalid", "end is before start")
	case end > now:
		return 0, fieldError("end", "invalid", "%s is in the future; now is %s", end, now)
	}
	if dryRun {
		j, err := s.store.GetJob(ctx, id)
		if err != nil {
			return 0, err
		}
		moments, err := s.occurrences(j, start, end)
		return len(moments), err
	}
	var runs []job.Run
	tasks, err := s.store.StartRuns(ctx, id, func(due *job.Due) ([]job.Run, error) {
		moments, err := s.occurrences(&due.Job, start, end)
		runs = backfillRuns(due, moments, now)
		return runs, err
	})
	if err != nil {
		return 0, err
	}
	s.announceRuns(runs, false)
	s.deliver(ctx, tasks)
	return len(runs), nil
}

// occurrences lists the moments of a job's schedule between two others.
func (s *Service) occurrences(j *job.Job, start, end job.Instant) ([]job.Instant, error) {
	schedule, err := j.Compile(s.parser)
	if err != nil {
		return nil, err
	}
	var moments []job.Instant
	for at, ok := schedule.First(start); ok && at <= end; at, ok = schedule.Next(at) {
		if len(moments) == maxBackfill {
			return nil, fieldError("end", "invalid", "there are more than %d occurrences between start and end", maxBackfill)
		}
		moments = append(moments, at)
	}
	return moments, nil
}

// backfillRuns are the accounts of past occurrences. Their ids are not those of
// the occurrences, which may have runs of their own.
func backfillRuns(due *job.Due, moments []job.Instant, now job.Instant) []job.Run {
	runs := make([]job.Run, len(moments))
	for i, at := range moments {
		runs[i] = job.Run{
			ID: job.NewID(at), JobID: due.ID, Trigger: job.TriggerBackfill, State: job.StateQueued,
			ScheduledAt: at, DueSince: &now, QueuedAt: &now, JobVersion: due.Version, Queue: job.QueueLow,
		}
	}
	return runs
}

// deliver hands committed runs to the queue. What it does not take in time the reconciler delivers.
func (s *Service) deliver(ctx context.Context, tasks []job.Task) {
	if len(tasks) == 0 {
		return
	}
	s.bounded(ctx, enqueueWait, func(ctx context.Context) {
		if err := s.queue.Enqueue(ctx, tasks); err != nil {
			s.logger.Warn("runs not enqueued yet", "job_id", tasks[0].JobID, "runs", len(tasks), "error", err)
		}
	})
}
