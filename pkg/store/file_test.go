package store

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// mode is the permissions of a file.
func mode(t *testing.T, file string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// What is in the database, and in the files that SQLite puts beside it, is nobody else's business.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	t.Parallel()
	b := newBundle(t, "sqlite://"+filepath.Join(t.TempDir(), "new", "jobs.db"))
	b.create(newJob("a"))
	file := filepath.Join(filepath.Dir(b.url[len("sqlite://"):]), "jobs.db")
	for _, end := range []string{"", "-wal", "-shm", "-lock"} {
		if got := mode(t, file+end); got != 0o600 {
			t.Errorf("%s has the mode %o", file+end, got)
		}
	}
	if got := mode(t, filepath.Dir(file)); got != 0o700 {
		t.Errorf("the folder has the mode %o", got)
	}
}

// Where a group may use the database it may use the locks beside it.
func TestFilesOfAGroup(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jobs.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o660); err != nil {
		t.Fatal(err)
	}
	b := newBundle(t, "sqlite://"+file)
	lock, err := LockServer(t.Context(), b.url, true, DoingServe)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	for _, end := range []string{"", "-wal", "-shm", "-lock", "-server"} {
		if got := mode(t, file+end); got != 0o660 {
			t.Errorf("%s has the mode %o", file+end, got)
		}
	}
}

// An earlier version left its files open to everybody. What was opened to a group alone was opened on purpose.
func TestFilesOfBefore(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	t.Parallel()
	for before, after := range map[fs.FileMode]fs.FileMode{0o644: 0o600, 0o666: 0o600, 0o604: 0o600, 0o640: 0o640, 0o660: 0o660, 0o600: 0o600} {
		folder := t.TempDir()
		file := filepath.Join(folder, "jobs.db")
		for _, end := range []string{"", "-wal", "-shm", "-lock"} {
			if err := os.WriteFile(file+end, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file+end, before); err != nil { // whatever the umask is
				t.Fatal(err)
			}
		}
		if err := prepareFile(file, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		for _, end := range []string{"", "-wal", "-shm", "-lock"} {
			if got := mode(t, file+end); got != after {
				t.Errorf("%s had the mode %o and has %o, want %o", end, before, got, after)
			}
		}
	}
}
