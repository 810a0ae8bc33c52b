package queue

import (
	"errors"
	"time"

	"github.com/hibiken/asynq"

	"schedule-server/pkg/job"
)

// again is an error by which a delivery asks asynq to bring its task back.
type again struct {
	text string // constant: asynq keeps and shows it
	// at is when, if not nil; delay is how long from now otherwise.
	at    *job.Instant
	delay time.Duration
	// counted says that it goes against the number of times that asynq allows,
	// and that the next delivery looks for what this one saved.
	counted bool
	// reason, if not nil, is why the task is somebody else's.
	reason error
}

// Unwrap gives the reason.
func (a *again) Unwrap() error { return a.reason }

// Error is the constant text.
func (a *again) Error() string { return a.text }

// nextAttempt brings the task back for its next attempt.
func nextAttempt(at job.Instant) error {
	return &again{text: "the attempt failed; the next one follows", at: &at, counted: true}
}

// heldBack brings back a task whose host is not to be called now.
func heldBack(at job.Instant) error {
	return &again{text: "held back for its host's sake", at: &at}
}

// handedBack brings back a task of which nothing was settled.
func handedBack(delay time.Duration) error {
	return &again{text: "handed back", delay: delay}
}

// elsewhere brings a task back later because its run is still being called.
func elsewhere() error {
	return &again{text: "the run is still being delivered", delay: 2 * time.Second}
}

// panicked brings the task back a limited number of times.
func panicked() error {
	return &again{text: "the delivery panicked", delay: 5 * time.Second, counted: true}
}

// newerTask leaves a task to a newer worker.
func newerTask() error { return leftAside(errNewer) }

// leftAside leaves a task to somebody else, for a reason that is constant.
func leftAside(reason error) error {
	return &again{text: reason.Error(), delay: 10 * time.Second, reason: reason}
}

// recoverAfter is how long a task whose worker died is kept back. Every lane of
// every worker looks for such tasks, at about the same moment when they were started
// together: one that read its list before another recovered the task, and acts on it
// after the task was taken again, would bring it back a second time.
const recoverAfter = 3 * time.Second

// retryDelay tells asynq when to bring a task back. Asynq keeps whole seconds
// and cuts; a moment is rounded up instead, since "not before" is a promise to
// the target. A task whose worker died comes back soon.
func (b *Broker) retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var a *again
	switch {
	case errors.As(err, &a) && a.at != nil && *a.at <= b.now():
		return 0
	case errors.As(err, &a) && a.at != nil:
		second := job.Instant(time.Second / time.Millisecond)
		up := (*a.at + second - 1) / second * second
		return max(up.Sub(b.now()), 0)
	case errors.As(err, &a):
		return a.delay
	case errors.Is(err, asynq.ErrLeaseExpired):
		return recoverAfter
	}
	return 5 * time.Second // timed out, or canceled by hand in the monitor
}

// isCounted tells asynq whether a return goes against the number of times allowed.
func isCounted(err error) bool {
	var a *again
	if errors.As(err, &a) {
		return a.counted
	}
	return err != nil
}
