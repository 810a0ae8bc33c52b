package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"schedule-server/pkg/job"
)

const (
	// lockTries and lockPause bound the wait for somebody who only looked who holds the lock.
	lockTries = 20
	lockPause = 50 * time.Millisecond
	// holderSize is how many bytes the lock's file holds behind its first one, which Windows lets nobody else read.
	holderSize = 256
)

// ServerLock is held by a process that fires the jobs of a SQLite database. The system releases it when the
// process ends, however that ends; no process that it starts inherits it. On PostgreSQL it locks nothing.
type ServerLock struct{ lock *flock.Flock }

// holder is who holds a lock, as its file says.
type holder struct {
	PID   int    `json:"pid"`
	Host  string `json:"host"`
	Doing string `json:"doing"`
	// Alone says that it shares the lock with nobody. Of those that share it only the last that came is known.
	Alone bool `json:"alone"`
}

// Doings of the holders of a ServerLock.
const (
	// DoingServe is what servers do.
	DoingServe = "serve"
	// DoingRestore is what puts another database in the place of this one.
	DoingRestore = "restore"
	// DoingRekey is what seals all secrets under a new key.
	DoingRekey = "reseal"
)

// LockServer takes the lock of the database for a server. A server with a Redis of its own takes it alone: another
// one would take its calls for lost, and make them again. Servers that share a Redis share it. The error is
// CodeConflict and says who holds it.
func LockServer(ctx context.Context, databaseURL string, alone bool, doing string) (*ServerLock, error) {
	a, err := parseAddress(databaseURL)
	if err != nil {
		return nil, err
	}
	if a.dialect != sqlite {
		return &ServerLock{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(a.file), 0o700); err != nil {
		return nil, a.unavailable(err)
	}
	file, err := a.serverLockFile()
	if err != nil {
		return nil, a.unavailable(err)
	}
	if _, err := makePrivate(file, a.file); err != nil {
		return nil, a.unavailable(err)
	}
	lock := flock.New(file)
	try := lock.TryRLock
	if alone {
		try = lock.TryLock
	}
	held, err := tryLock(ctx, try)
	if err != nil {
		return nil, a.unavailable(explainFolder(file, err))
	}
	if !held {
		return nil, a.inUse(file, alone)
	}
	writeHolder(file, doing, alone)
	return &ServerLock{lock}, nil
}

// CheckServer gives the error that LockServer would give to a server that shares the lock, and takes none.
func CheckServer(ctx context.Context, databaseURL string) error {
	lock, err := LockServer(ctx, databaseURL, false, "")
	if err == nil {
		lock.Release()
	}
	return err
}

// Release gives the lock back.
func (l *ServerLock) Release() {
	if l.lock != nil {
		_ = l.lock.Unlock() // the end of the process does the same
	}
}

func tryLock(ctx context.Context, try func() (bool, error)) (held bool, err error) {
	for range lockTries {
		if held, err = try(); held || err != nil {
			return held, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(lockPause):
		}
	}
	return false, nil
}

// serverLockFile lies beside the database itself, whatever links lead to it.
func (a *address) serverLockFile() (string, error) {
	file, err := filepath.EvalSymlinks(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		var folder string
		folder, err = filepath.EvalSymlinks(filepath.Dir(a.file))
		file = filepath.Join(folder, filepath.Base(a.file))
	}
	return file + "-server", err
}

// writeHolder notes who holds a lock, for those that are refused. That it could not changes nothing about the lock.
func writeHolder(file, doing string, alone bool) {
	if doing == "" {
		return
	}
	h := holder{PID: os.Getpid(), Doing: doing, Alone: alone}
	h.Host, _ = os.Hostname()
	text, err := json.Marshal(h)
	if err != nil {
		return
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_, _ = f.WriteAt(fmt.Appendf(nil, "%-*s\n", holderSize-1, text), 1)
	_ = f.Close()
}

// inUse says who holds the lock and what to do.
func (a *address) inUse(file string, alone bool) error {
	h := readHolder(file)
	who := fmt.Sprintf("another schedule-server%s, uses this folder: %s", h.pid(), filepath.Dir(file))
	switch {
	case h.Doing == DoingRestore || h.Doing == DoingRekey:
		return job.Errorf(job.CodeConflict, "%s; it does %s, so try again when it has ended", who, h.Doing)
	case !alone:
		return job.Errorf(job.CodeConflict, "%s, with a Redis inside it, which this process cannot share; stop it first, or start all with the same --redis-url", who)
	case !h.Alone:
		who = fmt.Sprintf("other schedule-servers, the last of them%s, use this folder: %s", h.pid(), filepath.Dir(file))
	}
	return job.Errorf(job.CodeConflict, "%s; stop what runs there, or choose another folder with --data-dir; processes can only share a database "+
		"when all of them are given the same --redis-url", who)
}

func readHolder(file string) (h holder) {
	f, err := os.Open(file)
	if err != nil {
		return h
	}
	defer f.Close()
	text := make([]byte, holderSize)
	n, _ := f.ReadAt(text, 1)
	_ = json.Unmarshal(text[:n], &h)
	return h
}

// pid is how the holder is named.
func (h holder) pid() string {
	here, _ := os.Hostname()
	switch {
	case h.PID == 0:
		return " of which nothing is known"
	case h.Host != here:
		return fmt.Sprintf(" on %s, pid %d", h.Host, h.PID)
	}
	return fmt.Sprintf(", pid %d", h.PID)
}
