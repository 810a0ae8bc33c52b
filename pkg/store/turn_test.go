package store

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// Where nobody gets to write, a write is refused in its time, however many wait
// before it, and reads go on.
func TestAWriteWaitsForItsTurnForAWhileOnly(t *testing.T) {
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "a.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release, err := s.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.turnWait = time.Millisecond
	wantCode(t, s.CreateJob(t.Context(), newJob("a")), job.CodeUnavailable)
	s.turnWait = time.Hour
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantCode(t, s.CreateJob(ended, newJob("a")), job.CodeUnavailable)
	if _, err := s.ListJobs(t.Context(), job.JobQuery{Limit: 1}); err != nil {
		t.Error(err)
	}
	waiting := make(chan error)
	go func() { waiting <- s.CreateJob(t.Context(), newJob("a")) }()
	release()
	if err := <-waiting; err != nil {
		t.Errorf("when its turn came: %v", err)
	}
	if len(s.turns) != 0 {
		t.Errorf("%d turns were not given back", len(s.turns))
	}
}
