package job

import (
	"fmt"
	"strings"
	"time"
)

// Explain says in a sentence or two why a run is as it is: why it did not run, failed or was late. It reads nothing but the account.
func (r *Run) Explain() string {
	var text strings.Builder
	text.WriteString(r.explainState())
	if n := len(r.Attempts); n > 0 {
		last := &r.Attempts[n-1]
		if last.Error != nil && r.State != StateSucceeded {
			fmt.Fprintf(&text, " The last of %d %s said: %s.", n, plural(n, "attempt", "attempts"), strings.TrimSuffix(*last.Error, "."))
		}
		if last.NextRetryAt != nil && !r.State.Final() {
			fmt.Fprintf(&text, " The next attempt is at %s.", *last.NextRetryAt)
		}
	}
	if r.LagMS != nil && *r.LagMS >= lateMS {
		fmt.Fprintf(&text, " Its first call began %s after it was due", milliseconds(*r.LagMS))
		if r.QueuedAt != nil && r.StartedAt != nil {
			due := r.ScheduledAt
			if r.DueSince != nil {
				due = *r.DueSince
			}
			claimed := max(r.QueuedAt.Sub(due), 0).Round(time.Millisecond)
			fmt.Fprintf(&text, ": it was claimed after %s and waited %s in the queue", claimed, r.StartedAt.Sub(*r.QueuedAt).Round(time.Millisecond))
		}
		text.WriteString(".")
	}
	return text.String()
}

// lateMS is from when on a start counts as late, in milliseconds.
const lateMS = 1000

func (r *Run) explainState() string {
	switch r.State {
	case StateWaiting:
		return "It waits for an earlier run of its job to end."
	case StateQueued:
		return "It waits in the queue for a worker."
	case StateRunning:
		return "It is being called now."
	case StateRetrying:
		return "An attempt failed, and it will be called again."
	}
	what := explanations()[r.Reason]
	if code, ok := r.Reason.StatusCode(); ok {
		what = fmt.Sprintf("the target answered %d, which policy.success does not count as a success", code)
	}
	if what == "" {
		what = "the reason is " + string(r.Reason)
	}
	verb := map[State]string{StateSucceeded: "It succeeded", StateFailed: "It failed", StateSkipped: "It was skipped and not called",
		StateMissed: "It was missed and not called", StateCanceled: "It was canceled"}[r.State]
	text := verb + ": " + what + "."
	if r.MissedCount > 1 && r.MissedFrom != nil && r.MissedTo != nil {
		text += fmt.Sprintf(" This stands for %d occurrences from %s to %s.", r.MissedCount, *r.MissedFrom, *r.MissedTo)
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// explanations are the reasons in words.
func explanations() map[Reason]string {
	return map[Reason]string{
		ReasonOK:         "the target answered as policy.success asks for",
		ReasonOverlap:    "an earlier run of its job was still open, and concurrency_policy does not allow two",
		ReasonMisfire:    "it was claimed later than misfire_grace_time allows, because the service was down, stopped or overloaded when it was due",
		ReasonCoalesced:  "several occurrences were due at once, and policy.coalesce let another one run for it",
		ReasonJobDeleted: "its job was deleted before the call began",
		ReasonReplaced:   "the next occurrence took its place, as concurrency_policy replace asks for",
		ReasonByHand:     "somebody canceled it",
		ReasonCanceled:   "its call was cut off in the middle",

		ReasonPaused:      "its job was paused after it fell due and before it was claimed",
		ReasonRescheduled: "its job got another schedule after it fell due and before it was claimed",

		ReasonDNS:              "the name of the host has no address",
		ReasonConnectRefused:   "nothing listens at the target's address",
		ReasonConnectTimeout:   "no connection was made within connect_timeout",
		ReasonConnect:          "no connection could be made",
		ReasonTLS:              "the TLS handshake failed, or the certificate is not trusted",
		ReasonTimeout:          "the target did not answer within attempt_timeout",
		ReasonReset:            "the connection broke in the middle",
		ReasonProtocol:         "the answer was not HTTP",
		ReasonBodyMismatch:     "the answer's body is not what policy.success asks for",
		ReasonBlockedTarget:    "the worker may not call that address; see --allow-targets",
		ReasonTooManyRedirects: "the target redirects more often than follow_redirects allows",
		ReasonInvalidRequest:   "no call could be made from its request",
		ReasonAuthFailed:       "no access token could be fetched for the call",
		ReasonSecret:           "a secret that it uses is gone, or the worker has no key to open it",
		ReasonSecretHost:       "a secret that it uses may not be sent to that host",
		ReasonWorkerError:      "the worker was out of descriptors, memory or ports, or reached no name server or proxy",
		ReasonCircuitOpen:      "its host refused connections or asked for a wait, and was held back until the next occurrence",
		ReasonWorkerLost:       "one worker after another died while calling",
		ReasonLost:             "it was delivered again and again and nothing was heard of it",

		ReasonCompletionFailed:  "the target had asked for time, and then reported that it failed",
		ReasonCompletionTimeout: "the target had asked for time, and did not report back within it",
	}
}
