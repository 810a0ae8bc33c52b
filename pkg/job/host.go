package job

import (
	"strings"
	"time"
)

// HostLimits bound the calls to one host, over all jobs and all workers. The
// zero value sets no limit.
type HostLimits struct {
	// PerHostConcurrency is how many calls to the host may be under way at once, 0 to 10,000. Zero: no limit.
	PerHostConcurrency int `json:"per_host_concurrency"`
	// PerHostRate is how many calls to the host may begin in a second, on average, 0 to 10,000; "0.5" is one in
	// two seconds. One second's worth may begin at once. Zero: no limit.
	PerHostRate float64 `json:"per_host_rate"`
}

// Or is the limits with the others in the place of those that are not set.
func (l HostLimits) Or(others HostLimits) HostLimits {
	if l.PerHostConcurrency == 0 {
		l.PerHostConcurrency = others.PerHostConcurrency
	}
	if l.PerHostRate == 0 {
		l.PerHostRate = others.PerHostRate
	}
	return l
}

// HoldCause says why the calls to a host are held back.
type HoldCause string

// The causes.
const (
	// HoldThrottled: it answered 429 or 503 with a Retry-After.
	HoldThrottled HoldCause = "throttled"
	// HoldRefusing: no connection to it could be made, again and again.
	HoldRefusing HoldCause = "refusing"
)

// HeldHost is a host whose calls are held back.
type HeldHost struct {
	// Host is a name or an address, with the port unless it is the scheme's usual one.
	Host  string    `json:"host"`
	Cause HoldCause `json:"cause"`
	// Until is when one call may try whether the host is well again.
	Until Instant `json:"until"`
	// Times counts the holds in a row, from 1.
	Times int `json:"times"`
}

// Place is what a call to a host with limits asks all workers for.
type Place struct {
	Host, RunID string
	// Limits hold for this call; another's may differ.
	Limits HostLimits
	// Lease is how long the call can last; after it the place is free again.
	Lease time.Duration
	// Spacing lies between two calls that were refused, when they come back. Book
	// says that this one does so, and is to be told when.
	Spacing time.Duration
	Book    bool
}

// TargetHost is the host of a target, with its port unless that is the scheme's
// usual one; for a text that is no URL, the text itself.
func TargetHost(target string) string {
	scheme, rest, found := strings.Cut(target, "://")
	if !found {
		return target
	}
	if end := strings.IndexAny(rest, "/?#\\"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	rest = strings.ToLower(rest)
	if strings.EqualFold(scheme, "https") {
		return strings.TrimSuffix(rest, ":443")
	}
	return strings.TrimSuffix(rest, ":80")
}
