package beat

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/job"
)

// report records an event of the run, as a recorder does.
func (tr *transport) report(e job.Event) {
	tr.t.Helper()
	e.At, e.Heard = tr.now(), tr.now()
	if _, err := tr.store.Record(tr.t.Context(), []job.Event{e}); err != nil {
		tr.t.Fatal(err)
	}
}

// begin lets a worker begin the run's first call, which may take ten seconds.
func (tr *transport) begin(run string) {
	tr.report(job.Event{RunID: run, State: job.StateRunning, N: 1, Timeout: job.Duration(10 * time.Second)})
}

// lost fires a run and prepares what became of it.
func lost(t *testing.T, test func(tr *transport, run string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := newLost(t)
		test(tr, tr.accounts("a")[0].ID)
	})
}

func (tr *transport) wantDelivered(n int, when string) {
	tr.t.Helper()
	if d := tr.deliveries(); len(d) != n {
		tr.t.Errorf("%s: delivered %d times, want %d", when, len(d), n)
	}
}

// A task that has ended proves nothing once all results are recorded: the database was set back.
func TestAnEndedTaskIsDeliveredAnewAtOnce(t *testing.T) {
	lost(t, func(tr *transport, run string) {
		tr.remains[run] = job.Remains{Whereabouts: job.TaskEnded, Mark: "completed"}
		tr.reconcileFor(time.Millisecond)
		tr.wantDelivered(1, "at once")
	})
}

// What was left of a task may have changed while the results were recorded: another reconciler was faster.
func TestWhatAnotherDeliveredAnewIsLeft(t *testing.T) {
	lost(t, func(tr *transport, run string) {
		tr.settled = func() { tr.remains[run] = job.Remains{Whereabouts: job.TaskTaken, Mark: "taken"} }
		tr.reconcileFor(10 * time.Second)
		tr.wantDelivered(0, "though another was faster")
	})
}

// A worker that calls a run says so, whatever the queue has lost: the run is delivered anew when it is in nobody's hands any more.
func TestARunInAWorkersHandsIsLeft(t *testing.T) {
	lost(t, func(tr *transport, run string) {
		tr.begin(run)
		time.Sleep(4 * time.Second)
		tr.hands = map[string]bool{run: true}
		tr.reconcileFor(10 * time.Second)
		tr.wantDelivered(0, "in a worker's hands")
		tr.hands = nil
		tr.reconcileFor(2 * time.Second)
		tr.wantDelivered(0, "at the first look")
		tr.reconcileFor(4 * time.Second)
		tr.wantDelivered(1, "at the second look")
	})
}

// Past its deadline a run that was taken is lost, whatever the queue says, and has a deadline again.
func TestATakenRunIsLostPastItsDeadline(t *testing.T) {
	lost(t, func(tr *transport, run string) {
		tr.remains[run], tr.hands = job.Remains{Whereabouts: job.TaskTaken, Mark: "taken"}, map[string]bool{run: true}
		tr.begin(run)
		tr.reconcileFor(10*time.Second + job.NewsMargin)
		tr.wantDelivered(0, "before its deadline")
		tr.reconcileFor(20 * time.Second)
		tr.wantDelivered(1, "half a minute after it")
		again := tr.accounts("a")[0].ExpectedBy
		if until := again.Sub(tr.now()); until < job.QueueTime-20*time.Second {
			t.Errorf("its next deadline is in %v", until)
		}
		if made := tr.deliveries()[0].task.Made; len(made) != 0 {
			t.Errorf("attempts that are not known to have ended: %v", made)
		}
	})
}

