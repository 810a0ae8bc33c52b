package worker

import (
	"math"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"schedule-server/pkg/job"
)

func TestRetryable(t *testing.T) {
	again := map[job.Reason]bool{
		job.ReasonDNS: true, job.ReasonConnectRefused: true, job.ReasonConnectTimeout: true, job.ReasonConnect: true,
		job.ReasonTLS: true, job.ReasonTimeout: true, job.ReasonReset: true, job.ReasonProtocol: true,
		job.ReasonBodyMismatch: true,
		job.ReasonOK:           false, job.ReasonBlockedTarget: false, job.ReasonTooManyRedirects: false,
		job.ReasonInvalidRequest: false, job.ReasonWorkerLost: false, "": false, "status_": false, "status_x": false,
	}
	for code := 100; code < 1000; code++ {
		again[job.StatusReason(code)] = code == 408 || code == 425 || code == 429 || code >= 500 && code <= 599
	}
	for reason, want := range again {
		if got := retryable(reason); got != want {
			t.Errorf("retryable(%q) = %v, want %v", reason, got, want)
		}
	}
}

func TestBackoffBound(t *testing.T) {
	p := &job.Retry{MinBackoff: job.Duration(5 * time.Second), MaxBackoff: job.Duration(time.Minute), MaxDoublings: 3}
	long := &job.Retry{MinBackoff: job.Duration(time.Second), MaxBackoff: job.Duration(math.MaxInt64), MaxDoublings: 1000}
	none := &job.Retry{}
	tests := []struct {
		policy *job.Retry
		n      int
		want   time.Duration
	}{
		{p, 1, 5 * time.Second}, {p, 2, 10 * time.Second}, {p, 3, 20 * time.Second}, {p, 4, 40 * time.Second},
		{p, 5, 40 * time.Second}, {p, 100, 40 * time.Second},
		{long, 2, 2 * time.Second}, {long, 30, 1 << 29 * time.Second}, {long, 64, math.MaxInt64}, {long, 999, math.MaxInt64},
		{none, 1, 0}, {none, 9, 0},
		{&job.Retry{MinBackoff: 10, MaxBackoff: 7}, 1, 7},
	}
	for _, test := range tests {
		if got := backoffBound(test.policy, test.n); got != test.want {
			t.Errorf("backoffBound(%+v, %d) = %s, want %s", *test.policy, test.n, got, test.want)
		}
	}
}

func TestRetryAt(t *testing.T) {
	policy := job.Retry{MaxAttempts: 5, MinBackoff: job.Duration(4 * time.Second),
		MaxBackoff: job.Duration(30 * time.Second), MaxDoublings: 5}
	at := func(ms job.Instant) *job.Instant { v := start + ms; return &v }
	limited := policy
	limited.MaxRetryDuration = job.Duration(10 * time.Second)
	tests := []struct {
		name string
		in   retryInput
		want *job.Instant
	}{
		{"half of the first bound", retryInput{n: 1}, at(2000)},
		{"half of the second bound", retryInput{n: 2}, at(4000)},
		{"success ends", retryInput{n: 1, reason: job.ReasonOK}, nil},
		{"a final reason ends", retryInput{n: 1, reason: "status_404"}, nil},
		{"attempts used up", retryInput{n: 5}, nil},
		{"one attempt left", retryInput{n: 4}, at(15000)}, // 4s·2³ is above the cap of 30s
		{"the target's wait", retryInput{n: 1, after: 9 * time.Second}, at(9000)},
		{"the target's wait, capped", retryInput{n: 1, after: time.Hour}, at(30000)},
		{"the next occurrence is later", retryInput{n: 1, until: at(2001)}, at(2000)},
		{"the next occurrence is then", retryInput{n: 1, until: at(2000)}, nil},
		{"the next occurrence is past", retryInput{n: 1, until: at(-1)}, nil},
		{"the queue may be late, but not that late", retryInput{n: 2, until: at(5501)}, at(4000)},
		{"the queue may be too late", retryInput{n: 2, until: at(5500)}, nil},
		{"within max_retry_duration", retryInput{policy: &limited, n: 1, first: start - 8000}, at(2000)},
		{"beyond max_retry_duration", retryInput{policy: &limited, n: 1, first: start - 8001}, nil},
		{"the target's wait is beyond it", retryInput{policy: &limited, n: 1, after: 11 * time.Second}, nil},
		{"no attempts at all", retryInput{policy: &job.Retry{}, n: 1}, nil},
	}
	for _, test := range tests {
		in := test.in
		in.now, in.random = start, func() float64 { return 0.5 }
		if in.policy == nil {
			in.policy = &policy
		}
		if in.reason == "" {
			in.reason = job.ReasonTimeout
		}
		if in.first == 0 {
			in.first = start
		}
		got := retryAt(&in)
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// Whatever the policy, a retry lies within [now, now+max_backoff] and inside both bounds.
func TestRetryAtProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "min")
		in := retryInput{
			policy: &job.Retry{
				MaxAttempts: rapid.IntRange(1, 100).Draw(t, "attempts"), MinBackoff: job.Duration(low),
				MaxBackoff:       job.Duration(rapid.Int64Range(low, int64(24*time.Hour)).Draw(t, "max")),
				MaxDoublings:     rapid.IntRange(0, 30).Draw(t, "doublings"),
				MaxRetryDuration: job.Duration(rapid.Int64Range(0, int64(7*24*time.Hour)).Draw(t, "duration")),
			},
			reason: job.ReasonReset, n: rapid.IntRange(1, 120).Draw(t, "n"), now: start,
			first: start - job.Instant(rapid.Int64Range(0, 1e9).Draw(t, "ago")),
			after: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "after")),
			random: func() float64 {
				return rapid.Float64Range(0, 0.999999).Draw(t, "random")
			},
		}
		if rapid.Bool().Draw(t, "bounded") {
			until := start + job.Instant(rapid.Int64Range(-1000, 1e8).Draw(t, "until"))
			in.until = &until
		}
		got := retryAt(&in)
		if got == nil {
			return
		}
		switch {
		case in.n >= in.policy.MaxAttempts:
			t.Fatalf("attempt %d after the last", in.n+1)
		case *got < start || got.Sub(start) > time.Duration(in.policy.MaxBackoff):
			t.Fatalf("wait of %s", got.Sub(start))
		case in.until != nil && *got >= *in.until:
			t.Fatal("past the next occurrence")
		case in.policy.MaxRetryDuration > 0 && got.Sub(in.first) > time.Duration(in.policy.MaxRetryDuration):
			t.Fatal("past max_retry_duration")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	date := start.Time().Add(90 * time.Second)
	tests := []struct {
		value string
		want  time.Duration
	}{
		{"", 0}, {"0", 0}, {"7", 7 * time.Second}, {"007", 7 * time.Second}, {"3600", time.Hour},
		{"99999999999", math.MaxInt64}, {"999999999999999999999999999", math.MaxInt64},
		{"-1", 0}, {"1.5", 0}, {"soon", 0}, {" 7", 0}, {"7 s", 0},
		{date.Format(http.TimeFormat), 90 * time.Second},
		{date.Format("Monday, 02-Jan-06 15:04:05 GMT"), 90 * time.Second},
		{start.Time().Add(-time.Hour).Format(http.TimeFormat), 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", math.MaxInt64},
	}
	for _, test := range tests {
		if got := retryAfter(test.value, start); got != test.want {
			t.Errorf("retryAfter(%q) = %s, want %s", test.value, got, test.want)
		}
	}
}
