package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// copyPages is how many pages are copied at once: 4 MiB, between which the copy may be called off.
const copyPages = 1 << 10

// DatabaseFile is the file of a SQLite database, whatever links lead to it; empty for PostgreSQL. The file need not exist.
func DatabaseFile(databaseURL string) (string, error) {
	a, err := parseAddress(databaseURL)
	if err != nil || a.dialect != sqlite {
		return "", err
	}
	file, err := filepath.EvalSymlinks(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		return a.file, nil
	}
	return file, err
}

// Copy copies a SQLite database into an empty file, as it is at one moment, whoever writes to it meanwhile: nobody is held
// up. The copy needs no log. It is not on the disk yet: the caller has to see to that. The errors of both files are CodeMalformed
// for what is no database, CodeUnavailable otherwise, and do not name the files.
func Copy(ctx context.Context, from, to string) error {
	return foreignFault(copyDatabase(ctx, from, to), "cannot be copied")
}

func copyDatabase(ctx context.Context, from, to string) error {
	source, err := openToRead(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	conn, err := source.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// Within a transaction every step of the copy sees the same moment. Without one each commit of another process would
	// have it begin anew.
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT count(*) FROM sqlite_master"); err != nil {
		return err
	}
	target, err := sqliteDriver().Open(fileDSN(to, "mode=rw&_journal=MEMORY&_synchronous=OFF"))
	if err != nil {
		return err
	}
	err = conn.Raw(func(c any) error { return copyAll(ctx, target, c) })
	if err == nil {
		err = leaveLog(ctx, target)
	}
	return errors.Join(err, target.Close())
}

// errLogInUse says that a database cannot do without its log, because somebody else has it open.
var errLogInUse = errors.New("the log is in use")

// leaveLog makes a database do without a log: it is one file then. It fails with errLogInUse where somebody else has it open.
func leaveLog(ctx context.Context, conn driver.Conn) error {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "PRAGMA journal_mode = DELETE", nil)
	if err != nil {
		return err
	}
	mode := make([]driver.Value, 1)
	if err := errors.Join(rows.Next(mode), rows.Close()); err != nil {
		return err
	}
	if mode[0] != "delete" {
		return errLogInUse
	}
	return nil
}

// openToRead opens a SQLite file to be read, beside whoever writes to it.
func openToRead(ctx context.Context, file string) (*sqlx.DB, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, job.Errorf(job.CodeNotFound, "does not exist")
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, job.Errorf(job.CodeMalformed, "is a folder")
	case info.Size() == 0:
		return nil, job.Errorf(job.CodeMalformed, "is empty")
	}
	const careful = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON"
	db := sqlx.NewDb(sql.OpenDB(sqliteConnector{fileDSN(file, "mode=ro&_query_only=1&_busy_timeout=5000"), careful}), "sqlite3")
	db.SetMaxOpenConns(1)
	var tables int
	if err = db.GetContext(ctx, &tables, "SELECT count(*) FROM sqlite_master"); err == nil {
		return db, nil
	}
	// In a folder that is not writable a file with a log cannot be opened; one whose log is gone needs none.
	_, noLog := os.Stat(file + "-wal")
	lite, ok := asSQLite(err)
	if !ok || !lite.cantOpen && !lite.readOnly || !errors.Is(noLog, fs.ErrNotExist) {
		return nil, errors.Join(err, db.Close())
	}
	_ = db.Close()
	db = sqlx.NewDb(sql.OpenDB(foreignConnector(file)), "sqlite3")
	db.SetMaxOpenConns(1)
	if err := db.GetContext(ctx, &tables, "SELECT count(*) FROM sqlite_master"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// foreignFault turns an error with a SQLite file that may be anything into one for whoever named the file, which it completes.
func foreignFault(err error, otherwise string) error {
	var known *job.Error
	lite, _ := asSQLite(err)
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case lite.noDatabase:
		return job.Errorf(job.CodeMalformed, "is no SQLite database")
	case lite.corrupt:
		return job.Errorf(job.CodeMalformed, "is damaged: %v", err)
	case lite.full:
		return job.Errorf(job.CodeUnavailable, "cannot be copied: the disk is full")
	}
	return &job.Error{Code: job.CodeUnavailable, Detail: otherwise, Err: err}
}

