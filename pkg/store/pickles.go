package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/job"
)

// What a file of the original may hold.
const (
	maxPickles = 20_000
	// maxPickleBytes is how large all jobs are together: in a hostile file many rows can share their bytes.
	maxPickleBytes = 32 << 20
	// maxForeignValue is how large a value may be.
	maxForeignValue = 4 << 20
)

// ReadPickles reads the rows of APScheduler's job store out of a SQLite file as it
// was sent. The file is read in memory, and trusted in nothing. The error is
// CodeMalformed for what is no such file, or that of the context.
func ReadPickles(ctx context.Context, data []byte) (rows []apscheduler.Row, err error) {
	db := sqlx.NewDb(sql.OpenDB(foreignFile{data}), "sqlite3")
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1) // each connection would hold a copy
	rows, err = readPickles(ctx, db)
	var known *job.Error
	if err != nil && ctx.Err() == nil && !errors.As(err, &known) {
		err = &job.Error{Code: job.CodeMalformed, Detail: "the body is no SQLite file of APScheduler's", Err: err}
	}
	return rows, err
}

func readPickles(ctx context.Context, db *sqlx.DB) (all []apscheduler.Row, err error) {
	if err := checkForeign(ctx, db); err != nil {
		return nil, err
	}
	rows, err := db.QueryxContext(ctx, fmt.Sprintf(`SELECT CAST(substr(id, 1, 1000) AS TEXT) AS id,
			CASE WHEN typeof(next_run_time) IN ('real', 'integer') THEN CAST(next_run_time AS REAL) END AS next_run_time,
			CASE WHEN typeof(job_state) = 'blob' AND length(job_state) <= %d THEN job_state ELSE x'' END AS job_state
		FROM apscheduler_jobs`, apscheduler.MaxPickle))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for size := 0; rows.Next(); {
		var row apscheduler.Row
		if err := rows.StructScan(&row); err != nil {
			return nil, err
		}
		if len(all) == maxPickles {
			return nil, job.Errorf(job.CodeMalformed, "the file has more than %d jobs", maxPickles)
		}
		if size += len(row.ID) + len(row.State); size > maxPickleBytes {
			return nil, job.Errorf(job.CodeMalformed, "the jobs of the file have more than %d MiB together", maxPickleBytes>>20)
		}
		all = append(all, row)
	}
	slices.SortStableFunc(all, func(a, b apscheduler.Row) int { return cmp.Compare(a.ID, b.ID) })
	return all, rows.Err()
}

// checkForeign refuses a file whose table of jobs is none, or computes what it holds.
func checkForeign(ctx context.Context, db *sqlx.DB) error {
	var tables []string
	if err := db.SelectContext(ctx, &tables, "SELECT substr(sql, 1, 13) FROM sqlite_master WHERE name = 'apscheduler_jobs' AND type = 'table'"); err != nil {
		return err
	}
	if len(tables) == 0 {
		return job.Errorf(job.CodeMalformed, "the SQLite file has no table apscheduler_jobs")
	}
	if len(tables) > 1 || tables[0] != "CREATE TABLE " {
		return job.Errorf(job.CodeMalformed, "apscheduler_jobs is no plain table")
	}
	var computed int
	if err := db.GetContext(ctx, &computed, "SELECT count(*) FROM pragma_table_xinfo('apscheduler_jobs') WHERE hidden <> 0"); err != nil {
		return err
	}
	if computed > 0 {
		return job.Errorf(job.CodeMalformed, "apscheduler_jobs has columns that are computed")
	}
	return nil
}

// foreignFile opens a SQLite file of somebody else's, given whole, to be read only.
type foreignFile struct{ data []byte }

// Driver is the driver of the connections.
func (foreignFile) Driver() driver.Driver { return sqliteDriver() }

// Connect opens a connection that needs no file, not even to sort, and runs nothing
// which the file's schema might name.
func (f foreignFile) Connect(ctx context.Context) (driver.Conn, error) {
	data, err := withoutLog(f.data)
	if err != nil {
		return nil, err
	}
	conn, err := f.Driver().Open(":memory:")
	if err != nil {
		return nil, err
	}
	err = deserialize(conn, data, maxForeignValue)
	if err == nil {
		_, err = conn.(driver.ExecerContext).ExecContext(ctx, "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", nil)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// withoutLog is a SQLite file that does not ask for its write-ahead log, which memory has
// no place for. What was still in the log is not in the file that was sent.
func withoutLog(data []byte) ([]byte, error) {
	const header, writeVersion, readVersion, plain, wal = 100, 18, 19, 1, 2
	if len(data) < header || !bytes.HasPrefix(data, []byte("SQLite format 3\x00")) {
		return nil, errors.New("it does not begin as a SQLite file")
	}
	if data[writeVersion] == wal || data[readVersion] == wal {
		data = slices.Clone(data)
		data[writeVersion], data[readVersion] = plain, plain
	}
	return data, nil
}
