package store

import (
	"bytes"
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

// maxPickles is how many jobs a file of the original may hold.
const maxPickles = 20_000

// ReadPickles reads the rows of APScheduler's job store out of a SQLite file as it
// was sent. The file is read in memory, and trusted in nothing. The error is
// CodeMalformed for what is no such file.
func ReadPickles(ctx context.Context, data []byte) (rows []apscheduler.Row, err error) {
	db := sqlx.NewDb(sql.OpenDB(foreignFile{data}), "sqlite3")
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1) // each connection would hold a copy
	var tables int
	err = db.GetContext(ctx, &tables, "SELECT count(*) FROM sqlite_master WHERE name = 'apscheduler_jobs' AND type = 'table'")
	if err == nil && tables == 0 {
		return nil, job.Errorf(job.CodeMalformed, "the SQLite file has no table apscheduler_jobs")
	}
	if err == nil {
		err = db.SelectContext(ctx, &rows, fmt.Sprintf(`SELECT CAST(substr(id, 1, 1000) AS TEXT) AS id,
				CASE WHEN typeof(next_run_time) IN ('real', 'integer') THEN CAST(next_run_time AS REAL) END AS next_run_time,
				CASE WHEN typeof(job_state) = 'blob' AND length(job_state) <= %d THEN job_state ELSE x'' END AS job_state
			FROM apscheduler_jobs ORDER BY 1 LIMIT %d`, apscheduler.MaxPickle, maxPickles+1))
	}
	switch {
	case err != nil:
		return nil, &job.Error{Code: job.CodeMalformed, Detail: "the body is no SQLite file of APScheduler's", Err: err}
	case len(rows) > maxPickles:
		return nil, job.Errorf(job.CodeMalformed, "the file has more than %d jobs", maxPickles)
	}
	return rows, nil
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
	err = deserialize(conn, data)
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
