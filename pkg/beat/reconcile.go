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
	// StaleRuns are open runs that nothing changed since the moment, after an id, in the order of their ids.
	StaleRuns(ctx context.Context, untouchedSince job.Instant, afterID string, limit int) ([]job.Task, error)
	// StillOpen are those of the runs that have not ended.
	StillOpen(ctx context.Context, ids []string) ([]string, error)
	// Record takes events into the accounts.
	Record(ctx context.Context, events []job.Event) ([]job.Run, error)
}

// Cancellations are runs whose job was deleted before their call began.
type Cancellations interface {
	// CancelPending are open runs that are to be canceled and are not yet.
	CancelPending(ctx context.Context, limit int) ([]job.Run, error)
	// CancelMarked cancels those of the runs that have not started.
	CancelMarked(ctx context.Context, ids []string, now job.Instant) ([]job.Run, error)
}

// Transport is what the queue says of runs.
type Transport interface {
	Queue
	// Missing are those of the tasks that the queue does not know, and those that it has given up.
	Missing(ctx context.Context, tasks []job.Task) (missing, archived []job.Task, err error)
	// Cancel keeps the runs from being called from now on.
	Cancel(ctx context.Context, runs []job.Run) error
	// Settle waits until all results that are under way now have been recorded.
	Settle(ctx context.Context) error
}

const (
	reconcileEvery = 3 * time.Second
	// staleAfter is how long a run may be open without news before the queue is asked for it.
	staleAfter = 3 * time.Second
)

// Reconciler delivers open runs that the queue lost, and finishes cancellations
// that a crash interrupted. Make it with NewReconciler.
type Reconciler struct {
	history       History
	cancellations Cancellations
	transport     Transport
	now           func() job.Instant
	logger        *slog.Logger
	metrics       *metrics
	chunk         int
}

// NewReconciler makes the reconciler that goes with a beat.
func (b *Beat) NewReconciler(history History, cancellations Cancellations, transport Transport) *Reconciler {
	return &Reconciler{
		history: history, cancellations: cancellations, transport: transport,
		now: b.now, logger: b.logger, metrics: b.metrics, chunk: b.chunk,
	}
}

// Run reconciles at once and then every few seconds until the context ends; it
// never gives up on a neighbour that is away. It returns nil.
func (r *Reconciler) Run(ctx context.Context) error {
	outage := newOutage(r.logger, "open runs cannot be compared with the queue")
	// What an earlier process claimed and did not enqueue is not to wait.
	untouched := r.now()
	for {
		err := errors.Join(r.deliverLost(ctx, untouched), r.finishCancellations(ctx))
		if ctx.Err() != nil {
			return nil
		}
		if pause(ctx, outage.after(err, reconcileEvery)) != nil {
			return nil
		}
		untouched = r.now() - job.Instant(staleAfter.Milliseconds())
	}
}

// deliverLost walks the open runs without news.
func (r *Reconciler) deliverLost(ctx context.Context, untouched job.Instant) error {
	after := ""
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
		after = tasks[len(tasks)-1].RunID
	}
}

// compare enqueues those of the runs that the queue does not know. A run that
// ended meanwhile has reported so before the queue forgot it: once the results
// that are under way now are recorded, the database knows.
func (r *Reconciler) compare(ctx context.Context, tasks []job.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	missing, archived, err := r.transport.Missing(ctx, tasks)
	if err != nil {
		return err
	}
	if err := r.giveUp(ctx, archived); err != nil || len(missing) == 0 {
		return err
	}
	if err := r.transport.Settle(ctx); err != nil {
		return err
	}
	ids := make([]string, len(missing))
	for i := range missing {
		ids[i] = missing[i].RunID
	}
	open, err := r.history.StillOpen(ctx, ids)
	if err != nil {
		return err
	}
	lost := pick(missing, open)
	if len(lost) == 0 {
		return nil
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
	_, err := r.history.Record(ctx, events)
	return err
}

// finishCancellations does what a deletion began and could not end.
func (r *Reconciler) finishCancellations(ctx context.Context) error {
	runs, err := r.cancellations.CancelPending(ctx, r.chunk)
	if err != nil || len(runs) == 0 {
		return err
	}
	if err := r.transport.Cancel(ctx, runs); err != nil {
		return err
	}
	if err := r.transport.Settle(ctx); err != nil {
		return err
	}
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	canceled, err := r.cancellations.CancelMarked(ctx, ids, r.now())
	r.metrics.recovered.WithLabelValues("canceled").Add(float64(len(canceled)))
	return err
}

// pick keeps the tasks whose run ids are listed.
func pick(tasks []job.Task, ids []string) []job.Task {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	var picked []job.Task
	for _, task := range tasks {
		if wanted[task.RunID] {
			picked = append(picked, task)
		}
	}
	return picked
}
