package beat

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"schedule-server/pkg/job"
)

// History is what the database says of open runs.
type History interface {
	// StaleRuns names open runs that nothing changed since the moment, after one that it named before; the zero Task: from the beginning.
	StaleRuns(ctx context.Context, untouchedSince job.Instant, after job.Task, limit int) ([]job.Task, error)
	// OpenTasks are those of the runs that have not ended, as they are to be delivered.
	OpenTasks(ctx context.Context, ids []string) ([]job.Task, error)
	// Record takes events into the accounts.
	Record(ctx context.Context, events []job.Event) (job.Recorded, error)
}

// Waiting are runs that wait for another run of their job to end, or for their target to complete them.
type Waiting interface {
	// ExpireWaits ends those that their target has not completed in time.
	ExpireWaits(ctx context.Context, now job.Instant, limit int) (job.Recorded, error)
	// PromoteWaiting queues those that wait for nothing any more.
	PromoteWaiting(ctx context.Context, now job.Instant) ([]job.Task, error)
}

// Cancellations are open runs that are to be canceled: their job was deleted, or
// a newer run takes their place.
type Cancellations interface {
	// CancelPending are those runs; their Reason says why.
	CancelPending(ctx context.Context, limit int) ([]job.Run, error)
	// CancelMarked cancels those of the runs that are not being called.
	CancelMarked(ctx context.Context, ids []string, now job.Instant) (job.Recorded, error)
	// CancelVanished cancels those that were being called when every trace of that was lost.
	CancelVanished(ctx context.Context, ids []string, now job.Instant) (job.Recorded, error)
}

// Transport is what the queue says of runs.
type Transport interface {
	Queue
	// Missing are those of the tasks that the queue does not know, and those that it has given up.
	Missing(ctx context.Context, tasks []job.Task) (missing, archived []job.Task, err error)
	// Cancel keeps the runs from being called from now on.
	Cancel(ctx context.Context, runs []job.Run) error
	// Interrupt asks the workers to cut off the calls of the runs.
	Interrupt(ctx context.Context, ids []string) error
	// Settle waits until all results that are under way now have been recorded.
	Settle(ctx context.Context) error
}

const (
	reconcileEvery = 3 * time.Second
	// staleAfter is how long a run may be open without news before the queue is asked for it.
	staleAfter = 3 * time.Second
)

// Reconciler delivers open runs that the queue lost, cancels runs that a claim
// or a deletion wants canceled, and frees runs that wait. Make it with NewReconciler.
type Reconciler struct {
	history       History
	waiting       Waiting
	cancellations Cancellations
	transport     Transport
	now           func() job.Instant
	logger        *slog.Logger
	metrics       *metrics
	chunk         int
	announce      func(changes ...job.News)
	cancels       <-chan struct{}
}

// NewReconciler makes the reconciler that goes with a beat.
func (b *Beat) NewReconciler(history History, waiting Waiting, cancellations Cancellations, transport Transport) *Reconciler {
	return &Reconciler{
		history: history, waiting: waiting, cancellations: cancellations, transport: transport,
		now: b.now, logger: b.logger, metrics: b.metrics, chunk: b.chunk, announce: b.announce, cancels: b.cancels,
	}
}

// Run reconciles at once and then every few seconds until the context ends, and
// cancels what the beat replaces without waiting for that; it never gives up on
// a neighbour that is away. It returns nil.
func (r *Reconciler) Run(ctx context.Context) error {
	outage := newOutage(r.logger, "open runs cannot be compared with the queue")
	// What an earlier process claimed and did not enqueue is not to wait.
	untouched := r.now()
	for {
		err := errors.Join(r.cancelMarked(ctx), r.expireWaits(ctx), r.freeWaiting(ctx), r.deliverLost(ctx, untouched))
		if ctx.Err() != nil {
			return nil
		}
		if !r.rest(ctx, outage.after(err, reconcileEvery)) {
			return nil
		}
		untouched = r.now() - job.Instant(staleAfter.Milliseconds())
	}
}

// rest waits for the next round; runs that are replaced meanwhile are canceled
// at once. It reports whether there is to be one.
func (r *Reconciler) rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-r.cancels:
			if r.cancelMarked(ctx) != nil {
				return true // the next round says what is wrong
			}
		}
	}
}

// deliverLost walks the open runs without news.
func (r *Reconciler) deliverLost(ctx context.Context, untouched job.Instant) error {
	var after job.Task
	for {
		tasks, err := r.history.StaleRuns(ctx, untouched, after, r.chunk)
		if err != nil {
			return err
		}
		if err := r.compare(ctx, tasks); err != nil {
			return err
		}
		if len(tasks) < r.chunk {
			return nil
		}
		after = tasks[len(tasks)-1]
	}
}

// compare enqueues those of the runs that the queue does not know, and ends
// those that it gave up. A run that ended meanwhile has reported so before the
// queue forgot it or gave it up: once the results that are under way now are
// recorded, the database knows.
func (r *Reconciler) compare(ctx context.Context, tasks []job.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, enqueueWithin)
	defer stop()
	missing, archived, err := r.transport.Missing(ctx, tasks)
	if err != nil || len(missing)+len(archived) == 0 {
		return err
	}
	if err := r.transport.Settle(ctx); err != nil {
		return err
	}
	if err := r.giveUp(ctx, archived); err != nil || len(missing) == 0 {
		return err
	}
	ids := make([]string, len(missing))
	for i := range missing {
		ids[i] = missing[i].RunID
	}
	lost, err := r.history.OpenTasks(ctx, ids)
	if err != nil || len(lost) == 0 {
		return err
	}
	r.logger.Warn("delivering runs that the queue does not know", "runs", len(lost), "first_run_id", lost[0].RunID)
	r.metrics.recovered.WithLabelValues("delivered").Add(float64(len(lost)))
	return r.transport.Enqueue(ctx, lost)
}

// giveUp ends runs that the queue has archived because worker after worker died over them.
func (r *Reconciler) giveUp(ctx context.Context, archived []job.Task) error {
	if len(archived) == 0 {
		return nil
	}
	events := make([]job.Event, len(archived))
	for i := range archived {
		events[i] = job.Event{RunID: archived[i].RunID, At: r.now(), State: job.StateFailed, Reason: job.ReasonWorkerLost}
	}
	r.metrics.recovered.WithLabelValues("given_up").Add(float64(len(events)))
	done, err := r.history.Record(ctx, events)
	if err != nil {
		return err
	}
	r.announce(done.News()...)
	return r.transport.Enqueue(ctx, done.Tasks)
}

// expireWaits fails runs whose targets had asked for time, and have not completed them in it.
func (r *Reconciler) expireWaits(ctx context.Context) error {
	done, err := r.waiting.ExpireWaits(ctx, r.now(), r.chunk)
	if err != nil || len(done.Changed) == 0 {
		return err
	}
	r.metrics.recovered.WithLabelValues("expired").Add(float64(len(done.Changed)))
	r.announce(done.News()...)
	return r.transport.Enqueue(ctx, done.Tasks)
}

// freeWaiting delivers runs that wait for a run that has ended: whoever ended it died before it could.
func (r *Reconciler) freeWaiting(ctx context.Context) error {
	tasks, err := r.waiting.PromoteWaiting(ctx, r.now())
	if err != nil || len(tasks) == 0 {
		return err
	}
	r.metrics.recovered.WithLabelValues("freed").Add(float64(len(tasks)))
	return r.transport.Enqueue(ctx, tasks)
}
