//go:build cgo

package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"

	"schedule-server/pkg/job"
)

func TestCallersAreToldWhatAilsTheDatabase(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{sqlite3.Error{Code: sqlite3.ErrFull}, "the database cannot write: its disk is full"},
		{&pgconn.PgError{Code: "53100"}, "the database cannot write: its disk is full"},
		{sqlite3.Error{Code: sqlite3.ErrReadonly}, "the database cannot write: it is read-only"},
		{&pgconn.PgError{Code: "25006"}, "the database cannot write: it is read-only"},
		{sqlite3.Error{Code: sqlite3.ErrBusy}, "the database is locked by another program"},
		{sqlite3.Error{Code: sqlite3.ErrIoErr}, "the database does not answer"},
		{&pgconn.PgError{Code: "57P03"}, "the database is starting up or shutting down"},
		{&pgconn.PgError{Code: "53300"}, "the database has no free connection: raise its max_connections, or run fewer processes"},
		{&pgconn.PgError{Code: "28P01"}, "the database refuses the login"},
		{&pgconn.PgError{Code: "3D000"}, "the database does not exist on its server"},
		{&pgconn.PgError{Code: "40001"}, "the database does not answer"},
	}
	for _, test := range tests {
		var e *job.Error
		if err := fail("doing", fmt.Errorf("wrapped: %w", test.err)); !errors.As(err, &e) || e.Code != job.CodeUnavailable || e.Detail != test.want {
			t.Errorf("%v: %v, want %q", test.err, err, test.want)
		}
	}
}

// A real SQLite that may grow no further says so, and goes on when it may.
func TestAFullSQLiteIsSaidToBeFull(t *testing.T) {
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "a.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	limit := func(pages int) {
		t.Helper()
		if _, err := s.w.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // the least that SQLite accepts is what it has
	large := newJob("a", func(j *job.Job) { j.Request.Body = job.Body(make([]byte, 256<<10)) })
	err = s.CreateJob(t.Context(), large)
	wantCode(t, err, job.CodeUnavailable)
	wantContains(t, err.Error(), "its disk is full")
	limit(1 << 20)
	if err := s.CreateJob(t.Context(), large); err != nil {
		t.Error(err)
	}
}
