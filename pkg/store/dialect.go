package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// dialect is which database this is. Every place where the two differ is a
// method here; the statements themselves are the same text.
type dialect int

const (
	sqlite dialect = iota
	postgres
)

// migration says how the schema is brought up to date: goose's name of the
// dialect, the folder of the files, and what else goose is told.
func (d dialect) migration(pooled bool) (goose.Dialect, string, []goose.ProviderOption, error) {
	if d == sqlite {
		return goose.DialectSQLite3, "migrations/sqlite", nil, nil
	}
	seconds := uint64(migrateTimeout / time.Second)
	if pooled { // a lock of a session would stay with a connection that the pooler gives to others
		locker, err := lock.NewPostgresTableLocker(lock.WithTableLockTimeout(time.Second, seconds))
		if err != nil {
			return "", "", nil, err
		}
		return goose.DialectPostgres, "migrations/postgres", []goose.ProviderOption{goose.WithLocker(locker)}, nil
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, seconds))
	if err != nil {
		return "", "", nil, err
	}
	return goose.DialectPostgres, "migrations/postgres", []goose.ProviderOption{goose.WithSessionLocker(locker)}, nil
}

// lock keeps other processes from migrating; on PostgreSQL goose does so itself.
func (a *address) lock(ctx context.Context) (unlock func(), err error) {
	if a.dialect == postgres {
		return func() {}, nil
	}
	return lockFile(ctx, a.file)
}

// lockJobs keeps others from changing jobs, in the order of their ids, and says
// which it holds: one that another transaction makes a moment later is not among
// them, though a later statement may see it. A statement of its own: on PostgreSQL
// one that locks and joins would lose the rows whose other half was written while
// it waited. SQLite has one writer, who has the lock.
func (d dialect) lockJobs(ctx context.Context, tx conn, ids []string) (locked []string, err error) {
	if d == sqlite || len(ids) == 0 {
		return ids, nil
	}
	err = selectAll(ctx, tx, &locked, "SELECT id FROM jobs WHERE "+d.in("id", ":ids")+" ORDER BY id FOR UPDATE", args{"ids": d.list(ids)})
	return locked, err
}

