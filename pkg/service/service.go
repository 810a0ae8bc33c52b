// Package service owns what can be done with jobs, runs and secrets, whoever asks: the HTTP API, the original's API or
// the command line. It checks, plans, writes, and tells beat, the pages and the queue what changed.
//
// It knows no HTTP, no SQL and no Redis: the store and the queue are behind interfaces that it declares.
//
// Read Service in service.go first, then jobs.go (make, change, pause and delete a job), runs.go (start, retry, cancel
// and complete a run), bulk.go and import.go (many jobs at once), timeline.go and stats.go (counts for the page).
package service

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/publish"
	"schedule-server/pkg/trigger"
)

// Store keeps jobs, runs and secrets. A method that finds no such job answers
// job.CodeNotFound, one that cannot reach the database job.CodeUnavailable.
type Store interface {
	SecretStore
	RunStore
	OverviewStore
	CalendarStore
	NotifyStore
	// CreateJob inserts a job; job.CodeConflict when its id exists.
	CreateJob(ctx context.Context, j *job.Job) error
	// ChangeJob replaces a job by what change makes of it, with the job locked, as it stands at the moment that is
	// read then and handed on. Old is nil when there is none; a result of nil writes nothing. It may call change more
	// than once. What was due of the job, and not yet claimed, is accounted for when the change drops it.
	ChangeJob(ctx context.Context, id string, clock func() job.Instant, change job.Change) (before, after *job.Job, err error)
	// GetJob reads a job.
	GetJob(ctx context.Context, id string) (*job.Job, error)
	// ListJobs reads a page of jobs.
	ListJobs(ctx context.Context, q job.JobQuery) (job.JobPage, error)
	// DeleteJob deletes a job (of that version, unless it is 0), marks its open runs as to be canceled and answers them.
	DeleteJob(ctx context.Context, id string, ifVersion int64, now job.Instant) ([]job.Run, error)
	// CancelMarked cancels those of the runs that are so marked and have not started.
	CancelMarked(ctx context.Context, runIDs []string, now job.Instant) (job.Recorded, error)
	// StartRuns inserts the runs that decide makes, with the job locked, and answers the tasks of those that are queued.
	StartRuns(ctx context.Context, jobID string, decide func(due *job.Due) ([]job.Run, error)) ([]job.Task, error)
	BulkStore
}

// BulkStore changes many jobs at once.
type BulkStore interface {
	// MatchJobs reads the ids of jobs that match, in their order, after a given one.
	MatchJobs(ctx context.Context, q job.JobQuery, after string, limit int) ([]string, error)
	// PickJobs reads what EditJobs would hand to decide, as of a moment, and locks nothing.
	PickJobs(ctx context.Context, pick job.Pick, now job.Instant) ([]job.Job, error)
	// EditJobs writes what decide makes of jobs, with all of them locked, in one transaction, and answers the open runs
	// of those it deletes. It may call decide more than once.
	EditJobs(ctx context.Context, pick job.Pick, clock func() job.Instant,
		decide func(old []job.Job, now job.Instant) ([]job.Edit, error)) ([]job.Run, error)
	// StartEach does what StartRuns does for each job; failed has the errors of those that started nothing, by id.
	StartEach(ctx context.Context, ids []string, decide func(due *job.Due) ([]job.Run, error)) (tasks []job.Task, failed map[string]error, err error)
}

// RunStore reads the accounts of runs and ends open runs.
type RunStore interface {
	// GetRun reads a run; job.CodeNotFound when there is none.
	GetRun(ctx context.Context, id string) (*job.Run, error)
	// ListRuns reads a page of runs, newest first.
	ListRuns(ctx context.Context, q job.RunQuery) (job.RunPage, error)
	// MarkCanceled marks an open run as to be canceled by hand; job.CodeConflict when it has ended.
	MarkCanceled(ctx context.Context, id string, now job.Instant) (job.Run, error)
	// EndRun ends an open run; job.CodeConflict when it has ended.
	EndRun(ctx context.Context, event *job.Event) (job.Recorded, error)
}

// Queue carries tasks to the workers and news to beat.
type Queue interface {
	publish.Queue
	Trials
	// Wake tells every beat that some job changed.
	Wake(ctx context.Context) error
}

// Conditions on the version of a job, where a call takes one.
const (
	// AnyVersion sets no condition.
	AnyVersion int64 = 0
	// SomeVersion wants the job to exist.
	SomeVersion int64 = -1
	// NoVersion wants the job not to exist.
	NoVersion int64 = -2
)

// Options are what a Service needs beside its neighbours.
type Options struct {
	// Parser reads schedules. Nil: one of its own.
	Parser *trigger.Parser
	// Keys seal secrets. Nil: none can be written.
	Keys *job.Keyring
	// Now is the clock. Required.
	Now func() job.Instant
	// CancelWait is how long a call waits until runs are canceled. Zero: 3s.
	CancelWait time.Duration
	// Fleet tells what Redis knows of queues and workers. Nil: statistics are without it.
	Fleet Fleet
	// Logger takes what goes wrong behind an answer. Nil: nothing is logged.
	Logger *slog.Logger
	// Announce takes the news of what changed, and must not block. Nil: nobody is told.
	Announce func(changes ...job.News)
	// Recorded takes the end of a run that its target completed, for the log, and must not block. Nil: nobody is told.
	Recorded func(done *job.Recorded)
}

