package control

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
)

// A server that refuses the login is waited for, and named every ten seconds for as long as that lasts.
func TestAwaitSaysAgainAndAgainWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		begun := time.Now()
		refused := &job.Error{Code: job.CodeUnavailable, Detail: `the database "x" at db:5432 cannot be used`, Err: errors.New("FATAL: password authentication failed")}
		s, err := await(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), time.Hour, func() (*store.Store, error) {
			if time.Since(begun) < 35*time.Second {
				return nil, refused
			}
			return &store.Store{}, nil
		})
		if s == nil || err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "waiting for the database"); n != 4 || strings.Count(log.String(), "at db:5432") != n ||
			strings.Count(log.String(), "password authentication failed") != n || strings.Count(log.String(), "the database is there") != 1 {
			t.Errorf("in 35 s:\n%s", log.String())
		}
	})
}

func TestAwaitGivesUpOnWhatCannotGetBetter(t *testing.T) {
	_, err := await(t.Context(), slog.New(slog.DiscardHandler), time.Hour, func() (*store.Store, error) { return nil, job.Errorf(job.CodeInvalid, "no URL") })
	var fault *app.FlagError
	if !errors.As(err, &fault) || fault.Name != "database-url" || fault.Usable {
		t.Errorf("%v", err)
	}
}

// A command gives up after a while, and says why; only a role waits on.
func TestACommandGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		refused := job.Errorf(job.CodeUnavailable, "the database refuses the login")
		_, err := await(t.Context(), slog.New(slog.DiscardHandler), commandWait, func() (*store.Store, error) { return nil, refused })
		if !errors.Is(err, refused) || time.Since(begun) != commandWait {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}
