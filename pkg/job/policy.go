package job

import (
	"encoding/json"
	"math"
	"time"

	"schedule-server/pkg/trigger"
)

// Coalesce says which of several occurrences that are due together run.
type Coalesce string

// The coalesce policies.
const (
	CoalesceLatest   Coalesce = "latest"
	CoalesceEarliest Coalesce = "earliest"
	CoalesceAll      Coalesce = "all" // at most MaxCatchUp, the newest
)

// MaxCatchUp is the most occurrences that CoalesceAll runs at once.
const MaxCatchUp = 100

// Concurrency says what an occurrence does while a run of its job is open.
type Concurrency string

// The concurrency policies.
const (
	ConcurrencyForbid  Concurrency = "forbid"  // the occurrence is skipped
	ConcurrencyAllow   Concurrency = "allow"   // both run
	ConcurrencyReplace Concurrency = "replace" // the open run is canceled, the occurrence runs
	ConcurrencyQueue   Concurrency = "queue"   // one occurrence waits for the open run to end, further ones are skipped
)

// Queue is a priority class: an asynq queue of that name.
type Queue string

// The queues, the most urgent first.
const (
	QueueCritical Queue = "critical"
	QueueDefault  Queue = "default"
	QueueLow      Queue = "low"
	// QueueNotify is for messages to people; no job has it.
	QueueNotify Queue = "notify"
)

// QueueWeights is how often each queue is asked when all of them hold tasks.
func QueueWeights() map[Queue]int {
	return map[Queue]int{QueueCritical: 6, QueueDefault: 3, QueueNotify: 2, QueueLow: 1}
}

// Grace is how late an occurrence may be claimed and still run. It reads and
// writes as a duration or as "unlimited". Zero: not set.
type Grace Duration

// Unlimited is the grace that is never exceeded.
const Unlimited Grace = math.MaxInt64

// MarshalJSON writes a duration or "unlimited".
func (g Grace) MarshalJSON() ([]byte, error) {
	if g == Unlimited {
		return []byte(`"unlimited"`), nil
	}
	return json.Marshal(Duration(g))
}

// UnmarshalJSON reads a duration or "unlimited".
func (g *Grace) UnmarshalJSON(data []byte) error {
	if string(data) == `"unlimited"` {
		*g = Unlimited
		return nil
	}
	return json.Unmarshal(data, (*Duration)(g))
}

// Policy says what happens to an occurrence that is late, that overlaps another,
// or whose call fails.
type Policy struct {
	// MisfireGraceTime is how long after its moment an occurrence may still be
	// claimed; later it is missed. At least 1s. Not set: 60s, for a date job unlimited.
	MisfireGraceTime Grace `json:"misfire_grace_time"`
	// Coalesce picks among several occurrences that are due and within grace.
	Coalesce Coalesce `json:"coalesce"`
	// ConcurrencyPolicy decides an occurrence that falls due while a run is open.
	ConcurrencyPolicy Concurrency `json:"concurrency_policy"`
	// AttemptTimeout bounds one whole call, 1s to 30m.
	AttemptTimeout Duration `json:"attempt_timeout"`
	// ConnectTimeout bounds look-up, connection and TLS handshake, 100ms to 5m.
	ConnectTimeout Duration `json:"connect_timeout"`
	Retry          Retry    `json:"retry"`
	Success        Success  `json:"success"`
	// Jitter spreads occurrences: each is delayed by a stable offset in [0, Jitter), at most half the gap to the next.
	Jitter Duration `json:"jitter"`
	// Queue is the priority class of the job's runs.
	Queue Queue `json:"queue"`
	// AutoPauseAfter pauses the job after so many failed runs in a row. Zero: never.
	AutoPauseAfter int `json:"auto_pause_after"`
	// Limits bound the calls to the job's host, beside those of other jobs. Zero value: the server's limits.
	Limits HostLimits `json:"limits,omitzero"`
	// Keep is how much history the job keeps.
	Keep Keep `json:"keep"`
	// Expect says what is to be watched.
	Expect Expect `json:"expect"`
	// Notify says who is told beside, or instead of, those whom the rules name.
	Notify Notify `json:"notify"`
}

