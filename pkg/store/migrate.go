package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// migrateTimeout bounds the wait for another process that is migrating, and for one that holds the file.
const migrateTimeout = 60 * time.Second

// migrate brings the schema up to date, under a lock that only one process at a time can hold.
func migrate(ctx context.Context, a *address, db *sql.DB) (schema Schema, err error) {
	name, folder, options, err := a.dialect.migration(a.pool != nil && a.pool.pooled.Load())
	if err != nil {
		return schema, err
	}
	unlock, err := a.lock(ctx)
	if err != nil {
		return schema, err
	}
	defer unlock()
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return schema, err
	}
	provider, err := goose.NewProvider(name, db, files, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return schema, err
	}
	err = outlastLock(ctx, func() (err error) {
		schema, err = upgrade(ctx, provider)
		return err
	})
	if err != nil && isAway(err) {
		return schema, plain(err)
	}
	if err != nil {
		return schema, fmt.Errorf("bring the schema up to date: %w", err)
	}
	return schema, nil
}

// isAway reports that there is no connection: nothing was done, or went wrong with the schema.
func isAway(err error) bool {
	var failed *pgconn.ConnectError
	return errors.As(err, &failed)
}

// outlastLock does something again for as long as another program holds the
// file, a backup say, which may last longer than the wait of one statement. It
// gives up after migrateTimeout.
func outlastLock(ctx context.Context, do func() error) error {
	for end := time.Now().Add(migrateTimeout); ; {
		err := do()
		if err == nil || classify(err) != faultBusy || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
	}
}

// lockFile keeps other processes from migrating a SQLite file: an exclusive
// transaction on an empty database beside it. It ends with the process, however
// that ends. The file itself cannot be held that way, because each migration is a
// transaction of its own; and the lock's file stays, because removing it would let
// two processes lock two files of one name.
func lockFile(ctx context.Context, file string) (unlock func(), err error) {
	database := file
	file += "-lock"
	if _, err := makePrivate(file, database); err != nil {
		return nil, err
	}
	db := sql.OpenDB(sqliteConnector{
		dsn: fileDSN(file, fmt.Sprintf("_busy_timeout=%d&_txlock=exclusive", migrateTimeout.Milliseconds()))})
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another process to bring the schema up to date: %w", err), db.Close())
	}
	return func() {
		_ = tx.Rollback() // nothing was written
		_ = db.Close()
	}, nil
}
