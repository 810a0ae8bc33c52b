package trigger

import (
	"math/bits"
	"time"
)

// hash is 64-bit FNV-1a over seed and a number, spread by the finalizer of MurmurHash3. It is part of the contract:
// changing it would move every H and every jitter.
func hash(seed string, number uint64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(seed) {
		h = (h ^ uint64(seed[i])) * 1099511628211
	}
	for range 8 {
		h = (h ^ number&0xff) * 1099511628211
		number >>= 8
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// hashBelow spreads a hash evenly over [0, n).
func hashBelow(h uint64, n uint64) uint64 {
	high, _ := bits.Mul64(h, n)
	return high
}

// Jitter returns the stable offset of one occurrence: a hash of seed and at, evenly spread over [0, limit), where
// limit is the smaller of most and half the gap. gap is the distance to the next occurrence; 0 means that there is
// none, and then limit is most. The result is cut to whole milliseconds and is 0 when limit is not above 0.
func Jitter(seed string, at Instant, most, gap time.Duration) time.Duration {
	limit := most
	if gap > 0 {
		limit = min(limit, gap/2)
	}
	if limit <= 0 {
		return 0
	}
	return time.Duration(hashBelow(hash(seed, uint64(at)), uint64(limit))).Truncate(time.Millisecond)
}
