package worker

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"schedule-server/pkg/job"
)

// retryInput is all that the decision about a further attempt rests on.
type retryInput struct {
	policy *job.Retry
	// reason and n are those of the attempt that just ended.
	reason job.Reason
	n      int
	// first is when the run's first attempt began, now when the last one ended.
	first, now job.Instant
	// until bounds the start of the next attempt, exclusive. Nil: no bound.
	until *job.Instant
	// after is the wait that the target asked for. Zero: none.
	after  time.Duration
	random func() float64
}

// retryAt is when the next attempt starts; nil: there is none.
func retryAt(in *retryInput) *job.Instant {
	p := in.policy
	if !retryable(in.reason) || in.n >= p.MaxAttempts {
		return nil
	}
	wait := time.Duration(in.random() * float64(backoffBound(p, in.n)))
	if in.after > 0 {
		wait = min(in.after, time.Duration(p.MaxBackoff))
	}
	at := in.now.Add(wait)
	if p.MaxRetryDuration > 0 && at.Sub(in.first) > time.Duration(p.MaxRetryDuration) {
		return nil
	}
	if in.until != nil && begins(at, wait) >= *in.until {
		return nil
	}
	return &at
}

// begins is the latest moment at which a planned attempt begins. A worker waits for one that is near; the queue,
// which keeps the others, may be late.
func begins(at job.Instant, wait time.Duration) job.Instant {
	if wait > job.NearAttempt {
		return at.Add(job.MaxReturnDelay)
	}
	return at
}

// backoffBound is the longest wait after the nth attempt: min_backoff doubled
// n-1 times, at most max_doublings times, never above max_backoff.
func backoffBound(p *job.Retry, n int) time.Duration {
	bound, most := time.Duration(p.MinBackoff), time.Duration(p.MaxBackoff)
	for range min(n-1, p.MaxDoublings) {
		if bound >= most/2 {
			return most
		}
		bound *= 2
	}
	return min(bound, most)
}

// retryable reports whether another call may end differently. Faults of the
// network and of TLS, broken answers, 408, 425, 429 and 5xx may; so may a body
// that does not match, because it is the same target's answer to the same call
// at another time; and a token or a secret that was not to be had, because the token's
// server may answer again and another worker may have the key; and what one worker lacks another may have. What the definition or the configuration causes, and any
// other status, would only come again.
func retryable(reason job.Reason) bool {
	switch reason {
	case job.ReasonDNS, job.ReasonConnectRefused, job.ReasonConnectTimeout, job.ReasonConnect, job.ReasonTLS,
		job.ReasonAuthFailed, job.ReasonSecret, job.ReasonWorkerError, job.ReasonTimeout, job.ReasonReset, job.ReasonProtocol, job.ReasonBodyMismatch:
		return true
	}
	code, ok := reason.StatusCode()
	if !ok {
		return false
	}
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return code >= 500 && code <= 599
}

// retryAfter reads a Retry-After header, seconds or a date. Zero: it asks for no wait, or is not readable.
func retryAfter(value string, now job.Instant) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		if seconds > uint64(math.MaxInt64/time.Second) {
			return math.MaxInt64
		}
		return time.Duration(seconds) * time.Second
	}
	if isDigits(value) { // too large for any integer
		return math.MaxInt64
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(at.Sub(now.Time()), 0)
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}
