package control

import (
	"context"
	"log/slog"
	"math"
	"time"

	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
)

const (
	// A server that is away is asked every askEvery, and named in the log every sayEvery.
	askEvery, sayEvery = time.Second, 10 * time.Second
	// commandWait is how long a command waits for it.
	commandWait = 30 * time.Second
)

// Store opens the database, and brings its schema up to date.
func Store(ctx context.Context, p *app.Process, address string) (*store.Store, error) {
	return openWith(ctx, p, address, store.Open)
}

// RoleStore is Store for a role, with as many connections as its flags say.
func RoleStore(ctx context.Context, p *app.Process, d app.Database) (*store.Store, error) {
	return openWith(ctx, p, d.URL(), func(ctx context.Context, address string, o store.Options) (*store.Store, error) {
		o.MaxOpen, o.MaxAge = 0, d.DatabaseConnectionAge
		if isPostgres(address) {
			o.MaxOpen = d.DatabaseConnections
		}
		return store.Open(ctx, address, o)
	})
}

// openWith opens the database. A role waits for a server that is away, or refuses the login, and says so
// again and again; a command waits a while. A file that cannot be used is an error that names it.
func openWith(
	ctx context.Context, p *app.Process, address string, open func(context.Context, string, store.Options) (*store.Store, error),
) (*store.Store, error) {
	try := func() (*store.Store, error) { return open(ctx, address, store.Options{Logger: p.Logger}) }
	switch {
	case !isPostgres(address):
		s, err := try()
		return s, Flagged(err)
	case p.Serves():
		return await(ctx, p.Logger, math.MaxInt64, try)
	}
	return await(ctx, p.Logger, commandWait, try)
}

// await opens until that goes well, fails for good, or has failed for so long.
func await(ctx context.Context, logger *slog.Logger, most time.Duration, open func() (*store.Store, error)) (*store.Store, error) {
	var said time.Time
	for begun := time.Now(); ; {
		s, err := open()
		if err == nil && !said.IsZero() {
			logger.Info("the database is there")
		}
		if err == nil || job.CodeOf(err) != job.CodeUnavailable || time.Since(begun) >= most {
			return s, Flagged(err)
		}
		if time.Since(said) >= sayEvery {
			logger.Error("waiting for the database", "error", err)
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

// Flagged names the flag that a fault of the URL is about.
func Flagged(err error) error {
	if job.CodeOf(err) == job.CodeInvalid {
		return &app.FlagError{Name: "database-url", Err: err}
	}
	return err
}

// Shown are the attributes of the line at the start that say where jobs and history are.
func Shown(s *store.Store) []any {
	return []any{"database", s.Address(), "schema", s.Schema().Version}
}
