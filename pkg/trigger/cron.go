package trigger

import "math"

// cron turns the civil seconds of a calendar into instants of a zone.
type cron struct {
	calendar
	zone *zone
	// realTime: the hour or the minute holds a wildcard, so the cron follows the instants as they pass. Otherwise it
	// names wall-clock times and fires once for each (see the package comment).
	realTime bool
}

// settled is far enough, in seconds, that no change of offset can bring an earlier civil time back (offsets lie
// within 16 hours, and the largest change is a day).
const settled = 3 * daySeconds

// searched remembers a stretch of civil time known to hold nothing: [from, found), and found matches.
type searched struct{ from, found int64 }

// next answers for a civil time, searching only what is not known yet.
func (s *searched) next(c *calendar, from int64) int64 {
	switch {
	case from >= s.from && from <= s.found:
		return s.found
	case from < s.from: // the clock went back: only what lies before the known stretch is new
		if found := c.next(from, s.from); found < s.from {
			*s = searched{from, found}
			return found
		}
		s.from = from
		return s.found
	default:
		*s = searched{from, c.next(from, math.MaxInt64)}
		return s.found
	}
}

// next returns the first instant at or after t, in Unix seconds; false when there is none up to the end of year 9999.
func (c *cron) next(t int64) (int64, bool) {
	p := c.zone.at(t)
	if p.start == math.MinInt64 && p.end == math.MaxInt64 { // one offset for ever
		found := c.calendar.next(t+p.offset, math.MaxInt64)
		return found - p.offset, found != noCivil
	}
	first := c.calendar.next(t+p.offset, math.MaxInt64)
	known := searched{t + p.offset, first}
	for {
		if found, ok := c.within(&p, t, &known); ok {
			return found, true
		}
		if p.end == math.MaxInt64 {
			return 0, false
		}
		t = p.end
		if t > known.from+settled {
			if known.found == noCivil {
				return 0, false
			}
			t = max(t, known.found-settled) // nothing can match on the way
		}
		p = c.zone.at(t)
	}
}

// within returns the first match from t on, if it lies in the period p of t.
func (c *cron) within(p *span, t int64, known *searched) (int64, bool) {
	best := int64(math.MaxInt64)
	from := t + p.offset
	if !c.realTime && p.before != p.offset {
		change := p.start + p.before // what the clock would have shown had it not been changed
		if p.before > p.offset {     // a fold: up to here the first pass has had its turn
			from = max(from, change)
		} else if late := t + p.before; late < p.start+p.offset { // a gap, and t in the stretch its times move to
			if found := known.next(&c.calendar, late); found < p.start+p.offset {
				best = found - p.before
			}
		}
	}
	if found := known.next(&c.calendar, from); found != noCivil {
		best = min(best, found-p.offset)
	}
	return best, best < p.end
}

// note says whether the instant t, an occurrence, was moved out of a gap.
func (c *cron) shifted(t int64) bool {
	p := c.zone.at(t)
	if c.realTime || p.before >= p.offset || t+p.before >= p.start+p.offset {
		return false
	}
	return !c.matches(t + p.offset)
}

// repeated reports whether the clock of the zone shows the time of t twice.
func (z *zone) repeated(t int64) bool {
	p := z.at(t)
	if p.before > p.offset && t+p.offset < p.start+p.before {
		return true
	}
	if p.end == math.MaxInt64 {
		return false
	}
	after := z.at(p.end)
	return after.offset < p.offset && t+p.offset >= p.end+after.offset
}
