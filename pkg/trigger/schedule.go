package trigger

import (
	"slices"
	"time"
)

// Schedule is a compiled Spec: it answers when. It is immutable and safe for concurrent use.
type Schedule struct {
	kind       kind
	dialect    dialect
	cron       cron
	every      int64   // milliseconds, kindInterval
	at         Instant // the date, or the interval's anchor
	start, end Instant // both included
	zone       *zone
	excluded   *exclusions
	days       *dayRule    // nil: all days
	periodic   *periodic   // kindPeriodic
	exclude    []Exclusion // as written, for Describe
	parts      []part      // of a cron
	expression string      // as written, trimmed; "" for fields
}

type kind int8

const (
	kindCron kind = iota + 1
	kindInterval
	kindDate
	kindPeriodic
)

// Next returns the first occurrence after a moment; false when there is none up to the end of year 9999.
// It is pure, allocates nothing, and its work is bounded whatever the schedule: where exclusions take away everything
// for some 10,000 stretches in a row (fewer if there are many exclusions), it answers never.
func (s *Schedule) Next(after Instant) (Instant, bool) {
	if after >= s.end {
		return 0, false
	}
	from := max(after+1, s.start)
	if s.days != nil {
		found, ok := s.onDays(from)
		if !ok || found > s.end {
			return 0, false
		}
		return found, true
	}
	if s.excluded == nil {
		found, ok := s.bare(from)
		if !ok || found > s.end {
			return 0, false
		}
		return found, true
	}
	for range s.excluded.tries {
		found, ok := s.bare(from)
		if !ok || found > s.end {
			return 0, false
		}
		end, excluded := s.excluded.until(floorDiv(int64(found), 1000))
		if !excluded {
			return found, true
		}
		if end > int64(s.end)/1000+1 {
			return 0, false
		}
		from = Instant(end * 1000)
	}
	return 0, false
}

// First returns the first occurrence at or after a moment; false when there is none.
func (s *Schedule) First(from Instant) (Instant, bool) {
	if from <= MinInstant {
		return s.Next(MinInstant - 1)
	}
	return s.Next(from - 1)
}

// bare is First without the exclusions and the bounds, but for the range of an Instant.
func (s *Schedule) bare(from Instant) (Instant, bool) {
	switch s.kind {
	case kindCron:
		t, ok := s.cron.next(floorDiv(int64(from)+999, 1000))
		if !ok || t > int64(MaxInstant)/1000 {
			return 0, false
		}
		return Instant(t * 1000), true
	case kindInterval:
		found := s.at
		if from > s.at {
			n := (int64(from-s.at) + s.every - 1) / s.every
			if n > int64(MaxInstant-s.at)/s.every {
				return 0, false
			}
			found += Instant(n * s.every)
		}
		return found, true
	case kindPeriodic:
		return s.nextPeriodic(from)
	default:
		return s.at, s.at >= from
	}
}

// Through walks the occurrences from first, itself one, up to and including to, at most most of them. It returns how
// many there are and the last of them. An interval without exclusions takes constant time. When to lies before first,
// or most is below 1, it returns 0 and first.
func (s *Schedule) Through(first, to Instant, most int) (n int, last Instant) {
	if first > to || most < 1 {
		return 0, first
	}
	to = min(to, s.end)
	if s.kind == kindInterval && s.excluded == nil && s.days == nil {
		more := max(0, min(int64(to-first)/s.every, int64(most)-1))
		return int(more) + 1, first + Instant(more*s.every)
	}
	n, last = 1, first
	for n < most {
		next, ok := s.Next(last)
		if !ok || next > to {
			break
		}
		n, last = n+1, next
	}
	return n, last
}

// Location returns the zone the schedule is read in.
func (s *Schedule) Location() *time.Location { return s.zone.loc }

// Notes on an occurrence.
const (
	// NoteGap: the wall-clock time the schedule names was skipped that night; the occurrence is later by the gap.
	NoteGap = "dst_gap"
	// NoteFold: the wall clock shows the time of the occurrence twice.
	NoteFold = "dst_fold"
)

// Note returns NoteGap, NoteFold or "" for an occurrence of the schedule.
func (s *Schedule) Note(at Instant) string {
	t := floorDiv(int64(at), 1000)
	switch {
	case s.kind == kindCron && s.cron.shifted(t):
		return NoteGap
	case s.zone.repeated(t):
		return NoteFold
	default:
		return ""
	}
}

func cloneExclusions(list []Exclusion) []Exclusion {
	out := slices.Clone(list)
	for i := range out {
		out[i].Dates = slices.Clone(out[i].Dates)
		out[i].Weekdays = slices.Clone(out[i].Weekdays)
		out[i].Times = slices.Clone(out[i].Times)
	}
	return out
}
