package job

import (
	"cmp"
	"slices"
)

// Event is what a worker, or a cancellation, says about a run. Events may
// arrive late, twice and out of order: Run.Apply gives the same run for any order.
type Event struct {
	RunID string `json:"run_id"`
	// At is when it happened, by the clock of who says it.
	At Instant `json:"at"`
	// State is running, retrying, succeeded, failed or canceled.
	State State `json:"state"`
	// Reason goes with a final state.
	Reason Reason `json:"reason,omitempty"`
	// N is the number of the attempt that began or ended. Zero: the run ended without one.
	N int `json:"n,omitempty"`
	// Attempt is the ended call; nil for running and for an end without a call.
	Attempt *Attempt `json:"attempt,omitempty"`
	// Response is the answer to that call; nil when there was none.
	Response *Response `json:"response,omitempty"`
	// Message goes with the end of a run that its target has completed. Empty: it said nothing.
	Message string `json:"message,omitempty"`
	// Timeout goes with the start of a call: how long it may take. Zero: not known.
	Timeout Duration `json:"timeout,omitzero"`
	// Heard is when it was received, by the clock of who records it. Zero: At stands for it.
	Heard Instant `json:"-"`
}

// Starts reports whether the event is the start of a call, which a canceled run must not have.
func (e *Event) Starts() bool { return e.State == StateRunning && e.Attempt == nil }

// Apply takes an event into the account and reports whether anything changed.
// A final state is never left; an attempt is always added to the account, once.
func (r *Run) Apply(e *Event) bool {
	changed := r.addAttempt(e)
	if r.begin(e) {
		changed = true
	}
	if r.State.Final() {
		return changed
	}
	if e.State.Final() {
		r.State, r.Reason, r.ExpectedBy = e.State, e.Reason, nil
		if e.Message != "" {
			message := e.Message
			r.Message = &message
		}
		at := e.At
		r.FinishedAt = &at
		r.Derive()
		return true
	}
	if state := r.openState(); state != r.State {
		r.State = state
		changed = true
	}
	if r.expect(e) {
		changed = true
	}
	r.Derive()
	return changed
}

// begin notes the start of an attempt.
func (r *Run) begin(e *Event) bool {
	changed := false
	if e.N > r.AttemptStarted {
		r.AttemptStarted = e.N
		changed = true
	}
	start := e.At
	switch {
	case e.Attempt != nil:
		start = e.Attempt.StartedAt
	case e.State != StateRunning:
		return changed
	}
	if r.StartedAt == nil || start < *r.StartedAt {
		r.StartedAt = &start
		r.Derive()
		changed = true
	}
	return changed
}

// addAttempt puts an ended call in its place, unless it is there already.
func (r *Run) addAttempt(e *Event) bool {
	if e.Attempt == nil {
		return false
	}
	a := *e.Attempt
	at, found := slices.BinarySearchFunc(r.Attempts, a, compareAttempts)
	if found {
		return false
	}
	r.Attempts = slices.Insert(r.Attempts, at, a)
	if at == len(r.Attempts)-1 {
		r.Response = e.Response
	}
	return true
}

// compareAttempts orders by number; repeats of one number, by start and worker.
func compareAttempts(a, b Attempt) int {
	return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.StartedAt, b.StartedAt), cmp.Compare(a.Worker, b.Worker))
}

// openState is where a run without an end stands, by what has begun and ended.
func (r *Run) openState() State {
	ended, waits := 0, false
	if n := len(r.Attempts); n > 0 {
		ended, waits = r.Attempts[n-1].N, r.Attempts[n-1].WaitUntil != nil
	}
	switch {
	case r.AttemptStarted > ended, waits:
		return StateRunning
	case ended > 0:
		return StateRetrying
	case r.State == StateWaiting:
		return StateWaiting
	}
	return StateQueued
}

// Derive fills in LagMS and DurationMS, which follow from the moments.
func (r *Run) Derive() {
	if r.StartedAt == nil {
		return
	}
	due := r.ScheduledAt
	if r.DueSince != nil {
		due = *r.DueSince
	}
	lag := int64(*r.StartedAt - due)
	r.LagMS = &lag
	if r.FinishedAt != nil {
		took := max(int64(*r.FinishedAt-*r.StartedAt), 0)
		r.DurationMS = &took
	}
}

// WaitUntil is the moment until which the run waits for its target to complete it;
// nil when it does not: it has ended, a call is under way, or none has asked for time.
func (r *Run) WaitUntil() *Instant {
	n := len(r.Attempts)
	if r.State.Final() || n == 0 || r.AttemptStarted > r.Attempts[n-1].N {
		return nil
	}
	return r.Attempts[n-1].WaitUntil
}
