package job

import (
	"strconv"
	"strings"
)

// Trigger says what made a run.
type Trigger string

// The triggers of a run.
const (
	TriggerSchedule Trigger = "schedule"
	TriggerManual   Trigger = "manual"
	TriggerBackfill Trigger = "backfill" // an occurrence of the past, asked for by hand
)

// State is where a run stands.
type State string

// The states of a run. The last five are final: they never change.
const (
	StateWaiting   State = "waiting" // for another run of its job to end
	StateQueued    State = "queued"
	StateRunning   State = "running"
	StateRetrying  State = "retrying"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateSkipped   State = "skipped"
	StateMissed    State = "missed"
	StateCanceled  State = "canceled"
)

// States lists every state, the open ones first.
func States() []State {
	return []State{StateWaiting, StateQueued, StateRunning, StateRetrying,
		StateSucceeded, StateFailed, StateSkipped, StateMissed, StateCanceled}
}

// Final reports whether the state never changes again.
func (s State) Final() bool {
	switch s {
	case StateSucceeded, StateFailed, StateSkipped, StateMissed, StateCanceled:
		return true
	}
	return false
}

// Reason says, for machines, why a run is in its state. Empty while it is open.
type Reason string

// The reasons. A target's answer that is no success gives "status_NNN": see StatusReason.
const (
	ReasonOK         Reason = "ok"          // succeeded: the answer was a success
	ReasonOverlap    Reason = "overlap"     // skipped: an earlier run was open and the policy forbids two
	ReasonMisfire    Reason = "misfire"     // missed: claimed later than misfire_grace_time
	ReasonCoalesced  Reason = "coalesced"   // missed: another occurrence of the same moment ran for it
	ReasonJobDeleted Reason = "job_deleted" // canceled: its job was deleted before the call began
	ReasonReplaced   Reason = "replaced"    // canceled: the next occurrence took its place
	ReasonByHand     Reason = "by_hand"     // canceled: somebody asked for it
	ReasonCanceled   Reason = "canceled"    // canceled: the call was cut off in the middle

	ReasonPaused      Reason = "paused"      // canceled: its job was paused after it fell due and before it was claimed
	ReasonRescheduled Reason = "rescheduled" // canceled: its job got another schedule in that time

	ReasonDNS              Reason = "dns"                // failed: the host has no address
	ReasonConnectRefused   Reason = "connect_refused"    // failed: nothing listens there
	ReasonConnectTimeout   Reason = "connect_timeout"    // failed: no connection within connect_timeout
	ReasonConnect          Reason = "connect"            // failed: no connection for another reason
	ReasonTLS              Reason = "tls"                // failed: the handshake or the certificate
	ReasonTimeout          Reason = "timeout"            // failed: no whole answer within attempt_timeout
	ReasonReset            Reason = "reset"              // failed: the connection broke in the middle
	ReasonProtocol         Reason = "protocol"           // failed: the answer was not HTTP
	ReasonBodyMismatch     Reason = "body_mismatch"      // failed: body_match or body_not_match said so
	ReasonBlockedTarget    Reason = "blocked_target"     // failed: the address is not an allowed target
	ReasonTooManyRedirects Reason = "too_many_redirects" // failed: more than follow_redirects
	ReasonInvalidRequest   Reason = "invalid_request"    // failed: the definition could not be made into a call
	ReasonAuthFailed       Reason = "auth_failed"        // failed: no token could be fetched for the call
	ReasonSecret           Reason = "secret_unavailable" // failed: a secret of the call is gone, or the worker has no key for it
	ReasonSecretHost       Reason = "secret_host"        // failed: a secret of the call may not be sent to the host that it would go to
	ReasonWorkerError      Reason = "worker_error"       // failed: the worker is out of descriptors, memory or ports, or reaches no name server or proxy
	ReasonCircuitOpen      Reason = "circuit_open"       // failed: its host was held back until the next occurrence, for it refuses connections or asked for a wait
	ReasonWorkerLost       Reason = "worker_lost"        // failed: worker after worker died while calling
	ReasonLost             Reason = "lost"               // failed: re-enqueued again and again without any news

	ReasonCompletionFailed  Reason = "completion_failed"  // failed: the target, which had asked for time, reported so
	ReasonCompletionTimeout Reason = "completion_timeout" // failed: it did not report in the time that it had asked for
)

