package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// minute and hour are the spans that outcomes are counted by, in milliseconds.
const (
	minute = 60_000
	hour   = 60 * minute
)

// maxSpread is over how many minutes the occurrences that one run stands for are
// spread, a day's; those of a longer outage are counted more coarsely.
const maxSpread = 24 * 60

// countKey names one row of run_counts of the span minute.
type countKey struct {
	at    job.Instant
	state job.State
}

// countOutcomes adds runs that have just ended to the counts that outlive them.
// It comes last in its transaction, because others that end runs wait for it.
func (s *Store) countOutcomes(ctx context.Context, tx *sqlx.Tx, ended []*job.Run) error {
	if len(ended) == 0 {
		return nil
	}
	counts := map[countKey]int64{}
	for _, run := range ended {
		spread(run, func(at job.Instant, n int64) { counts[countKey{floor(at, minute), run.State}] += n })
	}
	// In one order, so that two transactions never wait for each other.
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.state, b.state))
	})
	var rows rowset
	for _, key := range keys {
		rows.add(key.at, string(key.state), counts[key])
	}
	_, err := execute(ctx, tx, `INSERT INTO run_counts (span, at, state, runs)
		SELECT 60000, v.at, v.state, v.runs FROM `+s.d.rows("at BIGINT", "state TEXT", "runs BIGINT")+` AS v WHERE true
		ON CONFLICT (span, at, state) DO UPDATE SET runs = run_counts.runs + excluded.runs`, args{"rows": rows.text()})
	return err
}

// spread says when the occurrences that a run stands for were scheduled: one,
// or many missed ones, evenly between the first and the last of them.
func spread(run *job.Run, add func(at job.Instant, n int64)) {
	if run.MissedCount <= 1 || run.MissedFrom == nil || run.MissedTo == nil || *run.MissedTo <= *run.MissedFrom {
		add(run.ScheduledAt, int64(max(1, run.MissedCount)))
		return
	}
	count, length := int64(run.MissedCount), int64(*run.MissedTo-*run.MissedFrom)
	parts := min(count, length/minute+1, maxSpread)
	for i := range parts {
		if n := count*(i+1)/parts - count*i/parts; n > 0 {
			add(*run.MissedFrom+job.Instant(length/parts*i), n)
		}
	}
}

// floor is the start of the span that a moment lies in.
func floor(at job.Instant, span int64) job.Instant {
	return at - ((at%job.Instant(span))+job.Instant(span))%job.Instant(span)
}

// Outcomes counts the occurrences that have ended, whether their runs are still
// kept or not. They are counted by the minute, old ones by the hour: each of
// these goes to the bucket that its middle lies in.
func (s *Store) Outcomes(ctx context.Context, b job.Buckets) ([]job.OutcomeCount, error) {
	counts, err := readAll[job.OutcomeCount](ctx, s, `SELECT (c.at + c.span / 2 - :from) / :width AS bucket, c.state,
			CAST(sum(c.runs) AS BIGINT) AS runs
		FROM run_counts c WHERE c.span IN (60000, 3600000) AND c.at > :earliest AND c.at < :to
			AND c.at + c.span / 2 >= :from AND c.at + c.span / 2 < :to
		GROUP BY 1, 2`, args{"from": int64(b.From), "earliest": int64(b.From) - hour, "to": int64(b.End()), "width": b.Width})
	return counts, fail("count outcomes", err)
}
