package runlog

import (
	"time"

	"schedule-server/pkg/job"
)

const (
	// settleFor is how long a sum waits for more, so that an outage is one line.
	settleFor = 2 * time.Second
	// sumEvery is the least time between two lines of a sum.
	sumEvery = time.Minute
	// maxCounted is how many jobs of a sum are told apart, maxNamed how many are named.
	maxCounted, maxNamed = 10_000, 5
)

// sum gathers occurrences for one line. The zero value is empty.
type sum struct {
	occurrences, coalesced int
	jobs                   map[string]struct{}
	named                  []string
	from, to               job.Instant
	first, written         time.Time
}

// add takes in the account of one or many occurrences of a job.
func (s *sum) add(run *job.Run, now time.Time) {
	from, to, n := run.ScheduledAt, run.ScheduledAt, max(run.MissedCount, 1)
	if run.MissedFrom != nil && run.MissedTo != nil {
		from, to = *run.MissedFrom, *run.MissedTo
	}
	if !s.any() {
		s.first, s.from, s.to, s.jobs = now, from, to, map[string]struct{}{}
	}
	s.from, s.to = min(s.from, from), max(s.to, to)
	s.occurrences += n
	if run.Reason == job.ReasonCoalesced {
		s.coalesced += n
	}
	if _, known := s.jobs[run.JobID]; !known && len(s.jobs) < maxCounted {
		s.jobs[run.JobID] = struct{}{}
		if len(s.named) < maxNamed {
			s.named = append(s.named, run.JobID)
		}
	}
}

func (s *sum) any() bool { return s.occurrences > 0 }

// due reports whether the line is to be written. A clock that was set back does not keep it for long.
func (s *sum) due(now time.Time) bool {
	if now.Before(s.first) {
		s.first = now
	}
	if now.Before(s.written) {
		s.written = now
	}
	return s.any() && now.Sub(s.first) >= settleFor && now.Sub(s.written) >= sumEvery
}

// take gives the attributes of the line, and begins a new sum.
func (s *sum) take(now time.Time) []any {
	a := []any{"occurrences", s.occurrences, "jobs", len(s.jobs), "job_ids", s.named,
		"first_scheduled_at", s.from.String(), "last_scheduled_at", s.to.String()}
	*s = sum{written: now}
	return a
}
