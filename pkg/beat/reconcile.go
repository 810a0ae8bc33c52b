package beat

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/publish"
)

// History is what the database says of open runs.
type History interface {
	// StaleRuns reads open runs that nothing changed since the moment, after one that it read before; the zero OpenRun: from the beginning.
	StaleRuns(ctx context.Context, untouchedSince job.Instant, after job.OpenRun, limit int) ([]job.OpenRun, error)
	// OverdueRuns reads open runs of which news must have been recorded by now, in the same way.
	OverdueRuns(ctx context.Context, now job.Instant, after job.OpenRun, limit int) ([]job.OpenRun, error)
	// LostRuns are those of the runs of which there is no news since they were read, as they are to be delivered anew.
	LostRuns(ctx context.Context, runs []job.OpenRun) ([]job.LostRun, error)
	// NoteRedelivered counts that runs were delivered anew, NoteWaiting gives runs that wait in the queue more time.
	NoteRedelivered(ctx context.Context, ids []string, now job.Instant) error
	NoteWaiting(ctx context.Context, ids []string, now job.Instant) error
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
	publish.Queue
	// Find tells what the queue holds of each of the runs. Unless it is to be thorough, a glance suffices for those that wait.
	Find(ctx context.Context, runs []job.OpenRun, thorough bool) ([]job.Remains, error)
	// InHand tells which of the runs workers that live say they have in their hands.
	InHand(ctx context.Context, ids []string) (map[string]bool, error)
	// Redeliver makes tasks anew, Discard removes what is left of them; both leave alone what changed since
	// it was marked, and tell of which runs it did not.
	Redeliver(ctx context.Context, tasks []job.Task, marks []string) ([]string, error)
	Discard(ctx context.Context, tasks []job.Task, marks []string) ([]string, error)
}

// defaultReconcile is how often open runs are compared with the queue, and how
// long a run may be open without news before it is.
const defaultReconcile = 3 * time.Second

// Reconciler delivers open runs that the queue lost, cancels runs that a claim
// or a deletion wants canceled, and frees runs that wait. Make it with NewReconciler.
type Reconciler struct {
	history       History
	waiting       Waiting
	cancellations Cancellations
	transport     Transport
	now           func() job.Instant
	checkClock    func(context.Context) error
	logger        *slog.Logger
	metrics       *metrics
	chunk         int
	publisher     *publish.Publisher
	cancels       <-chan struct{}
	every         time.Duration
	// suspects are those of this round and, before that, of the last one.
	suspects, before suspects
}

// NewReconciler makes the reconciler that goes with a beat.
func (b *Beat) NewReconciler(history History, waiting Waiting, cancellations Cancellations, transport Transport) *Reconciler {
	return &Reconciler{
		history: history, waiting: waiting, cancellations: cancellations, transport: transport,
		now: b.now, checkClock: b.signals.CheckClock, logger: b.logger, metrics: b.metrics, chunk: b.chunk, cancels: b.cancels, every: b.reconcile,
		publisher: publish.New(transport, b.announce, b.runLog.Recorded),
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
		err := r.round(ctx, untouched)
		if ctx.Err() != nil {
			return nil
		}
		if !r.rest(ctx, outage.after(err, r.every)) {
			return nil
		}
		untouched = r.now() - job.Instant(r.every.Milliseconds())
	}
}

// round looks at all open runs once. What was found before counts only if this look at it has succeeded, too.
func (r *Reconciler) round(ctx context.Context, untouched job.Instant) error {
	r.before, r.suspects = r.suspects, suspects{}
	if err := r.checkClock(ctx); err != nil {
		r.suspects = nil
		return err // deadlines would seem to have passed
	}
	err := errors.Join(r.cancelMarked(ctx, true), r.expireWaits(ctx), r.freeWaiting(ctx),
		r.deliverOverdue(ctx), r.deliverStale(ctx, untouched))
	if err != nil {
		r.suspects = nil
	}
	return err
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
			if r.cancelMarked(ctx, false) != nil {
				return true // the next round says what is wrong
			}
		}
	}
}

// expireWaits fails runs whose targets had asked for time, and have not completed them in it.
func (r *Reconciler) expireWaits(ctx context.Context) error {
	done, err := r.waiting.ExpireWaits(ctx, r.now(), r.chunk)
	if err != nil || len(done.Changed) == 0 {
		return err
	}
	r.metrics.recovered.WithLabelValues("expired").Add(float64(len(done.Changed)))
	return r.publisher.Recorded(ctx, &done)
}

// freeWaiting delivers runs that wait for a run that has ended: whoever ended it died before it could.
func (r *Reconciler) freeWaiting(ctx context.Context) error {
	tasks, err := r.waiting.PromoteWaiting(ctx, r.now())
	if err != nil || len(tasks) == 0 {
		return err
	}
	r.metrics.recovered.WithLabelValues("freed").Add(float64(len(tasks)))
	return r.publisher.Enqueue(ctx, tasks)
}
