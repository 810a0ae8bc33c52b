package job_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"schedule-server/pkg/job"
)

func at(ms int64) *job.Instant {
	i := job.Instant(ms)
	return &i
}

func attempt(n int, started int64, reason job.Reason) *job.Attempt {
	return &job.Attempt{N: n, StartedAt: job.Instant(started), DurationMS: 10, Reason: reason, Worker: "w:1"}
}

// story is a run that fails twice and then succeeds, as its worker tells it.
func story() []job.Event {
	answer := &job.Response{StatusCode: 200, Body: "done"}
	return []job.Event{
		{RunID: "r", At: 1000, State: job.StateRunning, N: 1},
		{RunID: "r", At: 1010, State: job.StateRetrying, N: 1, Attempt: attempt(1, 1000, "status_503")},
		{RunID: "r", At: 2000, State: job.StateRunning, N: 2},
		{RunID: "r", At: 2010, State: job.StateRetrying, N: 2, Attempt: attempt(2, 2000, job.ReasonTimeout)},
		{RunID: "r", At: 3000, State: job.StateRunning, N: 3},
		{RunID: "r", At: 3010, State: job.StateSucceeded, N: 3, Reason: job.ReasonOK, Attempt: attempt(3, 3000, job.ReasonOK), Response: answer},
	}
}

func TestApplyFollowsTheStory(t *testing.T) {
	run := job.Run{ID: "r", State: job.StateQueued, ScheduledAt: 990}
	want := []job.State{job.StateRunning, job.StateRetrying, job.StateRunning, job.StateRetrying, job.StateRunning, job.StateSucceeded}
	for i, e := range story() {
		if !run.Apply(&e) {
			t.Errorf("event %d changed nothing", i)
		}
		if run.State != want[i] {
			t.Errorf("after event %d the state is %s, want %s", i, run.State, want[i])
		}
		if run.Apply(&e) {
			t.Errorf("event %d changed the run a second time", i)
		}
	}
	lag, took := int64(10), int64(2010)
	expected := job.Run{
		ID: "r", State: job.StateSucceeded, Reason: job.ReasonOK, ScheduledAt: 990,
		StartedAt: at(1000), FinishedAt: at(3010), LagMS: &lag, DurationMS: &took, AttemptStarted: 3,
		Attempts: []job.Attempt{*attempt(1, 1000, "status_503"), *attempt(2, 2000, job.ReasonTimeout), *attempt(3, 3000, job.ReasonOK)},
		Response: &job.Response{StatusCode: 200, Body: "done"},
	}
	if diff := cmp.Diff(expected, run); diff != "" {
		t.Error(diff)
	}
}

// Any order, with any repeats, gives the same account.
func TestApplyIgnoresOrderAndRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := append(story(), rapid.SliceOfN(rapid.SampledFrom(story()), 0, 6).Draw(t, "repeats")...)
		order := rapid.Permutation(events).Draw(t, "order")
		got := job.Run{ID: "r", State: job.StateQueued, ScheduledAt: 990}
		for i := range order {
			got.Apply(&order[i])
		}
		want := job.Run{ID: "r", State: job.StateQueued, ScheduledAt: 990}
		for _, e := range story() {
			want.Apply(&e)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestApplyNeverLeavesAFinalState(t *testing.T) {
	run := job.Run{ID: "r", State: job.StateCanceled, Reason: job.ReasonJobDeleted, FinishedAt: at(500), ScheduledAt: 490}
	for _, e := range story() {
		run.Apply(&e)
	}
	if run.State != job.StateCanceled || run.Reason != job.ReasonJobDeleted || *run.FinishedAt != 500 {
		t.Errorf("the end became %s %s at %d", run.State, run.Reason, *run.FinishedAt)
	}
	if len(run.Attempts) != 3 || run.StartedAt == nil {
		t.Errorf("the calls that were made are not in the account: %+v", run)
	}
}

// Two workers may have made the same attempt, one of them given up for dead.
func TestApplyKeepsBothCallsOfARepeatedAttempt(t *testing.T) {
	run := job.Run{ID: "r", State: job.StateQueued}
	first, second := attempt(1, 1000, job.ReasonOK), attempt(1, 40_000, job.ReasonOK)
	second.Worker = "w:2"
	run.Apply(&job.Event{At: 41_000, State: job.StateSucceeded, Reason: job.ReasonOK, N: 1, Attempt: second})
	run.Apply(&job.Event{At: 2000, State: job.StateSucceeded, Reason: job.ReasonOK, N: 1, Attempt: first})
	if len(run.Attempts) != 2 || run.Attempts[0].Worker != "w:1" || *run.StartedAt != 1000 {
		t.Errorf("got %+v", run)
	}
}
