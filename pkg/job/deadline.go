package job

import "time"

// How long nothing needs to be heard of an open run.
const (
	// QueueTime is how long a run may be queued before it must be found in the queue.
	QueueTime = 5 * time.Minute
	// MaxQueueTime is the longest time between two such looks at a run that waits long.
	MaxQueueTime = time.Hour
	// NewsMargin is how much later than planned news may be recorded.
	NewsMargin = 30 * time.Second
	// MaxAttemptTimeout is the longest attempt_timeout.
	MaxAttemptTimeout = 30 * time.Minute
	// MaxRedeliveries is how often a run is delivered anew, beside once more for each attempt that
	// has ended, before it fails as lost.
	MaxRedeliveries = 10
)

// expect moves the deadline of an open run to where an event puts it, and reports whether
// it moved. It is the same for any order of events, but for those that come twice.
func (r *Run) expect(e *Event) (moved bool) {
	var by Instant
	until := r.WaitUntil()
	switch {
	case until != nil:
		by = *until
	case r.State == StateRunning && e.Starts() && e.N == r.AttemptStarted:
		by = e.heard().Add(e.timeout() + NewsMargin)
	case r.State == StateRetrying && e.Attempt != nil && e.N == r.Attempts[len(r.Attempts)-1].N:
		by = e.heard()
		if next := e.Attempt.NextRetryAt; next != nil {
			by = max(by, *next)
		}
		by = by.Add(NewsMargin)
	default:
		return false
	}
	moved = r.ExpectedBy == nil || *r.ExpectedBy != by
	r.ExpectedBy = &by
	return moved
}

// heard is the moment that a deadline is counted from: the clocks of workers may be wrong.
func (e *Event) heard() Instant {
	if e.Heard != 0 {
		return e.Heard
	}
	return e.At
}

// timeout is how long the call that the event starts may take.
func (e *Event) timeout() time.Duration {
	if e.Timeout <= 0 {
		return MaxAttemptTimeout // an older worker does not say
	}
	return time.Duration(e.Timeout)
}

// OpenRun is a run that has not ended, as it is compared with the queue.
type OpenRun struct {
	ID    string
	JobID string
	Queue Queue
	State State
	// TouchedAt is the moment before which nothing was to be heard of it.
	TouchedAt Instant
	// ExpectedBy is the moment by which news of it must have been recorded.
	ExpectedBy Instant
}

// Overdue reports whether nothing was heard of the run in time.
func (r *OpenRun) Overdue(now Instant) bool { return r.ExpectedBy <= now }

// LostRun is an open run that no worker will call, as it is to be delivered anew.
type LostRun struct {
	Task
	// Redelivered is how often it was delivered anew.
	Redelivered int
}

// GivenUp reports whether it was delivered anew often enough.
func (r *LostRun) GivenUp() bool { return r.Redelivered >= MaxRedeliveries+len(r.Made) }

// Whereabouts is what the queue holds of a run.
type Whereabouts int

// What the queue may hold of a run.
const (
	// TaskLost: nothing, or too little to deliver it by. It may be in the hands of a worker nevertheless.
	TaskLost Whereabouts = iota
	// TaskBroken: a worker took it, and what would bring it back after that worker's death is not all there.
	TaskBroken
	// TaskEnded: it was delivered to its end.
	TaskEnded
	// TaskWaits: all that it needs to be delivered.
	TaskWaits
	// TaskTaken: a worker took it, and all is there to bring it back.
	TaskTaken
	// TaskGivenUp: worker after worker died over it.
	TaskGivenUp
)

// Remains are what the queue holds of a run at a moment.
type Remains struct {
	Whereabouts
	// Mark tells whether it is still the same at a later moment.
	Mark string
}
