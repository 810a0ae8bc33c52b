//go:build cgo

package store

import (
	"database/sql/driver"
	"errors"
	"syscall"

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
