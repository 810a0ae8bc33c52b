//go:build cgo

package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/mattn/go-sqlite3"
)

func TestALockedFileIsWaitedForAtTheStart(t *testing.T) {
	busy := fmt.Errorf("failed to initialize: %w", sqlite3.Error{Code: sqlite3.ErrBusy})
	other := errors.New("no such table")
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tc := range map[string]struct {
		ctx   context.Context
		fails []error
		want  error
		calls int
	}{
		"free":            {ctx: t.Context(), calls: 1},
		"locked twice":    {ctx: t.Context(), fails: []error{busy, busy}, calls: 3},
		"another error":   {ctx: t.Context(), fails: []error{busy, other}, want: other, calls: 2},
		"the start ended": {ctx: ended, fails: []error{busy, busy}, want: busy, calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			err := outlastLock(tc.ctx, func() error {
				calls++
				if calls <= len(tc.fails) {
					return tc.fails[calls-1]
				}
				return nil
			})
			if !errors.Is(err, tc.want) || calls != tc.calls {
				t.Errorf("%v after %d calls, want %v after %d", err, calls, tc.want, tc.calls)
			}
		})
	}
}
