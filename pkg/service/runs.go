package service

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

// CompleteRun ends an open run in the name of its target, to which its nth attempt
// gave the permission. That of any attempt will do: all carry the same
// Idempotency-Key, and a target that recognizes the second works on for the first.
func (s *Service) CompleteRun(ctx context.Context, id string, n int, state job.State, message string) (*job.Run, error) {
	event := job.Event{RunID: id, At: s.now(), State: state, N: n, Message: message}
	switch state {
	case job.StateSucceeded:
		event.Reason = job.ReasonOK
	case job.StateFailed:
		event.Reason = job.ReasonCompletionFailed
	default:
		return nil, job.FieldErrorf("state", "invalid", "state is succeeded or failed")
	}
	if utf8.RuneCountInString(message) > job.MaxMessageRunes || strings.ContainsRune(message, 0) {
		return nil, job.FieldErrorf("message", "invalid", "a message is at most %d characters, without NUL", job.MaxMessageRunes)
	}
	done, err := s.store.EndRun(ctx, &event)
	if err != nil {
		return nil, err
	}
	s.publisher.Notify(&done)
	s.bounded(ctx, s.cancelWait, func(ctx context.Context) {
		// An attempt that is still to come, because the answer to the last one was lost, is not made.
		if err := s.queue.Cancel(ctx, done.Changed); err != nil {
			s.logger.Warn("a completed run may be called once more", "run_id", id, "error", err)
		}
		if err := s.publisher.Enqueue(ctx, done.Tasks); err != nil {
			s.logger.Warn("runs not enqueued yet", "runs", len(done.Tasks), "error", err)
		}
	})
	return s.store.GetRun(ctx, id)
}

// CancelRun cancels an open run. One whose call is under way is cut off by its
// worker: it is answered as it stands, and ends a moment later. What the queue
// does not do in time the reconciler of a beat finishes. A run that has ended is a conflict.
func (s *Service) CancelRun(ctx context.Context, id string) (*job.Run, error) {
	run, err := s.store.MarkCanceled(ctx, id, s.now())
	if err != nil {
		return nil, err
	}
	s.cancelOpen(ctx, []job.Run{run})
	return s.store.GetRun(ctx, id)
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
	s.publisher.Announce(run.News())
	s.deliver(ctx, tasks)
	return &run, nil
}

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
	s.publisher.Announce(run.News())
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
		return 0, job.FieldErrorf("start", "invalid", "start is before 1970")
	case end < start:
		return 0, job.FieldErrorf("end", "invalid", "end is before start")
	case end > now:
		return 0, job.FieldErrorf("end", "invalid", "%s is in the future; now is %s", end, now)
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
	s.publisher.Announce(job.NewsOf(runs)...)
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
			return nil, job.FieldErrorf("end", "invalid", "there are more than %d occurrences between start and end", maxBackfill)
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
		if err := s.publisher.Enqueue(ctx, tasks); err != nil {
			s.logger.Warn("runs not enqueued yet", "job_id", tasks[0].JobID, "runs", len(tasks), "error", err)
		}
	})
}

// maxTrial is the longest attempt_timeout of a trial: its caller waits for it.
const maxTrial = 20 * time.Second

// Trials have calls made that are in no history.
type Trials interface {
	// Try has a worker make the task's call once; job.CodeUnavailable when none answers.
	Try(ctx context.Context, task *job.Task) (*job.Trial, error)
}

// Try has a worker make the call that a definition describes: where it runs, and
// by the rules that hold there. Nothing of it is kept. The server's own signature is put to it only if sign says so.
func (s *Service) Try(ctx context.Context, d *job.Definition, sign bool) (*job.Trial, error) {
	now := s.now()
	if err := d.Request.Seal(s.keys, d.ID, nil); err != nil {
		return nil, err
	}
	d.Policy.AttemptTimeout = min(d.Policy.AttemptTimeout, job.Duration(maxTrial))
	task := job.Task{
		RunID: d.ID, JobID: d.ID, ScheduledAt: now, QueuedAt: now, Queue: d.Policy.Queue,
		Request: d.Request, Policy: d.Policy, Sealed: d.Request.Sealed, Unsigned: !sign,
	}
	task.Request.Secrets = d.Request.SecretNames()
	if err := s.store.Complete(ctx, &task); err != nil {
		return nil, err
	}
	return s.queue.Try(ctx, &task)
}
