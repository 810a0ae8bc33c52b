package api

import (
	"context"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

const (
	maxBuckets     = 1000
	defaultBuckets = 96
	// timelineAround is how far the timeline reaches into the past and into the
	// future when nothing else is asked for.
	timelineAround = 12 * time.Hour
	maxTimeline    = 400 * 24 * time.Hour
)

// OverviewStore reads what the timeline and the statistics are made of.
type OverviewStore interface {
	// Outcomes counts the occurrences that have ended, by bucket and state.
	Outcomes(ctx context.Context, b job.Buckets) ([]job.OutcomeCount, error)
	// JobOutcomes counts those of one job whose runs are kept; whole is false when there were too many.
	JobOutcomes(ctx context.Context, jobID string, b job.Buckets) (counts []job.OutcomeCount, whole bool, err error)
	// Plans reads the schedules of active jobs, of some of them when there are more than most.
	Plans(ctx context.Context, most int64) (job.Plans, error)
	// Stats counts jobs and runs as of a moment.
	Stats(ctx context.Context, now job.Instant) (*job.Stats, error)
}

// timeline is past and future on one axis.
type timeline struct {
	Buckets []timelineBucket `json:"buckets"`
	// Peak is the bucket that holds the most; of several the first.
	Peak timelinePeak `json:"peak"`
	// Approximate says that there was too much to be counted one by one.
	Approximate bool `json:"approximate,omitempty"`
}

type timelineBucket struct {
	At        job.Instant `json:"at"`
	Succeeded int64       `json:"succeeded"`
	Failed    int64       `json:"failed"`
	Skipped   int64       `json:"skipped"`
	Missed    int64       `json:"missed"`
	Planned   int64       `json:"planned"`
}

type timelinePeak struct {
	At    job.Instant `json:"at"`
	Count int64       `json:"count"`
}

func (s *Server) getTimeline(c *fiber.Ctx) error {
	params := readQuery(c)
	b := params.buckets(s.deps.Now())
	jobID := params.text("job")
	if err := params.check(); err != nil {
		return err
	}
	t, err := s.timeline(c.UserContext(), b, jobID)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return c.JSON(t)
}

// buckets reads from, to and buckets.
func (q *query) buckets(now job.Instant) job.Buckets {
	from, to := now.Add(-timelineAround), now.Add(timelineAround)
	start, end := q.instant("from"), q.instant("to")
	switch {
	case start != nil && end != nil:
		from, to = *start, *end
	case start != nil:
		from, to = *start, start.Add(2*timelineAround)
	case end != nil:
		from, to = end.Add(-2*timelineAround), *end
	}
	n := defaultBuckets
	if text := q.text("buckets"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > maxBuckets {
			q.fault("buckets", "invalid", "buckets is a number from 1 to %d", maxBuckets)
			n = defaultBuckets
		}
	}
	length := int64(to - from)
	switch {
	case from < trigger.MinInstant, to > trigger.MaxInstant:
		q.fault("from", "invalid", "the timeline lies in the years 0001 to 9999")
	case length < int64(n):
		q.fault("to", "invalid", "to is later than from, by a millisecond for each bucket at least")
	case length > maxTimeline.Milliseconds():
		q.fault("to", "invalid", "from and to are at most %s apart", job.Duration(maxTimeline))
	}
	return job.Buckets{From: from, Width: max(1, (length+int64(n)-1)/int64(n)), N: n}
}

func (s *Server) timeline(ctx context.Context, b job.Buckets, jobID string) (*timeline, error) {
	counts, planned, approximate, err := s.occurrences(ctx, b, jobID)
	if err != nil {
		return nil, err
	}
	t := &timeline{Buckets: make([]timelineBucket, b.N), Approximate: approximate}
	totals := planned
	for i := range t.Buckets {
		t.Buckets[i].At = b.From + job.Instant(int64(i)*b.Width)
		t.Buckets[i].Planned = planned[i]
	}
	for _, count := range counts {
		if count.Bucket < 0 || count.Bucket >= b.N {
			continue
		}
		bucket := &t.Buckets[count.Bucket]
		switch count.State {
		case job.StateSucceeded:
			bucket.Succeeded += count.Runs
		case job.StateFailed:
			bucket.Failed += count.Runs
		case job.StateSkipped:
			bucket.Skipped += count.Runs
		case job.StateMissed:
			bucket.Missed += count.Runs
		default:
			continue // what was canceled took place neither way
		}
		totals[count.Bucket] += count.Runs
	}
	t.Peak = timelinePeak{At: b.From}
	for i, total := range totals {
		if total > t.Peak.Count {
			t.Peak = timelinePeak{At: t.Buckets[i].At, Count: total}
		}
	}
	return t, nil
}

// occurrences counts what was and what will be, of all jobs or of one. One that
// was deleted has a past as long as runs of it are kept.
func (s *Server) occurrences(ctx context.Context, b job.Buckets, jobID string) (
	counts []job.OutcomeCount, planned []int64, approximate bool, err error,
) {
	if jobID == "" {
		if counts, err = s.deps.Overview.Outcomes(ctx, b); err != nil {
			return nil, nil, false, err
		}
		planned, approximate, err = s.planner.all(ctx, b)
		return counts, planned, approximate, err
	}
	counts, whole, err := s.deps.Overview.JobOutcomes(ctx, jobID, b)
	if err != nil {
		return nil, nil, false, err
	}
	j, err := s.deps.Service.Get(ctx, jobID)
	switch {
	case err == nil:
		planned, approximate = s.planner.one(j, b)
	case job.CodeOf(err) == job.CodeNotFound && len(counts) > 0:
		planned = make([]int64, b.N)
	default:
		return nil, nil, false, err
	}
	return counts, planned, approximate || !whole, nil
}
