package store

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"schedule-server/pkg/job"
)

// asNobody makes the system treat this test, where it runs as root, as a user without rights until it ends, who gets at
// some of its folders.
func asNobody(t *testing.T, folders ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	for _, folder := range folders {
		if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}

// An error of a folder that is not writable names the folder, whether the database is there already or not.
func TestAFolderThatIsNotWritable(t *testing.T) {
	for _, test := range []string{"no database", "a database", "a database and its lock"} {
		t.Run(test, func(t *testing.T) {
			folder := t.TempDir()
			url := "sqlite://" + filepath.Join(folder, "jobs.db")
			if test != "no database" {
				s, err := Open(t.Context(), url, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if test == "a database" {
				if err := os.Remove(filepath.Join(folder, "jobs.db-lock")); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(folder, 0o555); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(folder, 0o755) }) // so that it can be removed
			asNobody(t, folder)
			_, err := Open(t.Context(), url, Options{})
			if job.CodeOf(err) != job.CodeUnavailable || !strings.Contains(err.Error(), "nothing can be written to the folder "+folder+": permission denied") ||
				!strings.Contains(err.Error(), "--data-dir") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A backup medium may be read-only.
func TestCopyFromAFolderThatIsNotWritable(t *testing.T) {
	l := newLogged(t, limited(never, never))
	l.create(l.Store, 10)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(l.file)
	if err := os.Chmod(l.file, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(folder, 0o755) }) // so that it can be removed
	into := t.TempDir()
	to := filepath.Join(into, "copy.db")
	if err := os.Chmod(into, 0o777); err != nil {
		t.Fatal(err)
	}
	asNobody(t, folder, into)
	if err := os.WriteFile(to, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Copy(t.Context(), l.file, to); err != nil {
		t.Fatal(err)
	}
	if c, err := Inspect(t.Context(), to, opens); err != nil || c.Jobs != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// What root makes in the folder of a service belongs to the service.
func TestRootWorksForTheOwnerOfTheFolder(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can work for others")
	}
	folder := t.TempDir()
	if err := os.Chown(folder, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	b := newBundle(t, "sqlite://"+filepath.Join(folder, "jobs.db"))
	b.create(newJob("a"))
	lock, err := LockServer(t.Context(), b.url, true, DoingServe)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) < 5 {
		t.Fatal(entries, err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
			t.Errorf("%s belongs to %d", entry.Name(), uid)
		}
	}
}