// Expect says when something is wrong although nothing has failed. Watching never cancels anything. Nil: that is not watched.
type Expect struct {
	// StartWithin is how long after scheduled_at the first call begins at the latest.
	StartWithin *Duration `json:"start_within"`
	// FinishWithin is how long after scheduled_at the run has succeeded at the latest.
	FinishWithin *Duration `json:"finish_within"`
	// SuccessEvery is how long the job may be without a success, whatever the reason.
	SuccessEvery *Duration `json:"success_every"`
	// PausedAtMost is how long the job may be paused.
	PausedAtMost *Duration `json:"paused_at_most"`
}

// IsZero reports whether nothing is watched.
func (e Expect) IsZero() bool { return e == Expect{} }

// Notify says who is told of a job's incidents. The zero value: whom the rules name.
type Notify struct {
	// Rules is inherit or none. Empty: inherit.
	Rules string `json:"rules"`
	// Channels are told in any case.
	Channels []string `json:"channels"`
	// Kinds are what these channels are told of. Empty: all but missed.
	Kinds []string `json:"kinds"`
	// After is how many runs in a row must have failed. Zero: one.
	After int `json:"after"`
}

// What a job says about the rules.
const (
	NotifyInherit = "inherit"
	NotifyNone    = "none"
)

// IsZero reports whether the job says nothing about it.
func (n Notify) IsZero() bool {
	return (n.Rules == "" || n.Rules == NotifyInherit) && len(n.Channels) == 0 && len(n.Kinds) == 0 && n.After <= 1
}

// normalize leaves out what says nothing.
func (n *Notify) normalize() {
	if n.Rules == NotifyInherit {
		n.Rules = ""
	}
	if len(n.Channels) == 0 {
		n.Channels = nil
	}
	if len(n.Kinds) == 0 {
		n.Kinds = nil
	}
	if n.After == 1 {
		n.After = 0
	}
}

// MarshalJSON writes also what was left out.
func (n Notify) MarshalJSON() ([]byte, error) {
	type plain Notify
	whole := plain{n.Rules, n.Channels, n.Kinds, max(1, n.After)}
	if whole.Rules == "" {
		whole.Rules = NotifyInherit
	}
	if whole.Channels == nil {
		whole.Channels = []string{}
	}
	if whole.Kinds == nil {
		whole.Kinds = []string{}
	}
	return json.Marshal(whole)
}

// Retry says how often and when a failed call is made again.
type Retry struct {
	// MaxAttempts counts the first call too, 1 to 100.
	MaxAttempts int `json:"max_attempts"`
	// MinBackoff is the first wait's upper bound; it doubles MaxDoublings times, never above MaxBackoff.
	MinBackoff   Duration `json:"min_backoff"`
	MaxBackoff   Duration `json:"max_backoff"`
	MaxDoublings int      `json:"max_doublings"`
	// MaxRetryDuration bounds the time from the first call to the start of the last. Zero: no bound.
	MaxRetryDuration Duration `json:"max_retry_duration"`
}

// Success says which answers count as success.
type Success struct {
	// Status lists codes ("204"), classes ("2xx") and ranges ("200-299"). At least one.
	Status []string `json:"status"`
	// BodyMatch is an RE2 expression that the first 64 KiB of the answer must match. Empty: any.
	BodyMatch string `json:"body_match,omitempty"`
	// BodyNotMatch is an RE2 expression that they must not match. Empty: none.
	BodyNotMatch string `json:"body_not_match,omitempty"`
}

// DefaultPolicy is the policy of a job that says nothing. MisfireGraceTime is
// left unset because it depends on the schedule's type: see Definition.Normalize.
func DefaultPolicy() Policy {
	return Policy{
		Coalesce:          CoalesceLatest,
		ConcurrencyPolicy: ConcurrencyForbid,
		AttemptTimeout:    Duration(30 * time.Second),
		ConnectTimeout:    Duration(5 * time.Second),
		Retry: Retry{
			MaxAttempts:  3,
			MinBackoff:   Duration(5 * time.Second),
			MaxBackoff:   Duration(time.Hour),
			MaxDoublings: 5,
		},
		Success: Success{Status: []string{"2xx"}},
		Queue:   QueueDefault,
		Keep:    DefaultKeep(),
	}
}

// JitterAt is the delay, in milliseconds, of one occurrence of the job.
func (p *Policy) JitterAt(schedule *trigger.Schedule, id string, at Instant) Instant {
	if p.Jitter <= 0 {
		return 0
	}
	var gap time.Duration
	if next, ok := schedule.Next(at); ok {
		gap = next.Time().Sub(at.Time())
	}
	return Instant(trigger.Jitter(id, at, time.Duration(p.Jitter), gap).Milliseconds())
}
