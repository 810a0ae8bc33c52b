package api

import (
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

func (s *Server) getTimeline(c *fiber.Ctx) error {
	params := readQuery(c)
	b := params.buckets(s.deps.Now())
	jobID := params.text("job")
	if err := params.check(); err != nil {
		return err
	}
	t, err := s.deps.Service.Timeline(c.UserContext(), b, jobID)
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
