package access

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"schedule-server/pkg/job"
)

// How many bad tokens an address may show: a burst, then one at a time.
const (
	failureBurst = 10
	failureEvery = 6 * time.Second
)

// network is what bad tokens are counted by: an IPv4 address, or the IPv6
// network of one, because whoever has one address of it has them all.
func network(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	prefix, _ := from.Prefix(bits) // the bits are never too many
	return prefix
}

// waitOf is how long an address has to wait before it may show another bad token; zero: not at all.
func waitOf(bucket *rate.Limiter, now job.Instant) time.Duration {
	missing := 1 - bucket.TokensAt(now.Time())
	return max(0, time.Duration(missing*float64(failureEvery)))
}
