// Package publish owns what follows a transaction that recorded or changed runs: the log is told, the pages are told,
// and the runs that were set free are enqueued. It also owns the protocol by which runs are canceled.
//
// Whoever ends a run does so through a Publisher, so that no caller has to remember the order. The database is written
// before; if a process dies in between, the reconciler of a beat does what is left.
package publish

import (
	"context"

	"schedule-server/pkg/job"
)

// Queue carries tasks to the workers.
type Queue interface {
	// Enqueue hands tasks to the workers; one that is there already is left alone.
	Enqueue(ctx context.Context, tasks []job.Task) error
	// Cancel keeps the runs from being called from now on.
	Cancel(ctx context.Context, runs []job.Run) error
	// Interrupt asks the workers to cut off the calls of the runs.
	Interrupt(ctx context.Context, runIDs []string) error
	// Settle waits until all results that are under way now have been recorded.
	Settle(ctx context.Context) error
}

// Publisher tells the rest of the service what a transaction did. Make it with New. It is safe for concurrent use.
type Publisher struct {
	queue    Queue
	announce func(changes ...job.News)
	log      func(done *job.Recorded)
}

// New makes a publisher. announce tells the pages what changed and log tells the log what ended; neither may block,
// and each may be nil.
func New(queue Queue, announce func(changes ...job.News), log func(done *job.Recorded)) *Publisher {
	if announce == nil {
		announce = func(...job.News) {}
	}
	if log == nil {
		log = func(*job.Recorded) {}
	}
	return &Publisher{queue: queue, announce: announce, log: log}
}

// Announce tells the pages what changed. It does not block.
func (p *Publisher) Announce(changes ...job.News) {
	if len(changes) > 0 {
		p.announce(changes...)
	}
}

// Recorded publishes what was recorded. The pages are told before the workers hear of the runs that were set free, and
// report more of them. The error is that of enqueuing these: they are delivered later by the reconciler.
func (p *Publisher) Recorded(ctx context.Context, done *job.Recorded) error {
	p.Notify(done)
	return p.Enqueue(ctx, done.Tasks)
}

// Notify tells the log and the pages what was recorded. It is for a caller that enqueues done.Tasks later.
func (p *Publisher) Notify(done *job.Recorded) {
	p.log(done)
	p.Announce(done.News()...)
}

// Enqueue hands committed runs to the workers.
func (p *Publisher) Enqueue(ctx context.Context, tasks []job.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	return p.queue.Enqueue(ctx, tasks)
}

// Withdraw is the first half of canceling runs that are marked in the database as to be canceled. No worker begins to
// call them any more, and calls under way are cut off, except those of a deleted job, which may finish. It returns
// when all that workers reported before is recorded. Only then can be told which of the runs were never called:
// a call that was made is never accounted as canceled.
//
// If inspect is not nil, it is called just before the wait.
func (p *Publisher) Withdraw(ctx context.Context, runs []job.Run, inspect func() error) error {
	if err := p.queue.Cancel(ctx, runs); err != nil {
		return err
	}
	if ids := toInterrupt(runs); len(ids) > 0 {
		if err := p.queue.Interrupt(ctx, ids); err != nil {
			return err
		}
	}
	if inspect != nil {
		if err := inspect(); err != nil {
			return err
		}
	}
	return p.queue.Settle(ctx)
}

// toInterrupt lists the runs whose call is to be cut off.
func toInterrupt(runs []job.Run) (ids []string) {
	for i := range runs {
		if runs[i].State == job.StateRunning && runs[i].Reason != job.ReasonJobDeleted {
			ids = append(ids, runs[i].ID)
		}
	}
	return ids
}

// Canceler ends marked runs in the database.
type Canceler interface {
	// CancelMarked cancels those of the runs that are so marked and are not being called.
	CancelMarked(ctx context.Context, runIDs []string, now job.Instant) (job.Recorded, error)
}

// Cancel withdraws runs that are marked in the database as to be canceled, ends those that were never called, and
// publishes that. It returns what was recorded. After an error the reconciler of a beat finishes what is left.
func (p *Publisher) Cancel(ctx context.Context, database Canceler, runs []job.Run, now func() job.Instant) (job.Recorded, error) {
	if err := p.Withdraw(ctx, runs, nil); err != nil {
		return job.Recorded{}, err
	}
	done, err := database.CancelMarked(ctx, job.IDsOf(runs), now())
	if err != nil {
		return job.Recorded{}, err
	}
	return done, p.Recorded(ctx, &done)
}
