package publish

import (
	"context"
	"errors"
	"slices"
	"testing"

	"schedule-server/pkg/job"
)

// journal notes in which order its methods are called, and fails at one of them.
type journal struct {
	steps  []string
	failAt string
}

func (j *journal) note(step string) error {
	j.steps = append(j.steps, step)
	if step == j.failAt {
		return errors.New(step + " failed")
	}
	return nil
}

func (j *journal) Enqueue(_ context.Context, tasks []job.Task) error {
	return j.note("enqueue " + tasks[0].RunID)
}
func (j *journal) Cancel(context.Context, []job.Run) error { return j.note("mark") }
func (j *journal) Interrupt(_ context.Context, ids []string) error {
	return j.note("interrupt " + ids[0])
}
func (j *journal) Settle(context.Context) error { return j.note("settle") }

func (j *journal) CancelMarked(_ context.Context, ids []string, now job.Instant) (job.Recorded, error) {
	err := j.note("cancel " + ids[0])
	return job.Recorded{Changed: []job.Run{{ID: ids[0], State: job.StateCanceled, FinishedAt: &now}}, Tasks: []job.Task{{RunID: "next"}}}, err
}

func (j *journal) publisher() *Publisher {
	return New(j, func(...job.News) { _ = j.note("announce") }, func(*job.Recorded) { _ = j.note("log") })
}

func (j *journal) want(t *testing.T, steps ...string) {
	t.Helper()
	if !slices.Equal(j.steps, steps) {
		t.Errorf("got the steps %q, want %q", j.steps, steps)
	}
}

func TestRecorded_TellsBeforeItEnqueues(t *testing.T) {
	var j journal
	done := job.Recorded{Changed: []job.Run{{ID: "a"}}, Tasks: []job.Task{{RunID: "b"}}}
	if err := j.publisher().Recorded(t.Context(), &done); err != nil {
		t.Error(err)
	}
	j.want(t, "log", "announce", "enqueue b")
}

func TestRecorded_NothingChanged(t *testing.T) {
	var j journal
	if err := j.publisher().Recorded(t.Context(), &job.Recorded{}); err != nil {
		t.Error(err)
	}
	j.want(t, "log")
}

func TestCancel_EndsNothingBeforeResultsAreRecorded(t *testing.T) {
	var j journal
	done, err := j.publisher().Cancel(t.Context(), &j, []job.Run{{ID: "a", State: job.StateRunning, Reason: job.ReasonByHand}},
		func() job.Instant { return 7 })
	if err != nil || len(done.Changed) != 1 || *done.Changed[0].FinishedAt != 7 {
		t.Errorf("got %+v, %v", done, err)
	}
	j.want(t, "mark", "interrupt a", "settle", "cancel a", "log", "announce", "enqueue next")
}

func TestCancel_LetsCallsOfADeletedJobFinish(t *testing.T) {
	var j journal
	_, err := j.publisher().Cancel(t.Context(), &j, []job.Run{{ID: "a", State: job.StateRunning, Reason: job.ReasonJobDeleted}},
		func() job.Instant { return 0 })
	if err != nil {
		t.Error(err)
	}
	j.want(t, "mark", "settle", "cancel a", "log", "announce", "enqueue next")
}

func TestCancel_StopsAtTheFirstFailure(t *testing.T) {
	all := []string{"mark", "interrupt a", "settle", "cancel a"}
	for i, step := range all {
		j := journal{failAt: step}
		_, err := j.publisher().Cancel(t.Context(), &j, []job.Run{{ID: "a", State: job.StateRunning}}, func() job.Instant { return 0 })
		if err == nil || err.Error() != step+" failed" {
			t.Errorf("%s: got %v", step, err)
		}
		j.want(t, all[:i+1]...)
	}
}

func TestNew_NobodyToTell(t *testing.T) {
	var j journal
	if err := New(&j, nil, nil).Recorded(t.Context(), &job.Recorded{Changed: []job.Run{{ID: "a"}}, Tasks: []job.Task{{RunID: "b"}}}); err != nil {
		t.Error(err)
	}
	j.want(t, "enqueue b")
}
