package api

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// wakeWait bounds one attempt to wake beat. Beat looks by itself every second.
const wakeWait = time.Second

// waker tells beat of changes without holding up who made them: one call at a
// time is under way, and what changes meanwhile is told by one more.
type waker struct {
	wake   func(context.Context) error
	logger *slog.Logger
	behind *sync.WaitGroup

	mu      sync.Mutex
	running bool
	again   bool
	down    bool // the last attempt failed; one line is logged per outage
}

// call asks for a wake-up and returns at once.
func (w *waker) call() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		w.again = true
		return
	}
	w.running = true
	w.behind.Go(w.loop)
}

func (w *waker) loop() {
	for {
		ctx, stop := context.WithTimeout(context.Background(), wakeWait)
		err := w.wake(ctx)
		stop()
		if w.done(err) {
			return
		}
	}
}

// done takes the outcome of an attempt and reports whether it was the last.
func (w *waker) done(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.down {
		w.logger.Warn("beat not woken", "error", err)
	}
	w.down = err != nil
	again := w.again
	w.again = false
	w.running = again
	return !again
}