// Service is what every face of the API does to jobs. It knows no HTTP. Its
// errors are *job.Error.
type Service struct {
	store  Store
	queue  Queue
	parser *trigger.Parser
	keys   *job.Keyring
	now    func() job.Instant
	logger *slog.Logger
	waker  *waker
	// planner counts future occurrences.
	planner   *planner
	stats     *statsReader
	publisher *publish.Publisher
	// behind are the calls that go on after their answer was given.
	behind sync.WaitGroup
	// cancelWait is how long a call waits until runs are canceled.
	cancelWait time.Duration
}

// New joins a store and a queue.
func New(store Store, queue Queue, o Options) *Service {
	if o.Parser == nil {
		o.Parser = new(trigger.Parser)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{store: store, queue: queue, parser: o.Parser, keys: o.Keys, now: o.Now, logger: o.Logger,
		publisher: publish.New(queue, o.Announce, o.Recorded), cancelWait: cmp.Or(o.CancelWait, cancelWait)}
	s.planner, s.stats = newPlanner(store, o.Parser, o.Now), newStatsReader(store, o.Fleet, o.Now)
	s.waker = &waker{wake: queue.Wake, logger: o.Logger, behind: &s.behind}
	return s
}

// Wait blocks until what earlier calls left under way has ended, or the context has.
func (s *Service) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.behind.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Get reads one job.
func (s *Service) Get(ctx context.Context, id string) (*job.Job, error) {
	return s.store.GetJob(ctx, id)
}

// List reads one page of jobs.
func (s *Service) List(ctx context.Context, q job.JobQuery) (job.JobPage, error) {
	return s.store.ListJobs(ctx, q)
}

// GetRun reads the account of one run.
func (s *Service) GetRun(ctx context.Context, id string) (*job.Run, error) {
	return s.store.GetRun(ctx, id)
}

// ListRuns reads one page of runs, newest first.
func (s *Service) ListRuns(ctx context.Context, q job.RunQuery) (job.RunPage, error) {
	return s.store.ListRuns(ctx, q)
}

// Create makes a job; job.CodeConflict when its id exists.
func (s *Service) Create(ctx context.Context, in *job.Input) (*job.Job, error) {
	j, err := s.revise(nil, in, s.now())
	if err != nil {
		return nil, err
	}
	if err := s.store.CreateJob(ctx, j); err != nil {
		return nil, err
	}
	s.changed(j)
	return j, nil
}

// Replace puts a definition in the place of a job, or creates the job. A paused
// job stays paused unless the input gives a status.
func (s *Service) Replace(ctx context.Context, in *job.Input, ifVersion int64) (j *job.Job, created bool, err error) {
	before, after, err := s.store.ChangeJob(ctx, in.ID, s.now, func(old *job.Job, now job.Instant) (*job.Job, error) {
		if err := checkVersion(old, ifVersion); err != nil {
			return nil, err
		}
		return s.revise(old, in, now)
	})
	if err != nil {
		return nil, false, err
	}
	s.changed(after)
	return after, before == nil, nil
}

// change rewrites a job that must exist. A result of nil leaves it as it was.
func (s *Service) change(ctx context.Context, id string, change job.Change) (before, after *job.Job, err error) {
	before, after, err = s.store.ChangeJob(ctx, id, s.now, func(old *job.Job, now job.Instant) (*job.Job, error) {
		if old == nil {
			return nil, job.NotFound("job", id)
		}
		if old.Unreadable {
			return nil, job.Unreadable(id)
		}
		return change(old, now)
	})
	if err != nil {
		return nil, nil, err
	}
	if after == nil {
		return before, before, nil
	}
	s.changed(after)
	return before, after, nil
}

// changed tells beat and the pages of a job that was written.
func (s *Service) changed(j *job.Job) {
	s.waker.call()
	s.publisher.Announce(j.News())
}

// checkVersion compares a job, nil for none, with the condition of a call.
func checkVersion(old *job.Job, ifVersion int64) error {
	switch {
	case ifVersion == AnyVersion, ifVersion == NoVersion && old == nil:
		return nil
	case old == nil:
		return job.Errorf(job.CodePreconditionFailed, "the job does not exist")
	case ifVersion == NoVersion:
		return job.Errorf(job.CodePreconditionFailed, "the job exists already, at version %d", old.Version)
	case ifVersion != SomeVersion && ifVersion != old.Version:
		return job.Errorf(job.CodePreconditionFailed, "the job is at version %d", old.Version)
	}
	return nil
}

// wakeWait bounds one attempt to wake beat. Beat looks by itself every second.
const wakeWait = time.Second

// waker tells beat of changes without holding up who made them: one call at a
// time is under way, and what changes meanwhile is told by one more.
type waker struct {
	wake   func(context.Context) error
	logger *slog.Logger
	behind *sync.WaitGroup

	mu      sync.Mutex
	running bool
	again   bool
	down    bool // the last attempt failed; one line is logged per outage
}

// call asks for a wake-up and returns at once.
func (w *waker) call() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		w.again = true
		return
	}
	w.running = true
	w.behind.Go(w.loop)
}

func (w *waker) loop() {
	for {
		ctx, stop := context.WithTimeout(context.Background(), wakeWait)
		err := w.wake(ctx)
		stop()
		if w.done(err) {
			return
		}
	}
}

// done takes the outcome of an attempt and reports whether it was the last.
func (w *waker) done(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.down {
		w.logger.Warn("beat not woken", "error", err)
	}
	w.down = err != nil
	again := w.again
	w.again = false
	w.running = again
	return !again
}
