package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

func TestServerLock(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new")
	url := "sqlite://" + filepath.Join(folder, "jobs.db")
	lock := func(url string, alone bool, doing string) *ServerLock {
		t.Helper()
		l, err := LockServer(t.Context(), url, alone, doing)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	refused := func(url string, alone bool, want string) {
		t.Helper()
		_, err := LockServer(t.Context(), url, alone, DoingServe)
		if job.CodeOf(err) != job.CodeConflict || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), folder) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	pid := fmt.Sprintf("pid %d", os.Getpid())

	one := lock(url, true, DoingServe)
	refused(url, true, "another schedule-server, "+pid+", uses this folder")
	refused(url, false, "with a Redis inside it")
	if err := CheckServer(t.Context(), url); job.CodeOf(err) != job.CodeConflict {
		t.Errorf("a look gave %v", err)
	}
	other := lock("sqlite://"+filepath.Join(folder, "other.db"), true, DoingServe) // another database in the folder is another matter
	other.Release()
	one.Release()

	two, three := lock(url, false, DoingServe), lock(url, false, DoingServe)
	if err := CheckServer(t.Context(), url); err != nil {
		t.Error(err)
	}
	refused(url, true, "other schedule-servers, the last of them, "+pid)
	two.Release()
	refused(url, true, "other schedule-servers")
	three.Release()

	restore := lock(url, true, DoingRestore)
	refused(url, true, "it does restore")
	restore.Release()
	lock(url, true, DoingServe).Release()
}

// A database is the same by whichever name it is reached.
func TestServerLockOfALink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, link := filepath.Join(folder, "jobs.db"), filepath.Join(t.TempDir(), "link.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	lock, err := LockServer(t.Context(), "sqlite://"+link, true, DoingServe)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if _, err := LockServer(t.Context(), "sqlite://"+file, true, DoingServe); job.CodeOf(err) != job.CodeConflict {
		t.Errorf("got %v", err)
	}
}

func TestNoServerLockOnPostgres(t *testing.T) {
	t.Parallel()
	for range 2 {
		lock, err := LockServer(t.Context(), "postgres://nobody@127.0.0.1:1/none", true, DoingServe)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Release()
	}
}
