//go:build cgo

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"syscall"
	"time"

	"github.com/mattn/go-sqlite3"
)

// sqliteDriver opens connections to SQLite files.
func sqliteDriver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// asSQLite reads an error of SQLite's driver.
func asSQLite(err error) (e sqliteError, ok bool) {
	var lite sqlite3.Error
	if !errors.As(err, &lite) {
		return e, false
	}
	return sqliteError{
		fault:    classifySQLite(lite),
		full:     lite.Code == sqlite3.ErrFull || noRoom(lite.SystemErrno),
		readOnly: lite.Code == sqlite3.ErrReadonly,
		cantOpen: lite.Code == sqlite3.ErrCantOpen,
		corrupt:  lite.Code == sqlite3.ErrCorrupt,

		noDatabase: lite.Code == sqlite3.ErrNotADB,
	}, true
}

func classifySQLite(err sqlite3.Error) fault {
	switch err.Code {
	case sqlite3.ErrConstraint:
		if err.ExtendedCode == sqlite3.ErrConstraintPrimaryKey || err.ExtendedCode == sqlite3.ErrConstraintUnique {
			return faultDuplicate
		}
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return faultBusy
	case sqlite3.ErrFull, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrIoErr,
		sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrNomem, sqlite3.ErrPerm, sqlite3.ErrAuth, sqlite3.ErrInterrupt,
		sqlite3.ErrProtocol, sqlite3.ErrNoLFS:
		return faultAway
	}
	return faultOther
}

// noRoom reports that the system lets a file grow no further: a quota is spent, or a limit of the process reached.
func noRoom(number syscall.Errno) bool { return number == syscall.EDQUOT || number == syscall.EFBIG }

// copyAll copies the database of one connection of the driver into that of another, page by page.
func copyAll(ctx context.Context, target driver.Conn, source any) error {
	backup, err := target.(*sqlite3.SQLiteConn).Backup("main", source.(*sqlite3.SQLiteConn), "main")
	if err != nil {
		return err
	}
	for left := -1; ; left = backup.Remaining() {
		done, err := backup.Step(copyPages)
		switch {
		case err != nil:
			return errors.Join(err, backup.Finish())
		case done:
			return backup.Finish()
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), backup.Finish())
		case backup.Remaining() == left: // somebody else has a lock
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// deserialize makes the bytes of a SQLite file the database of a connection, whose values and rows have so many bytes at most.
func deserialize(conn driver.Conn, file []byte, largest int) error {
	conn.(*sqlite3.SQLiteConn).SetLimit(sqlite3.SQLITE_LIMIT_LENGTH, largest)
	return conn.(*sqlite3.SQLiteConn).Deserialize(file, "main")
}
