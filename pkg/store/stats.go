package store

import (
	"context"
	"slices"
	"time"

	"schedule-server/pkg/job"
)

// recentRuns is how many runs the lag is told from, recentFor how old they are at most.
const (
	recentRuns = 2000
	recentFor  = 15 * time.Minute
)

// Stats counts jobs and runs as of the moment.
func (s *Store) Stats(ctx context.Context, now job.Instant) (*job.Stats, error) {
	st := &job.Stats{Open: map[job.State]int64{}, Ended: map[job.State]int64{}}
	var total int64
	for _, count := range []struct {
		into *int64
		text string
	}{
		{&total, s.d.allJobs()},
		{&st.Paused, "SELECT count(*) FROM jobs WHERE status <> 'active' AND status = 'paused'"},
		{&st.Completed, "SELECT count(*) FROM jobs WHERE status <> 'active' AND status = 'completed'"},
		{&st.Failing, "SELECT count(*) FROM jobs WHERE last_state = 'failed'"},
		{&st.DueSoon, "SELECT count(*) FROM jobs WHERE next_run_at <= :soon"},
	} {
		if _, err := readOne(ctx, s, count.into, count.text, args{"soon": int64(now.Add(time.Hour))}); err != nil {
			return nil, fail("count jobs", err)
		}
	}
	st.Active = max(0, total-st.Paused-st.Completed)
	if err := s.countStates(ctx, st, now); err != nil {
		return nil, fail("count runs", err)
	}
	oldest, err := readAll[job.Instant](ctx, s, "SELECT due_at FROM jobs WHERE due_at <= :now ORDER BY due_at, id LIMIT 1", args{"now": int64(now)})
	if err != nil {
		return nil, fail("read the oldest due job", err)
	}
	if len(oldest) > 0 {
		st.OldestDue = &oldest[0]
	}
	st.Lags, err = readAll[int64](ctx, s, `SELECT r.started_at - r.due AS lag FROM (
			SELECT o.started_at, COALESCE(o.missed_from, o.scheduled_at) AS due, o.cause FROM runs o WHERE o.id >= :since ORDER BY o.id DESC LIMIT :limit) AS r
		WHERE r.started_at IS NOT NULL AND r.cause = 'schedule'`,
		args{"since": boundaryID(now.Add(-recentFor), 0), "limit": recentRuns})
	slices.Sort(st.Lags)
	return st, fail("read lags", err)
}

func (s *Store) countStates(ctx context.Context, st *job.Stats, now job.Instant) error {
	open, err := readAll[job.OutcomeCount](ctx, s, "SELECT 0 AS bucket, r.state, count(*) AS runs FROM runs r WHERE r.open = 1 GROUP BY r.state", args{})
	if err != nil {
		return err
	}
	for _, count := range open {
		st.Open[count.State] = count.Runs
	}
	day := (24 * time.Hour).Milliseconds()
	ended, err := s.Outcomes(ctx, job.Buckets{From: now - job.Instant(day) + 1, Width: day, N: 1})
	for _, count := range ended {
		st.Ended[count.State] = count.Runs
	}
	return err
}
