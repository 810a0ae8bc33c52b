package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// OpenReadOnly connects to a database as Open does, and writes nothing: it makes neither
// file nor folder, and leaves the schema as it is. Only the methods that read work. If
// there is no database yet, or one without our tables, the store is nil. The error is as
// that of Open; CodeConflict for a schema that is older than this program's.
func OpenReadOnly(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	a, err := parseAddress(databaseURL)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{d: a.dialect, logger: o.Logger, shown: a.shown(), turnWait: turnWait, probe: probe{token: make(chan struct{}, 1)}}
	if err := s.connectReadOnly(a, o); err != nil {
		if a.dialect == sqlite && errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, a.unavailable(err)
	}
	if err := s.checkSchema(ctx, a); err != nil {
		_ = s.Close() // the first error is the one to tell
		if errors.Is(err, errNoSchema) {
			return nil, nil
		}
		return nil, err
	}
	return s, nil
}

// connectReadOnly makes a pool whose connections change nothing.
func (s *Store) connectReadOnly(a *address, o Options) (err error) {
	if a.dialect == postgres {
		s.w, s.r, err = a.connect(o, nil)
		return err
	}
	file, err := filepath.EvalSymlinks(a.file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	// SQLite makes a log and its index even to read. A file without a log is in nobody's hands, and is read without one.
	mode := "mode=ro"
	if _, err := os.Stat(file + "-wal"); errors.Is(err, fs.ErrNotExist) {
		mode = "mode=ro&immutable=1"
		s.resting = &restingFile{file, info}
	}
	db := sqlx.NewDb(sql.OpenDB(sqliteConnector{dsn: fileDSN(file, mode+"&_busy_timeout=5000&_query_only=1")}), "sqlite3")
	db.SetMaxOpenConns(cmp.Or(o.MaxOpen, 4))
	s.w, s.r = db, db
	return nil
}

// restingFile is a SQLite file that nobody had open when it was opened.
type restingFile struct {
	file string
	info fs.FileInfo
}

// check fails if somebody opened the file meanwhile: what was read of it may be of two moments.
func (f *restingFile) check() error {
	if f == nil {
		return nil
	}
	_, err := os.Stat(f.file + "-wal")
	info, gone := os.Stat(f.file)
	if errors.Is(err, fs.ErrNotExist) && gone == nil && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) {
		return nil
	}
	return job.Errorf(job.CodeConflict, "the database file %s was opened by another program while it was read; do it again", f.file)
}

var errNoSchema = errors.New("the database has no schema")

// checkSchema wants the schema to be as new as this program's.
func (s *Store) checkSchema(ctx context.Context, a *address) error {
	latest, err := NewestSchema()
	if err != nil {
		return err
	}
	var version int64
	_, err = selectOne(ctx, s.r, &version, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied", args{})
	var pg *pgconn.PgError
	switch {
	case err != nil && (strings.Contains(err.Error(), "no such table") || errors.As(err, &pg) && pg.Code == "42P01"):
		return errNoSchema
	case err != nil:
		return a.unavailable(err)
	case version == 0:
		return errNoSchema
	case version < latest:
		return job.Errorf(job.CodeConflict, "%s has the schema %d and this program needs %d: start the service once, which brings it up to date", a.name, version, latest)
	}
	return nil
}