// A worker that reports after all, because Redis is back say, is heard: the looks begin anew with each failure and each change.
func TestTheLooksAtAnOverdueRunBeginAnew(t *testing.T) {
	lost(t, func(tr *transport, run string) {
		tr.begin(run)
		tr.remains[run] = job.Remains{Whereabouts: job.TaskTaken, Mark: "taken"}
		time.Sleep(time.Minute)
		begin := time.Now()
		tr.looking = func() {
			second := time.Since(begin) / time.Second
			tr.findErr = nil
			if 7 <= second && second < 14 {
				tr.findErr = errors.New("away")
			}
			if second >= 21 {
				tr.remains[run] = job.Remains{Whereabouts: job.TaskTaken, Mark: "taken by another"}
			}
		}
		tr.reconcileFor(30 * time.Second)
		tr.wantDelivered(0, "while it changes")
		tr.reconcileFor(10 * time.Second)
		tr.wantDelivered(1, "at the fourth look at the same")
	})
}

// A long queue is no loss: a run that stands in it gets more time.
func TestARunThatWaitsInTheQueueIsNeverLost(t *testing.T) {
	lost(t, func(tr *transport, run string) {
		tr.remains[run] = job.Remains{Whereabouts: job.TaskWaits}
		tr.reconcileFor(3 * time.Hour)
		tr.wantDelivered(0, "in the queue")
		if by := tr.accounts("a")[0].ExpectedBy; !by.Time().After(time.Now()) || by.Sub(tr.now()) > job.MaxQueueTime {
			t.Errorf("at %v news is expected by %v", tr.now(), by)
		}
		tr.remains[run] = job.Remains{}
		tr.reconcileFor(time.Second)
		tr.wantDelivered(1, "out of the queue")
	})
}

// A run of which nothing is heard however often it is delivered ends, and with it the wait of the next one.
func TestARunIsNotDeliveredForEver(t *testing.T) {
	lost(t, func(tr *transport, run string) {
		queue := job.Run{ID: job.NewID(tr.now()), Trigger: job.TriggerManual, State: job.StateWaiting, ScheduledAt: tr.now(), Queue: job.QueueDefault}
		if _, err := tr.store.StartRuns(tr.t.Context(), "a", func(*job.Due) ([]job.Run, error) { return []job.Run{queue}, nil }); err != nil {
			t.Fatal(err)
		}
		for range job.MaxRedeliveries + 2 {
			tr.remains = map[string]job.Remains{}
			tr.reconcileFor(time.Second)
		}
		runs := tr.accounts("a")
		if runs[0].State != job.StateFailed || runs[0].Reason != job.ReasonLost || runs[1].State != job.StateQueued {
			t.Errorf("the runs are %s %s and %s", runs[0].State, runs[0].Reason, runs[1].State)
		}
		if len(tr.discarded) != 1 || tr.discarded[0] != run {
			t.Errorf("what is left is removed of %v", tr.discarded)
		}
		n := 0
		for _, d := range tr.deliveries() {
			if d.task.RunID == run {
				n++
			}
		}
		if n != job.MaxRedeliveries {
			t.Errorf("it was delivered anew %d times", n)
		}
	})
}

// A run that is to be canceled and that no worker will ever report ends as well.
func TestACanceledCallThatVanishedEnds(t *testing.T) {
	for name, remains := range map[string]job.Remains{
		"lost":                 {},
		"given up":             {Whereabouts: job.TaskGivenUp},
		"taken and never told": {Whereabouts: job.TaskTaken, Mark: "taken"},
	} {
		t.Run(name, func(t *testing.T) {
			lost(t, func(tr *transport, run string) {
				tr.remains[run] = remains
				tr.begin(run)
				if _, err := tr.store.DeleteJob(tr.t.Context(), "a", 0, tr.now()); err != nil {
					t.Fatal(err)
				}
				tr.reconcileFor(2 * time.Second)
				if state := tr.accounts("a")[0].State; remains.Whereabouts != job.TaskGivenUp && state != job.StateRunning {
					t.Errorf("at the first look it is %s", state)
				}
				tr.reconcileFor(10*time.Second + job.NewsMargin + 30*time.Second)
				if r := tr.accounts("a")[0]; r.State != job.StateCanceled || r.Reason != job.ReasonJobDeleted {
					t.Errorf("it is %s %s", r.State, r.Reason)
				}
			})
		})
	}
}