// StatusReason is the reason for an answer whose status is no success.
func StatusReason(code int) Reason { return Reason("status_" + strconv.Itoa(code)) }

// StatusCode is the status that a "status_NNN" reason carries; ok is false for any other.
func (r Reason) StatusCode() (code int, ok bool) {
	text, found := strings.CutPrefix(string(r), "status_")
	if !found {
		return 0, false
	}
	code, err := strconv.Atoi(text)
	return code, err == nil
}

// Run is the account of one occurrence, or of one manual trigger.
type Run struct {
	ID      string  `json:"id"`
	JobID   string  `json:"job_id"`
	Trigger Trigger `json:"trigger"`
	State   State   `json:"state"`
	Reason  Reason  `json:"reason"`
	// ScheduledAt is the occurrence, without jitter; for a manual run the moment it was asked for.
	ScheduledAt Instant `json:"scheduled_at"`
	// QueuedAt is when the run was claimed; nil when it never was to be called.
	QueuedAt *Instant `json:"queued_at"`
	// StartedAt is when the first call began; nil before.
	StartedAt *Instant `json:"started_at"`
	// FinishedAt is when the run reached its final state; nil before.
	FinishedAt *Instant `json:"finished_at"`
	// DurationMS is from StartedAt to FinishedAt, in milliseconds; nil until both are known.
	DurationMS *int64 `json:"duration_ms"`
	// LagMS is from ScheduledAt, or DueSince, to StartedAt, in milliseconds; nil before the start.
	LagMS *int64 `json:"lag_ms"`
	// MissedCount is how many occurrences this row accounts for, when it is missed, or canceled
	// before it was claimed; MissedFrom and MissedTo are the first and the last of them. Zero for any other run.
	MissedCount int       `json:"missed_count"`
	MissedFrom  *Instant  `json:"missed_from"`
	MissedTo    *Instant  `json:"missed_to"`
	Attempts    []Attempt `json:"attempts"`
	// Request is the definition that the run was, or will be, called by.
	Request *Request `json:"request"`
	// Response is the last answer; nil when there was none.
	Response *Response `json:"response"`
	// Message is what the target said when it completed the run; nil when it said nothing. Lists leave it out.
	Message *string `json:"message,omitempty"`

	// DueSince is when the run became due, if that was after ScheduledAt: a date in the past was saved, a pause was made
	// up for, or an occurrence was asked for again. Nil: at ScheduledAt.
	DueSince *Instant `json:"-"`
	// JobVersion is the version of the job whose definition the run follows.
	JobVersion int64 `json:"-"`
	// Queue is where the run is delivered.
	Queue Queue `json:"-"`
	// RetryUntil bounds the start of the last attempt: the next occurrence. Nil: no such bound.
	RetryUntil *Instant `json:"-"`
	// AttemptStarted is the number of the latest attempt that began. Zero: none.
	AttemptStarted int `json:"-"`
	// ExpectedBy is the moment by which the next news of an open run must have been recorded; nil
	// while it waits for another run.
	ExpectedBy *Instant `json:"-"`
}

// Attempt is one HTTP call within a run.
type Attempt struct {
	// N counts attempts from 1. A call that a dead worker left behind is repeated under the same number.
	N          int     `json:"n"`
	StartedAt  Instant `json:"started_at"`
	DurationMS int64   `json:"duration_ms"`
	// StatusCode is the target's answer; nil when there was none.
	StatusCode *int `json:"status_code"`
	// Reason is ReasonOK or why this call failed.
	Reason Reason `json:"reason"`
	// Error is for people; nil when the target answered as it should.
	Error *string `json:"error"`
	// Phases are how long each part took.
	Phases Phases `json:"phases"`
	// NextRetryAt is when the next attempt starts; nil when there is none.
	NextRetryAt *Instant `json:"next_retry_at"`
	// Worker is the process that made the call, "host:pid".
	Worker string `json:"worker"`
	// WaitUntil is the moment until which the target, which goes on working, may complete the run; nil: it is not waited for.
	WaitUntil *Instant `json:"wait_until,omitempty"`
}

