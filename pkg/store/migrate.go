package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// migrateTimeout bounds the wait for another process that is migrating.
const migrateTimeout = 60 * time.Second

// migrate brings the schema up to date, under a lock that only one process at a time can hold.
func migrate(ctx context.Context, d dialect, db *sql.DB) error {
	name, folder, locker, err := d.migration()
	if err != nil {
		return err
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(name, db, files, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

// exclusive is the lock of a SQLite file while its schema changes: SQLite's own
// exclusive mode, which outlasts the transactions of the single migrations and
// ends with the process, however that ends.
type exclusive struct{}

// SessionLock waits until no other connection uses the file, and takes it.
func (exclusive) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "PRAGMA locking_mode = EXCLUSIVE"); err != nil {
		return err
	}
	deadline := time.Now().Add(migrateTimeout)
	for {
		_, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE; COMMIT")
		if err == nil || classify(err) != faultBusy || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// SessionUnlock gives the file back: SQLite does so at the first read in normal mode.
func (exclusive) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "PRAGMA locking_mode = NORMAL"); err != nil {
		return err
	}
	var n int
	return conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
}

var _ lock.SessionLocker = exclusive{}
