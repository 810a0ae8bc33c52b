package chaos

import (
	"maps"
	"slices"
	"strings"
)

// hits reports whether the fault hit one of the things.
func (f *fault) hits(things ...string) bool {
	return slices.ContainsFunc(things, func(thing string) bool { return strings.HasPrefix(f.who, thing) })
}

const (
	// before is how long a call may be on its way before the target notes it.
	before = 200
	// reported is how long after its end a call may be not yet reported and noted by asynq.
	reported = 500
	// recorded is how long after its report a result may lie in Redis, and nowhere else.
	recorded = 2500
)

// lostBy names the faults that explain why a call was made again before the
// given moment, or left no attempt: what had the call in its hands was lost. Empty: none does.
func (c *checker) lostBy(k *call, repeated int64) string {
	// A worker holds a call from its start until Redis has taken the result.
	held := c.delayed(k.done+reported, k.at, "redis", "worker")
	// Redis alone holds the result until the database has taken it.
	lying := c.delayed(held+recorded, k.at, "redis", "worker", "beat", "sqlite", "postgres")
	kinds := map[string]bool{}
	for i := range c.faults {
		f := &c.faults[i]
		if f.from > repeated || f.from < k.at-before && f.till < k.at-before {
			continue
		}
		switch {
		case f.kind == "kill -9 worker" && f.from <= held,
			f.kind == "SIGSTOP worker > 30 s" && f.from <= held,
			f.kind == "FLUSHALL" && f.from <= lying:
			kinds[f.kind] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(kinds)), " or ")
}

// delayed is a moment put off by all faults of these things that overlap the
// time from the start on.
func (c *checker) delayed(until, start int64, things ...string) int64 {
	for again := true; again; {
		again = false
		for i := range c.faults {
			f := &c.faults[i]
			// What was broken needs a moment to find its way back.
			if back := f.till + 2500; f.hits(things...) && f.from <= until && f.till >= start && back > until {
				until, again = back, true
			}
		}
	}
	return until
}