// Contents is what a SQLite database of this service holds.
type Contents struct {
	// Schema is the version of its schema.
	Schema int64
	// Jobs, Runs and Secrets are how many there are.
	Jobs, Runs, Secrets int
	// Sealed says which sealed texts the key opens.
	Sealed Sealed
}

// NewestSchema is the version of the schema that this program makes.
func NewestSchema() (newest int64, err error) {
	entries, err := migrations.ReadDir("migrations/sqlite")
	for _, entry := range entries {
		var version int64
		if _, err := fmt.Sscanf(entry.Name(), "%d_", &version); err != nil {
			return 0, err
		}
		newest = max(newest, version)
	}
	return newest, err
}

// Recognize is the part of Inspect that takes no time: it reports what is no database of this service.
func Recognize(ctx context.Context, file string) error {
	db, err := openToRead(ctx, file)
	if err == nil {
		err = errors.Join(isOurs(ctx, db), db.Close())
	}
	return foreignFault(err, "cannot be read")
}

// Inspect checks that a SQLite file is a database of this service and whole, and counts what it holds. It changes nothing. The
// error is CodeMalformed where it is not, and completes a sentence that begins with the file's name.
func Inspect(ctx context.Context, file string, open func(place, sealed string) (string, error)) (*Contents, error) {
	c, err := inspect(ctx, file, open)
	return c, foreignFault(err, "cannot be read")
}

func inspect(ctx context.Context, file string, open func(place, sealed string) (string, error)) (*Contents, error) {
	db, err := openToRead(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	if err := isOurs(ctx, tx); err != nil {
		return nil, err
	}
	var faults []string
	if err := selectAll(ctx, tx, &faults, "PRAGMA integrity_check(3)", args{}); err != nil {
		return nil, err
	}
	if len(faults) != 1 || faults[0] != "ok" {
		return nil, job.Errorf(job.CodeMalformed, "is damaged: %s", strings.Join(faults, "; "))
	}
	var c Contents
	if _, err := selectOne(ctx, tx, &c.Schema, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied = 1", args{}); err != nil {
		return nil, err
	}
	counts := map[string]*int{"jobs": &c.Jobs, "runs": &c.Runs, "secrets": &c.Secrets}
	if c.Schema < 2 {
		delete(counts, "secrets") // the second migration made the table
	}
	for table, n := range counts {
		if _, err := selectOne(ctx, tx, n, "SELECT count(*) FROM "+table, args{}); err != nil {
			return nil, err
		}
	}
	if c.Schema >= 2 {
		c.Sealed, err = checkSealed(ctx, tx, open)
	}
	return &c, err
}

// isOurs tells what a database is that is none of ours.
func isOurs(ctx context.Context, q conn) error {
	var tables []string
	if err := selectAll(ctx, q, &tables, "SELECT name FROM sqlite_master WHERE type = 'table'", args{}); err != nil {
		return err
	}
	has := map[string]bool{}
	for _, table := range tables {
		has[table] = true
	}
	switch {
	case has["jobs"] && has["runs"] && has["definitions"] && has["goose_db_version"]:
		return nil
	case len(tables) == 0:
		return job.Errorf(job.CodeMalformed, "is a database without any table. That is what a copy of a database file looks like whose log, the file with -wal at the end of its name, was left behind")
	case has["apscheduler_jobs"]:
		return job.Errorf(job.CodeMalformed, "is the job store of the original service: its jobs come in by the command import")
	}
	return job.Errorf(job.CodeMalformed, "is a database of another program")
}
