package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// OwnAs gives a new file to whom another one beside it gives access: to its owner, where root made the new one, and to its
// group. Where there is no such file the folder says who the owner is. A service, which may run as another user than root, must
// get at what a command of root's leaves in its folder.
func OwnAs(file, other string) error {
	info, err := os.Stat(other)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		info, err = os.Stat(filepath.Dir(file))
	case err == nil && runtime.GOOS != "windows":
		err = os.Chmod(file, 0o600|info.Mode().Perm()&0o060)
	}
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	return own(file, info)
}

// preparing keeps two stores of one process from making a file at once: who closes a file lets go of
// all POSIX locks that the process has on it, those of a connection of SQLite's among them.
var preparing sync.Mutex

// prepareFile makes the folder of a SQLite file, and the file, for their owner alone, and sees to it that an older
// one is not open to everybody. The error says when the folder cannot be written to.
func prepareFile(file string, logger *slog.Logger) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	made, err := makePrivate(file, "")
	if err != nil || made {
		return err
	}
	for _, file := range FilesOf(file) {
		if err := keepPrivate(file); err != nil {
			logger.Warn("other users may read a file of the database, and that cannot be changed", "file", file, "error", err)
		}
	}
	return nil
}

// FilesOf are the files that a SQLite database may consist of, and those beside it by which processes keep out of each other's way.
func FilesOf(file string) []string {
	return []string{file, file + "-wal", file + "-shm", file + "-journal", file + "-lock", file + "-server"}
}

// makePrivate makes an empty file, where there is none, that is open to nobody but who may use another one, such as the database
// that it belongs to; "" is none. What SQLite puts beside a file takes its mode.
func makePrivate(file, other string) (made bool, err error) {
	preparing.Lock()
	defer preparing.Unlock()
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		return true, errors.Join(f.Close(), OwnAs(file, other))
	case errors.Is(err, fs.ErrExist):
		return false, nil
	}
	return false, explainFolder(file, err)
}

// keepPrivate takes a file away from all but its owner, if everybody may use it: nobody chose that. One that
// only its group may use was made so on purpose. A file that is not there is no error.
func keepPrivate(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case runtime.GOOS == "windows" || info.Mode().Perm()&0o007 == 0: // Windows has no such modes
		return nil
	}
	return os.Chmod(file, info.Mode().Perm()&^0o077)
}

// explainFolder says of an error with a file when its folder is the cause: that nothing can be made in it.
func explainFolder(file string, err error) error {
	folder := filepath.Dir(file)
	probe, cause := os.CreateTemp(folder, ".writable-*")
	if cause == nil {
		_ = probe.Close()
		_ = os.Remove(probe.Name())
		return err
	}
	var path *fs.PathError
	if errors.As(cause, &path) {
		cause = path.Err // the rest names a file that nobody knows
	}
	return fmt.Errorf("nothing can be written to the folder %s: %w; make it writable for the user that runs this program, or choose another one with --data-dir or --database-url", folder, cause)
}
