package store

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/trigger"
)

// Options are the settings of a Store. The zero value is good.
type Options struct {
	// Logger takes what operators should know. Nil: nothing is logged.
	Logger *slog.Logger
	// MaxOpen is how many connections are opened at most: to PostgreSQL in all,
	// to SQLite for reading, beside the one that writes. Zero: 16 and 4.
	MaxOpen int
	// MaxAge is how old a connection to PostgreSQL may become. Zero: DefaultConnectionAge.
	MaxAge time.Duration
}

// Store is the database. It is safe for concurrent use, and any number of
// processes may hold one on the same database.
type Store struct {
	d dialect
	// w writes. SQLite has one writer at a time, so its pool has one connection.
	w *sqlx.DB
	// r reads; it is w where readers and writers are alike.
	r *sqlx.DB
	// turns holds a token for each transaction that writes, as many as w has
	// connections; turnWait is how long one waits for its turn.
	turns    chan struct{}
	turnWait time.Duration
	logger   *slog.Logger
	// schema is where the schema stood at the start; shown is the database as people may see it.
	schema Schema
	shown  string
	// parser reads the schedules of jobs that change with something due.
	parser trigger.Parser
	// calendars are those of the database, as this process last read them.
	calendars keptCalendars
	probe     probe
	// pool makes the connections to PostgreSQL. Nil: it is SQLite.
	pool *pool
	log  logKeeper
	// resting is the file of OpenReadOnly. Nil: nothing has to be known of it.
	resting *restingFile
}

// Open connects to a database and brings its schema up to date, however many
// processes do so at once. The URL is "sqlite:///absolute/path",
// "sqlite://relative/path", "sqlite:path" or "postgres://user:password@host/name".
// The folder of a SQLite file is made, for its owner alone. The error is an *job.Error that names the
// file or the host, never the password: CodeInvalid for a URL that is none,
// CodeUnavailable otherwise.
func Open(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	return open(ctx, databaseURL, o, defaultLog)
}

func open(ctx context.Context, databaseURL string, o Options, limits logLimits) (*Store, error) {
	a, err := parseAddress(databaseURL)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{d: a.dialect, logger: o.Logger, shown: a.shown(), turnWait: turnWait, probe: probe{token: make(chan struct{}, 1)}}
	if s.w, s.r, err = a.connect(o, &limits); err != nil {
		return nil, a.unavailable(err)
	}
	if a.dialect == sqlite {
		file, _ := filepath.EvalSymlinks(a.file) // SQLite puts the log there
		s.log = logKeeper{limits: limits, file: file + "-wal", db: a.connectLog()}
	}
	if s.pool = a.pool; s.pool != nil {
		if err := s.pool.findPooler(ctx); err != nil {
			_ = s.Close()
			return nil, a.unavailable(plain(err))
		}
	}
	s.turns = make(chan struct{}, s.w.Stats().MaxOpenConnections)
	if s.schema, err = migrate(ctx, a, s.w.DB); err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, a.unavailable(err)
	}
	s.schema.log(s.logger)
	s.parser.Calendars = &s.calendars.set
	if err := s.RefreshCalendars(ctx); err != nil {
		_ = s.Close()
		return nil, a.unavailable(err)
	}
	if err := s.undoInMemory(ctx); err != nil {
		_ = s.Close()
		return nil, a.unavailable(err)
	}
	s.wrote() // the migrations did, or a process that was killed left a log behind
	return s, nil
}

// undoInMemory has SQLite keep the pages that a statement changes, as they were before, in memory: a batch changes
// a few hundred, and beyond 64 KiB they would go through a file. It comes after the migrations, which may sort a
// whole table and need that file; a connection that is made anew later goes without, and is only slower.
func (s *Store) undoInMemory(ctx context.Context) error {
	if s.d != sqlite {
		return nil
	}
	_, err := s.w.ExecContext(ctx, "PRAGMA temp_store = MEMORY")
	return err
}

// Close gives the connections back. Calls under way end first.
func (s *Store) Close() error {
	err := errors.Join(s.closeLog(), s.r.Close())
	if s.w != s.r {
		err = errors.Join(err, s.w.Close())
	}
	return fail("close", err)
}
