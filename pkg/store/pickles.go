package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/job"
)

// maxPickles is how many jobs a file of the original may hold.
const maxPickles = 20_000

// ReadPickles reads the rows of APScheduler's job store out of a SQLite file as it
// was sent. The file is opened read-only, under another name, and trusted in
// nothing. The error is CodeMalformed for what is no such file.
func ReadPickles(ctx context.Context, data []byte) (rows []apscheduler.Row, err error) {
	file, err := os.CreateTemp("", "schedule-import-*.sqlite")
	if err != nil {
		return nil, job.Unavailable("the temporary folder", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(data)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, job.Unavailable("the temporary folder", err)
	}
	db := sqlx.NewDb(sql.OpenDB(foreignConnector(file.Name())), "sqlite3")
	defer func() { _ = db.Close() }()
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