// lockTable keeps others from changing a small table until the transaction ends.
func (d dialect) lockTable(ctx context.Context, tx conn, table string) error {
	if d == sqlite {
		return nil // it has one writer
	}
	_, err := tx.ExecContext(ctx, "LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}

// rows is a FROM item with the given columns, each "name TYPE" where the type is
// TEXT or BIGINT, made of the parameter :rows, a JSON array of arrays. SQLite's
// jsonb_each hands each row on as it was parsed; json_each costs twice as much.
func (d dialect) rows(columns ...string) string {
	var b strings.Builder
	for i, column := range columns {
		name, kind, _ := strings.Cut(column, " ")
		if i > 0 {
			b.WriteString(", ")
		}
		if d == sqlite {
			fmt.Fprintf(&b, "json_extract(value, '$[%d]') AS %s", i, name)
		} else {
			fmt.Fprintf(&b, "CAST(value ->> %d AS %s) AS %s", i, kind, name)
		}
	}
	if d == sqlite {
		return "(SELECT " + b.String() + " FROM jsonb_each(:rows))"
	}
	return "(SELECT " + b.String() + " FROM jsonb_array_elements(CAST(:rows AS jsonb)))"
}

// unforeseen is a parameter whose value PostgreSQL cannot weigh: by what it counted last hardly any
// job is due when a hundred thousand are, and it would read and sort all of them for each thousand.
func (d dialect) unforeseen(parameter, kind string) string {
	if d == sqlite {
		return parameter
	}
	return "(SELECT CAST(" + parameter + " AS " + kind + "))"
}

// in is a condition: the column is one of the parameter, made by list.
func (d dialect) in(column, parameter string) string {
	if d == sqlite {
		return column + " IN (SELECT value FROM json_each(" + parameter + "))"
	}
	return column + " = ANY(CAST(" + parameter + " AS TEXT[]))"
}

// list is the value of a parameter of in.
func (d dialect) list(ids []string) any {
	if d == postgres {
		return ids
	}
	text, _ := json.Marshal(ids) // strings always marshal
	return string(text)
}

// contains is a condition: the column holds the parameter, letter by letter.
func (d dialect) contains(column, parameter string) string {
	if d == sqlite {
		return "instr(" + column + ", " + parameter + ") > 0"
	}
	return "strpos(" + column + ", CAST(" + parameter + " AS TEXT)) > 0"
}

// forUpdate locks the rows read of one table until the transaction ends. SQLite
// has one writer, and it holds the database already.
func (d dialect) forUpdate(table string) string {
	if d == sqlite {
		return ""
	}
	return " FOR UPDATE OF " + table
}

// skipLocked is forUpdate that passes over rows that others have locked.
func (d dialect) skipLocked(table string) string {
	if d == sqlite {
		return ""
	}
	return " FOR UPDATE OF " + table + " SKIP LOCKED"
}

// by has SQLite read a table by an index, where it would rather look up each row;
// PostgreSQL weighs that for itself.
func (d dialect) by(index string) string {
	if d == sqlite {
		return " INDEXED BY " + index
	}
	return ""
}

// weighs reports whether the database knows how many rows have what value, and chooses its indexes by that.
func (d dialect) weighs() bool { return d == postgres }

// unindexed is a column that SQLite looks nothing up by.
func (d dialect) unindexed(column string) string {
	if d == sqlite {
		return "+" + column
	}
	return column
}

// oneIn is a condition that about one in :one_in rows of jobs fulfils, whatever is in them.
func (d dialect) oneIn(table string) string {
	if d == sqlite {
		return table + ".rowid % :one_in = 0"
	}
	return "mod(abs(CAST(hashtext(" + table + ".id) AS BIGINT)), :one_in) = 0"
}

// allJobs is a statement that counts all jobs. PostgreSQL would take a hundred milliseconds to
// read a million of them: triggers keep their number there, in rows that are to be added up.
func (d dialect) allJobs() string {
	if d == sqlite {
		return "SELECT count(*) FROM jobs"
	}
	return "SELECT CAST(COALESCE(sum(jobs), 0) AS BIGINT) FROM job_counts"
}

// nowMS is the time by the database's own clock, in milliseconds: those of the processes may differ.
func (d dialect) nowMS() string {
	if d == sqlite {
		return "CAST(unixepoch('subsec') * 1000 AS BIGINT)"
	}
	return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
}

// probe fails where nothing can be written. SQLite writes a page, which nothing
// else reads; PostgreSQL is asked whether it would.
func (d dialect) probe(ctx context.Context, tx conn) error {
	if d == sqlite {
		_, err := execute(ctx, tx, "PRAGMA user_version = 0", args{})
		return err
	}
	var readOnly string
	_, err := selectOne(ctx, tx, &readOnly, "SHOW transaction_read_only", args{})
	if err == nil && readOnly == "on" {
		return &pgconn.PgError{Code: "25006"} // as a write would answer
	}
	return err
}

// fault is what an error of a driver means to us.
type fault int

const (
	faultOther     fault = iota // our own mistake
	faultAway                   // the database does not answer, or cannot write
	faultBusy                   // another holds the SQLite file
	faultAgain                  // the transaction was undone; the same again may succeed
	faultDuplicate              // a unique key is taken
)

// isCut reports a connection that broke, or that the server cut: the same again finds another.
func isCut(err error) bool {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &connect):
		return false // there is none to be had
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "57P0") || strings.HasPrefix(pg.Code, "08") || isLostStatement(pg)
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		strings.Contains(err.Error(), "conn closed")
}

// sqliteError is what matters of an error of SQLite's driver.
type sqliteError struct {
	fault fault
	// full and readOnly say why it cannot write.
	full, readOnly bool
	// cantOpen, corrupt and noDatabase say what is wrong with the file.
	cantOpen, corrupt, noDatabase bool
}

// classify reads an error of either driver.
func classify(err error) fault {
	if lite, ok := asSQLite(err); ok {
		return lite.fault
	}
	var pg *pgconn.PgError
	var network net.Error
	switch {
	case errors.As(err, &pg):
		return classifyPostgres(pg)
	case errors.As(err, &network), isCut(err), errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone),
		strings.Contains(err.Error(), "database is closed"): // database/sql keeps that error to itself
		return faultAway
	}
	return faultOther
}

// ails says what keeps the database from doing its work.
func ails(err error) string {
	lite, _ := asSQLite(err)
	var pg *pgconn.PgError
	switch {
	case lite.full, errors.As(err, &pg) && pg.Code == "53100":
		return "cannot write: its disk is full"
	case lite.readOnly, errors.As(err, &pg) && pg.Code == "25006":
		return "cannot write: it is read-only"
	case lite.fault == faultBusy:
		return "is locked by another program"
	case errors.As(err, &pg):
		return postgresAils(pg.Code)
	}
	return "does not answer"
}

func classifyPostgres(err *pgconn.PgError) fault {
	switch {
	case err.Code == "23505":
		return faultDuplicate
	case strings.HasPrefix(err.Code, "40"), err.Code == "55P03": // serialization, deadlock, lock timeout
		return faultAgain
	case err.Code == "25006", isLostStatement(err): // read-only: a standby; a pooler in between
		return faultAway
	}
	switch err.Code[:min(2, len(err.Code))] {
	case "08", "28", "3D", "53", "57", "58", "XX": // connection, login, no database, resources, operator, system, internal
		return faultAway
	}
	return faultOther
}