// Phases are the parts of a call in milliseconds, zero when a part did not happen.
// FirstByteMS and TotalMS are measured from the start of the call.
type Phases struct {
	DNSMS       float64 `json:"dns_ms"`
	ConnectMS   float64 `json:"connect_ms"`
	TLSMS       float64 `json:"tls_ms"`
	FirstByteMS float64 `json:"first_byte_ms"`
	TotalMS     float64 `json:"total_ms"`
}

// Response is a target's answer as it is kept.
type Response struct {
	StatusCode int               `json:"status_code"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
	// BodyEncoding is "text", or "base64" when the body is not valid UTF-8.
	BodyEncoding string `json:"body_encoding"`
	// Truncated says that the answer was longer than what is kept.
	Truncated bool `json:"truncated"`
}

// Task is what travels to a worker: all that a run's call needs.
type Task struct {
	RunID       string  `json:"run_id"`
	JobID       string  `json:"job_id"`
	ScheduledAt Instant `json:"scheduled_at"`
	Queue       Queue   `json:"queue"`
	// QueuedAt is when the run was to be called first. Zero: not known.
	QueuedAt Instant `json:"queued_at,omitzero"`
	// RetryUntil bounds the start of the last attempt. Nil: no such bound.
	RetryUntil *Instant `json:"retry_until,omitempty"`
	// DueSince is that of the run.
	DueSince *Instant `json:"-"`
	// Made are the attempts that the history already holds, when a lost task is delivered anew.
	Made    []Attempt `json:"made,omitempty"`
	Request Request   `json:"request"`
	Policy  Policy    `json:"policy"`
	// Sealed are the sealed texts that the request uses: its own by their fields
	// ("auth.password"), secrets by "secret.NAME". Nil: it uses none.
	Sealed map[string]string `json:"sealed,omitempty"`
	// Unsigned keeps the server's signing secret out of the call: its caller may not speak for the server.
	Unsigned bool `json:"unsigned,omitempty"`
	// Notice says that this is no run, but a message to people. Nil: it is a run.
	Notice *Notice `json:"notice,omitempty"`
	// SecretHosts are where the secrets that name their hosts may be sent, by their names. Nil: all may be sent anywhere.
	SecretHosts map[string]SecretHosts `json:"secret_hosts,omitempty"`
}

// Notice is a message on its way to a channel. The channel's settings are in Task.Sealed, as "settings".
type Notice struct {
	Channel string `json:"channel"`
	Kind    string `json:"kind"`
	// Message is what notify.Build makes a call of, in JSON.
	Message string `json:"message"`
}

// TaskOf joins a run with the definition it follows.
func TaskOf(run *Run, request *Request, policy *Policy) Task {
	task := Task{
		RunID: run.ID, JobID: run.JobID, ScheduledAt: run.ScheduledAt, Queue: run.Queue,
		RetryUntil: run.RetryUntil, DueSince: run.DueSince, Made: run.Attempts, Request: *request, Policy: *policy,
		Sealed: request.Sealed,
	}
	if run.QueuedAt != nil {
		task.QueuedAt = *run.QueuedAt
	}
	return task
}

// LastRun is the short account of the run.
func (r *Run) LastRun() *LastRun {
	last := &LastRun{ID: r.ID, State: r.State, Reason: r.Reason, ScheduledAt: r.ScheduledAt, DurationMS: r.DurationMS}
	if n := len(r.Attempts); n > 0 {
		last.StatusCode = r.Attempts[n-1].StatusCode
	}
	return last
}
