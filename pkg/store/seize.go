package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"schedule-server/pkg/job"
)

// Seized is a SQLite database that nobody else uses, so that another file can take its place.
type Seized struct {
	// File is where it is, or will be.
	File string
	// Logs are files that belong to it. There are none, unless it is too damaged to be brought into its one file.
	Logs    []string
	release []func()
}

// Seize makes sure that nobody uses a SQLite database, and keeps our own programs away from it until it is released. What
// its log holds is brought into its file. The error is CodeConflict where somebody uses it.
func Seize(ctx context.Context, databaseURL, doing string) (*Seized, error) {
	file, err := DatabaseFile(databaseURL)
	if err != nil {
		return nil, err
	}
	lock, err := LockServer(ctx, databaseURL, true, doing)
	if err != nil {
		return nil, err
	}
	s := &Seized{File: file, release: []func(){lock.Release}}
	if err := s.settle(ctx); err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

// Release lets others use the database.
func (s *Seized) Release() {
	for i := len(s.release) - 1; i >= 0; i-- {
		s.release[i]()
	}
	s.release = nil
}

// settle keeps others from opening the database, and brings it into its one file.
func (s *Seized) settle(ctx context.Context) error {
	unlock, err := lockFile(ctx, s.File)
	if err != nil {
		return &job.Error{Code: job.CodeUnavailable, Detail: "the database file " + s.File + " cannot be used", Err: err}
	}
	s.release = append(s.release, unlock)
	if info, err := os.Stat(s.File); err != nil || info.Size() == 0 {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, s.findLogs())
	}
	conn, err := sqliteDriver().Open(fileDSN(s.File, "mode=rw&_busy_timeout=3000"))
	if err == nil {
		err = errors.Join(leaveLog(ctx, conn), conn.Close())
	}
	lite, _ := asSQLite(err)
	switch {
	case err == nil:
		return s.findLogs()
	case errors.Is(err, errLogInUse) || lite.fault == faultBusy:
		return job.Errorf(job.CodeConflict, "another program has the database %s open: stop every schedule-server that uses the folder %s (standalone, api, beat), and any other program that reads the file",
			s.File, filepath.Dir(s.File))
	case lite.corrupt || lite.noDatabase:
		return s.findLogs()
	}
	return &job.Error{Code: job.CodeUnavailable, Detail: "the database file " + s.File + " cannot be used", Err: explainFolder(s.File, err)}
}

// findLogs lists what lies beside the file and must not be there when another one takes its place: SQLite would
// take it for the log of that one.
func (s *Seized) findLogs() error {
	for _, end := range []string{"-wal", "-shm", "-journal"} {
		_, err := os.Stat(s.File + end)
		if err == nil {
			s.Logs = append(s.Logs, s.File+end)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
