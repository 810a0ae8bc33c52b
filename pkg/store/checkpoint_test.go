package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// What a burst of writes leaves in the log is back in the file soon after, though no commit has done it.
func TestTheLogIsWrittenBackBesideTheWriters(t *testing.T) {
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "a.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	left := func() int {
		n, err := s.pragmaCheckpoint(t.Context(), "NOOP")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	j := newJob("a")
	j.Request.Body = job.Body(strings.Repeat("x", 1<<20))
	for n := 0; left() <= shortLog; n++ {
		j.ID, j.Version = fmt.Sprint("job-", n), 0
		if err := s.CreateJob(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "nothing is left in the log", func() bool { return left() == 0 })
	eventually(t, "the keeper rests", func() bool {
		s.log.mu.Lock()
		defer s.log.mu.Unlock()
		return !s.log.isAwake()
	})
	j.ID, j.Version = "last", 0
	if err := s.CreateJob(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || s.log.isAwake() {
		t.Error("the keeper outlives the store", err)
	}
}
