package job_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"schedule-server/pkg/job"
)

const margin = job.Instant(job.NewsMargin / time.Millisecond)

// told is a run that fails once and is called again, and how news of it is expected after each event.
func told() ([]job.Event, []job.Instant) {
	failed, parked := attempt(1, 1000, "status_503"), attempt(2, 9000, job.ReasonOK)
	failed.NextRetryAt, parked.WaitUntil = at(9000), at(500_000)
	timeout := job.Duration(10 * time.Second)
	return []job.Event{
			{RunID: "r", At: 1000, State: job.StateRunning, N: 1, Timeout: timeout},
			{RunID: "r", At: 1010, State: job.StateRetrying, N: 1, Attempt: failed},
			{RunID: "r", At: 9000, State: job.StateRunning, N: 2, Timeout: timeout},
			{RunID: "r", At: 9010, State: job.StateRunning, N: 2, Attempt: parked},
		}, []job.Instant{
			1000 + 10_000 + margin, 9000 + margin, 9000 + 10_000 + margin, 500_000,
		}
}

func TestNewsIsExpectedByTheStateOfTheRun(t *testing.T) {
	run := job.Run{ID: "r", State: job.StateQueued, ExpectedBy: at(7)}
	events, want := told()
	for i := range events {
		run.Apply(&events[i])
		if run.ExpectedBy == nil || *run.ExpectedBy != want[i] {
			t.Errorf("after event %d news is expected by %v, want %v", i, run.ExpectedBy, want[i])
		}
	}
	run.Apply(&job.Event{At: 9999, State: job.StateSucceeded, Reason: job.ReasonOK, N: 2})
	if run.ExpectedBy != nil {
		t.Errorf("news of a run that has ended is expected by %v", *run.ExpectedBy)
	}
}

func TestTheDeadlineFollowsInAnyOrder(t *testing.T) {
	events, want := told()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, len(events)).Draw(t, "events")
		order := rapid.Permutation(events[:n]).Draw(t, "order")
		run := job.Run{ID: "r", State: job.StateQueued, ExpectedBy: at(7)}
		for i := range order {
			run.Apply(&order[i])
		}
		if *run.ExpectedBy != want[n-1] {
			t.Fatalf("news is expected by %v, want %v", *run.ExpectedBy, want[n-1])
		}
	})
}

// The clock of a worker does not move a deadline, and a repeated start does.
func TestTheDeadlineGoesByTheClockOfTheRecorder(t *testing.T) {
	run := job.Run{ID: "r", State: job.StateQueued}
	start := job.Event{At: 1, Heard: 100_000, State: job.StateRunning, N: 1, Timeout: job.Duration(time.Second)}
	run.Apply(&start)
	if *run.ExpectedBy != 101_000+margin {
		t.Errorf("news is expected by %v", *run.ExpectedBy)
	}
	start.Heard, start.Timeout = 200_000, 0 // made again by a worker of an older version
	if !run.Apply(&start) || *run.ExpectedBy != job.Instant(200_000).Add(job.MaxAttemptTimeout)+margin {
		t.Errorf("news is expected by %v", *run.ExpectedBy)
	}
	failed := attempt(1, 1, "status_503")
	failed.NextRetryAt = at(5)
	run.Apply(&job.Event{At: 2, Heard: 300_000, State: job.StateRetrying, N: 1, Attempt: failed})
	if *run.ExpectedBy != 300_000+margin {
		t.Errorf("news is expected by %v", *run.ExpectedBy)
	}
}

func TestALostRunIsGivenUpAfterSoManyDeliveries(t *testing.T) {
	run := job.LostRun{Redelivered: job.MaxRedeliveries}
	if !run.GivenUp() {
		t.Error("it is delivered for ever")
	}
	run.Made = []job.Attempt{*attempt(1, 1, "status_503")}
	if run.GivenUp() {
		t.Error("an attempt has ended since, and counts for nothing")
	}
}
