package beat

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/job"
)

// transport is the world's queue as the reconciler sees it.
type transport struct {
	*world
	remains     map[string]job.Remains // what is left of the tasks; nothing of most
	hands       map[string]bool        // the runs that workers have in their hands
	findErr     error
	looking     func()   // what changes right before a look
	settled     func()   // what is recorded while Settle waits
	marked      []string // the runs that must not be called any more
	interrupted []string // the runs whose calls are to be cut off
	discarded   []string // the runs whose tasks were removed
	looks       int
}

func (tr *transport) Find(_ context.Context, runs []job.OpenRun, _ bool) ([]job.Remains, error) {
	if tr.looking != nil {
		tr.looking()
	}
	found := make([]job.Remains, len(runs))
	for i := range runs {
		found[i] = tr.remains[runs[i].ID]
	}
	if len(runs) > 0 {
		tr.looks++
	}
	return found, tr.findErr
}

func (tr *transport) InHand(context.Context, []string) (map[string]bool, error) { return tr.hands, nil }

func (tr *transport) Redeliver(ctx context.Context, tasks []job.Task, marks []string) ([]string, error) {
	ids := tr.unchanged(tasks, marks)
	for _, task := range tasks {
		if slices.Contains(ids, task.RunID) {
			tr.remains[task.RunID] = job.Remains{Whereabouts: job.TaskWaits}
			if err := tr.Enqueue(ctx, []job.Task{task}); err != nil {
				return nil, err
			}
		}
	}
	return ids, nil
}

func (tr *transport) Discard(_ context.Context, tasks []job.Task, marks []string) ([]string, error) {
	ids := tr.unchanged(tasks, marks)
	tr.discarded = append(tr.discarded, ids...)
	return ids, nil
}

func (tr *transport) unchanged(tasks []job.Task, marks []string) (ids []string) {
	for i, task := range tasks {
		if tr.remains[task.RunID].Mark == marks[i] {
			ids = append(ids, task.RunID)
		}
	}
	return ids
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
	tr.reconcileFor(10 * time.Second)
	return tr, tr.accounts("a")
}

// reconcileFor runs a reconciler for so long.
func (tr *transport) reconcileFor(d time.Duration) {
	tr.t.Helper()
	b, err := New(tr.store, tr, tr, Options{Now: tr.now, Log: tr.world})
	if err != nil {
		tr.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tr.t.Context(), d)
	defer cancel()
	if err := b.NewReconciler(tr.store, tr.store, tr.store, tr).Run(ctx); err != nil {
		tr.t.Error(err)
	}
}

// newLost fires one run of the job "a" and forgets that it was enqueued.
func newLost(t *testing.T) *transport {
	t.Helper()
	w := newWorld(t)
	tr := &transport{world: w, remains: map[string]job.Remains{}}
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
		tr, _ := reconcile(t, func(tr *transport, run string) { tr.remains[run] = job.Remains{Whereabouts: job.TaskWaits} })
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
		tr, runs := reconcile(t, func(tr *transport, run string) { tr.remains[run] = job.Remains{Whereabouts: job.TaskGivenUp} })
		if runs[0].State != job.StateFailed || runs[0].Reason != job.ReasonWorkerLost || len(tr.deliveries()) != 0 {
			t.Errorf("the run is %s %s", runs[0].State, runs[0].Reason)
		}
		if told := tr.told(job.StateFailed); told != 1 {
			t.Errorf("the log was told of %d failed runs", told)
		}
	})
}

// A target that asked for time and never reported is told of in the log like any other failure.
func TestReconcilerEndsWhatItsTargetDidNotComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, runs := reconcile(t, func(tr *transport, run string) {
			until := tr.now().Add(time.Second)
			parked := job.Event{RunID: run, At: tr.now(), State: job.StateRunning, N: 1,
				Attempt: &job.Attempt{N: 1, StartedAt: tr.now(), Reason: job.ReasonOK, WaitUntil: &until}}
			if _, err := tr.store.Record(t.Context(), []job.Event{parked}); err != nil {
				t.Fatal(err)
			}
		})
		if runs[0].Reason != job.ReasonCompletionTimeout || tr.told(job.StateFailed) != 1 {
			t.Errorf("the run is %s %s, the log was told of %d", runs[0].State, runs[0].Reason, tr.told(job.StateFailed))
		}
	})
}

// The last worker died between its report and the end of its task, which the queue then gave up.
func TestReconcilerGivesUpNothingThatWasReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, runs := reconcile(t, func(tr *transport, run string) {
			tr.remains[run] = job.Remains{Whereabouts: job.TaskGivenUp}
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
			tr.remains[run] = job.Remains{Whereabouts: job.TaskWaits}
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
