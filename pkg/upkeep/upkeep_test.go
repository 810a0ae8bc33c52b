package upkeep

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
)

func clock() job.Instant { return job.Instant(time.Now().UnixMilli()) }

// guard is a Guard in memory: the database's own is tested with the store.
type guard struct {
	mu     sync.Mutex
	holder string
	place  string
	until  job.Instant
	due    job.Instant
}

func (g *guard) TakeChore(_ context.Context, _, holder string, now, until job.Instant) (string, bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.due > now || g.until > now && g.holder != holder {
		return "", false, nil
	}
	g.holder, g.until = holder, until
	return g.place, true, nil
}

func (g *guard) KeepChore(_ context.Context, _, holder, place string, until, due job.Instant) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holder != holder {
		return false, nil
	}
	g.place, g.until, g.due = place, until, due
	return true, nil
}

// sweep is a chore of some steps.
type sweep struct {
	mu    sync.Mutex
	steps []string
	busy  int
	took  time.Duration
	fail  error
}

func (s *sweep) step(_ context.Context, _ job.Instant, place string) (job.ChoreStep, error) {
	s.mu.Lock()
	s.busy++
	busy, err := s.busy, s.fail
	s.steps = append(s.steps, place)
	s.mu.Unlock()
	time.Sleep(s.took) // within a bubble: no real time passes
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	if busy > 1 {
		return job.ChoreStep{}, errors.New("two do it at once")
	}
	n := 0
	_, _ = fmt.Sscan(place, &n) // the first place is empty
	return job.ChoreStep{Removed: 1, Place: fmt.Sprint((n + 1) % 10), Done: n == 9}, err
}

func (s *sweep) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.steps)
}

func start(t *testing.T, g Guard, s *sweep, name string) (stop func()) {
	t.Helper()
	u, err := New(g, []Chore{{Name: "sweep", Every: time.Hour, Step: s.step}}, Options{Name: name, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := u.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return func() { cancel(); <-ended }
}

func TestOneProcessDoesAChoreUntilItRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := &guard{}, &sweep{took: 3 * time.Second}
		one, two := start(t, g, s, "one"), start(t, g, s, "two")
		time.Sleep(10 * time.Minute)
		if n := s.count(); n != 10 {
			t.Errorf("%d steps were made, want 10", n)
		}
		time.Sleep(55 * time.Minute)
		if n := s.count(); n != 20 {
			t.Errorf("after an hour there were %d steps, want 20", n)
		}
		one()
		two()
	})
}

func TestAnotherGoesOnWhereOneStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := &guard{}, &sweep{took: time.Second}
		stop := start(t, g, s, "one")
		time.Sleep(5 * time.Second)
		stop()
		done := s.count()
		stop = start(t, g, s, "two")
		time.Sleep(time.Minute)
		stop()
		if n := s.count(); done == 0 || done >= 10 || n != 10 {
			t.Errorf("%d steps, and then %d in all: %v", done, n, s.steps)
		}
	})
}

func TestAChoreThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := &guard{}, &sweep{fail: errors.New("the database is away")}
		stop := start(t, g, s, "one")
		defer stop()
		time.Sleep(time.Minute)
		s.mu.Lock()
		tries := len(s.steps)
		s.fail, s.steps = nil, nil
		s.mu.Unlock()
		time.Sleep(time.Minute)
		if n := s.count(); tries < 3 || tries > 10 || n != 10 {
			t.Errorf("%d tries, and then %d steps", tries, n)
		}
	})
}

// TestTheStoreIsAGuard has the database's own guard do for two processes.
func TestTheStoreIsAGuard(t *testing.T) {
	database, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "test.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	done := make(chan struct{})
	s := &sweep{}
	chore := Chore{Name: "sweep", Every: time.Hour, Step: func(ctx context.Context, now job.Instant, place string) (job.ChoreStep, error) {
		step, err := s.step(ctx, now, place)
		if step.Done {
			close(done)
		}
		return step, err
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var both sync.WaitGroup
	for _, name := range []string{"one", "two"} {
		u, err := New(database, []Chore{chore}, Options{Name: name, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		both.Go(func() { _ = u.Run(ctx) }) // it returns nil
	}
	<-done
	cancel()
	both.Wait()
	if n := s.count(); n != 10 {
		t.Errorf("%d steps were made, want 10", n)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := New(nil, nil, Options{}); err == nil {
		t.Error("an upkeep of nothing")
	}
}
