package beat

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/job"
)

// transport is the world's queue as the reconciler sees it.
type transport struct {
	*world
	known       map[string]bool // the tasks that the queue knows
	archived    map[string]bool // those that it gave up
	settled     func()          // what is recorded while Settle waits
	marked      []string        // the runs that must not be called any more
	interrupted []string        // the runs whose calls are to be cut off
}

func (tr *transport) Missing(_ context.Context, tasks []job.Task) (missing, archived []job.Task, err error) {
	for _, task := range tasks {
		switch {
		case tr.archived[task.RunID]:
			archived = append(archived, task)
		case !tr.known[task.RunID]:
			missing = append(missing, task)
		}
	}
	return missing, archived, nil
}

func (tr *transport) Cancel(_ context.Context, runs []job.Run) error {
	for _, run := range runs {
		tr.marked = append(tr.marked, run.ID)
	}
	return nil
}

func (tr *transport) Interrupt(_ context.Context, ids []string) error {
	tr.interrupted = append(tr.interrupted, ids...)
	return nil
}

func (tr *transport) Settle(ctx context.Context) error {
	if tr.settled != nil {
		tr.settled()
	}
	return ctx.Err()
}

// reconcile fires one run of the job "a", forgets that it was enqueued, and runs the reconciler for ten seconds.
func reconcile(t *testing.T, prepare func(tr *transport, run string)) (*transport, []job.Run) {
	t.Helper()
	tr := newLost(t)
	prepare(tr, tr.accounts("a")[0].ID)

	b, err := New(tr.store, tr, tr, Options{Now: tr.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.NewReconciler(tr.store, tr.store, tr.store, tr).Run(ctx); err != nil {
		t.Error(err)
	}
	return tr, tr.accounts("a")
}

// newLost fires one run of the job "a" and forgets that it was enqueued.
func newLost(t *testing.T) *transport {
	t.Helper()
	w := newWorld(t)
	tr := &transport{world: w, known: map[string]bool{}, archived: map[string]bool{}}
	w.register("a", `{"type":"interval","every":"1h"}`, ``)
	stop := w.beat()
	time.Sleep(time.Hour + time.Millisecond)
	stop()
	first := w.deliveries()
	if len(first) != 1 {
		t.Fatalf("%d runs were enqueued", len(first))
	}
	w.delivered = nil
	return tr
}

func TestReconcilerDeliversWhatTheQueueLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, runs := reconcile(t, func(*transport, string) {})
		if d := tr.deliveries(); len(d) == 0 || d[0].task.RunID != runs[0].ID || d[0].task.Request.URL != "http://example.com/" {
			t.Errorf("delivered %+v", d)
		}
		if runs[0].State != job.StateQueued {
			t.Errorf("the run is %s", runs[0].State)
		}
	})
}

func TestReconcilerLeavesWhatTheQueueKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := reconcile(t, func(tr *transport, run string) { tr.known[run] = true })
		if d := tr.deliveries(); len(d) != 0 {
			t.Errorf("delivered %+v", d)
		}
	})
}

// The queue forgot the task because it is done: its result is recorded while the reconciler waits.
func TestReconcilerLeavesWhatEndsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, runs := reconcile(t, func(tr *transport, run string) {
			tr.settled = func() {
				event := job.Event{RunID: run, At: tr.now(), State: job.StateSucceeded, Reason: job.ReasonOK}
				if _, err := tr.store.Record(t.Context(), []job.Event{event}); err != nil {
					t.Error(err)
				}
			}
		})
		if d := tr.deliveries(); len(d) != 0 || runs[0].State != job.StateSucceeded {
			t.Errorf("delivered %+v, the run is %s", d, runs[0].State)
		}
	})
}

func TestReconcilerEndsWhatTheQueueGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, runs := reconcile(t, func(tr *transport, run string) { tr.archived[run] = true })
		if runs[0].State != job.StateFailed || runs[0].Reason != job.ReasonWorkerLost || len(tr.deliveries()) != 0 {
			t.Errorf("the run is %s %s", runs[0].State, runs[0].Reason)
		}
	})
}

// The last worker died between its report and the end of its task, which the queue then gave up.
func TestReconcilerGivesUpNothingThatWasReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, runs := reconcile(t, func(tr *transport, run string) {
			tr.archived[run] = true
			tr.settled = func() {
				event := job.Event{RunID: run, At: tr.now(), State: job.StateSucceeded, Reason: job.ReasonOK}
				if _, err := tr.store.Record(t.Context(), []job.Event{event}); err != nil {
					t.Error(err)
				}
			}
		})
		if runs[0].State != job.StateSucceeded {
			t.Errorf("the run is %s %s", runs[0].State, runs[0].Reason)
		}
	})
}

// What was asked longer ago than the queue remembers tells nothing any more.
func TestReconcilerDeliversNothingByOldNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newLost(t)
		b, err := New(tr.store, tr, tr, Options{Now: tr.now})
		if err != nil {
			t.Fatal(err)
		}
		tr.settled = func() { time.Sleep(enqueueWithin + time.Second) } // by the fake clock
		ctx, cancel := context.WithTimeout(t.Context(), enqueueWithin+2*time.Second)
		defer cancel()
		if err := b.NewReconciler(tr.store, tr.store, tr.store, tr).Run(ctx); err != nil {
			t.Error(err)
		}
		if d := tr.deliveries(); len(d) != 0 {
			t.Errorf("delivered %+v", d)
		}
	})
}

// The API died between deleting a job and canceling its queued run.
func TestReconcilerFinishesCancellations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, runs := reconcile(t, func(tr *transport, run string) {
			tr.known[run] = true
			if _, err := tr.store.DeleteJob(t.Context(), "a", 0, tr.now()); err != nil {
				t.Fatal(err)
			}
		})
		if runs[0].State != job.StateCanceled || runs[0].Reason != job.ReasonJobDeleted {
			t.Errorf("the run is %s %s", runs[0].State, runs[0].Reason)
		}
		if len(tr.marked) == 0 || tr.marked[0] != runs[0].ID {
			t.Errorf("marked %v: a worker could still call it", tr.marked)
		}
	})
}
