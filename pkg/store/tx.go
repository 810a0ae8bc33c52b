package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"
)

// args are the named parameters of a statement.
type args map[string]any

// turnWait is how long a transaction waits for the others of this process before
// it may begin to wait for those of another; both waits are of the same length.
const turnWait = 5 * time.Second

// maxTries is how often a transaction that the database undid is begun anew.
const maxTries = 5

// write runs work in one transaction. Where the database undid it, or the
// connection broke before the commit, it is run again from its beginning.
func (s *Store) write(ctx context.Context, doing string, work func(tx *sqlx.Tx) error) error {
	for try := 1; ; try++ {
		again, err := s.writeOnce(ctx, work)
		if err == nil || !again || try == maxTries {
			return fail(doing, err)
		}
		pause := time.Duration(try) * (5*time.Millisecond + rand.N(10*time.Millisecond))
		select {
		case <-ctx.Done():
			return fail(doing, err)
		case <-time.After(pause):
		}
	}
}

// writeOnce reports beside the error whether the same again may succeed.
func (s *Store) writeOnce(ctx context.Context, work func(tx *sqlx.Tx) error) (again bool, err error) {
	done, err := s.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	tx, err := s.w.BeginTxx(ctx, nil)
	if err != nil {
		return isCut(err), err
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	if err := work(tx); err != nil {
		var own callerError
		if errors.As(err, &own) {
			return false, err
		}
		kind := classify(err)
		// A duplicate is a row that another transaction wrote between our look and our write.
		return kind == faultAgain || kind == faultDuplicate || isCut(err), err
	}
	// A commit that broke off may have happened: only a plain "undone" is tried again.
	if err = tx.Commit(); err == nil {
		s.wrote()
	}
	return err != nil && classify(err) == faultAgain, err
}

// turn waits until a connection is free to write, for a while at most: where
// each of those ahead waits for another's lock until that is too long, the last
// of them would wait for all of them together.
func (s *Store) turn(ctx context.Context) (done func(), err error) {
	timer := time.NewTimer(s.turnWait)
	defer timer.Stop()
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, fmt.Errorf("no turn to write within %v: %w", s.turnWait, context.DeadlineExceeded)
	}
}

// conn is a pool or a transaction.
type conn interface {
	sqlx.ExtContext
	Rebind(query string) string
}

// bind turns named parameters into those of the driver.
func bind(q conn, text string, a args) (string, []any, error) {
	query, values, err := sqlx.Named(text, map[string]any(a))
	if err != nil {
		return "", nil, err
	}
	return q.Rebind(query), values, nil
}

// execute runs a statement and counts the rows it changed.
func execute(ctx context.Context, q conn, text string, a args) (int64, error) {
	query, values, err := bind(q, text, a)
	if err != nil {
		return 0, err
	}
	result, err := q.ExecContext(ctx, query, values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// selectAll reads all rows into dst, a pointer to a slice of structs or of plain values.
func selectAll(ctx context.Context, q conn, dst any, text string, a args) error {
	query, values, err := bind(q, text, a)
	if err != nil {
		return err
	}
	return sqlx.SelectContext(ctx, q, dst, query, values...)
}

// selectOne reads one row into dst and reports whether there was one.
func selectOne(ctx context.Context, q conn, dst any, text string, a args) (bool, error) {
	query, values, err := bind(q, text, a)
	if err != nil {
		return false, err
	}
	err = sqlx.GetContext(ctx, q, dst, query, values...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// readAll is selectAll outside a transaction, done again when the connection had been cut.
func readAll[T any](ctx context.Context, s *Store, text string, a args) (rows []T, err error) {
	for range maxTries {
		rows = nil
		if err = selectAll(ctx, s.r, &rows, text, a); err == nil || !isCut(err) {
			break
		}
	}
	return rows, err
}

// maxPageBytes is about how much the texts of one page hold: the page ends there, whatever number of rows was asked for.
const maxPageBytes = 4 << 20

// readPage is readAll for a page of a list. It stops behind the row with which the page reaches maxPageBytes, counted by
// size, so a few large rows do not make a page of hundreds of megabytes; full reports that it stopped.
func readPage[T any](ctx context.Context, s *Store, size func(*T) int, text string, a args) (rows []T, full bool, err error) {
	query, values, err := bind(s.r, text, a)
	if err != nil {
		return nil, false, err
	}
	for range maxTries {
		if rows, full, err = scanPage(ctx, s.r, size, query, values); err == nil || !isCut(err) {
			break
		}
	}
	return rows, full, err
}

func scanPage[T any](ctx context.Context, q conn, size func(*T) int, query string, values []any) (rows []T, full bool, err error) {
	found, err := q.QueryxContext(ctx, query, values...)
	if err != nil {
		return nil, false, err
	}
	defer found.Close()
	for bytes := 0; !full && found.Next(); full = bytes >= maxPageBytes {
		var row T
		if err := found.StructScan(&row); err != nil {
			return nil, false, err
		}
		rows = append(rows, row)
		bytes += size(&row)
	}
	return rows, full, found.Err()
}

// readOne is selectOne outside a transaction, done again when the connection had been cut.
func readOne(ctx context.Context, s *Store, dst any, text string, a args) (found bool, err error) {
	for range maxTries {
		if found, err = selectOne(ctx, s.r, dst, text, a); err == nil || !isCut(err) {
			break
		}
	}
	return found, err
}
