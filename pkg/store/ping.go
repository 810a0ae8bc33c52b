package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// probeEvery is the shortest time between two writes that only ask whether the database takes them.
const probeEvery = time.Second

// probe is the latest answer to that question; whoever holds its token asks.
type probe struct {
	token chan struct{}
	asked time.Time
	err   error
}

// Ping asks the database to read, and, at most once a second, to write: one that
// is locked, read-only or on a full disk answers every read, and is of no use. The
// error is CodeUnavailable.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if _, err := readOne(ctx, s, &one, "SELECT count(*) FROM definitions WHERE job_id = ''", args{}); err != nil {
		return &job.Error{Code: job.CodeUnavailable, Detail: "the database " + ails(err), Err: plain(err)}
	}
	select {
	case s.probe.token <- struct{}{}:
		defer func() { <-s.probe.token }()
	case <-ctx.Done():
		return job.Unavailable("the database", ctx.Err())
	}
	if time.Since(s.probe.asked) >= probeEvery {
		s.probe.err = s.write(ctx, "write to ask whether that goes", func(tx *sqlx.Tx) error { return s.d.probe(ctx, tx) })
		s.probe.asked = time.Now()
		var refused *pgconn.PgError
		if s.pool != nil && errors.As(s.probe.err, &refused) {
			s.pool.keeps(refused)
		}
	}
	return s.probe.err
}
