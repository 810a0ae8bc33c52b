package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// longLog is when a SQLite log is written back while others write, in pages of 4 KiB: 64 MiB.
	// A busy claim fills 4 MiB, SQLite's own measure, with every few batches, and would write the same pages over and over.
	longLog = 16 << 10
	// shortLog is what is left in the log when nobody writes.
	shortLog = 1 << 10
	// fullLog is when a commit writes back the log itself, which then went on growing all the while.
	fullLog = 4 * longLog
	// lookEvery is how often the log is looked at while there are writes.
	lookEvery = 200 * time.Millisecond
	// quietAfter is how long nobody has written when the log is written back early.
	quietAfter = time.Second
)

// logKeeper writes the log of a SQLite file back into the file beside those who
// write. Otherwise a commit does so when the log is full, some 100 ms with a disk that
// syncs, and all writers of the process wait for it, in the middle of a herd. The zero value is ready.
type logKeeper struct {
	commits atomic.Int64
	mu      sync.Mutex
	// stop ends the keeper, asleep is closed when it has ended. Nil: it never ran.
	stop   context.CancelFunc
	asleep chan struct{}
	closed bool
}

// wrote is told of each commit, and wakes the keeper.
func (s *Store) wrote() {
	if s.d != sqlite {
		return
	}
	l := &s.log
	l.commits.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.isAwake() {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	asleep := make(chan struct{})
	l.stop, l.asleep = stop, asleep
	go func() {
		defer close(asleep)
		defer stop()
		s.keepLog(ctx)
	}()
}

func (l *logKeeper) isAwake() bool {
	if l.asleep == nil {
		return false
	}
	select {
	case <-l.asleep:
		return false
	default:
		return true
	}
}

// close ends the keeper.
func (l *logKeeper) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.asleep != nil {
		l.stop()
		<-l.asleep
	}
}

// keepLog looks after the log until nobody writes any more.
func (s *Store) keepLog(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen, since := s.log.commits.Load(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n := s.log.commits.Load(); n != seen {
			seen, since = n, time.Now()
		}
		if time.Since(since) >= quietAfter {
			s.writeBack(ctx, shortLog)
			return
		}
		s.writeBack(ctx, longLog)
	}
}

// writeBack writes the log back if more than so many pages are left in it. Where commits go on meanwhile
// it does so a few times: only a log of which nothing is left begins anew.
func (s *Store) writeBack(ctx context.Context, most int) {
	left, err := s.pragmaCheckpoint(ctx, "NOOP")
	if left <= most {
		return
	}
	for round := 0; round < 3 && err == nil && left > 0; round++ {
		left, err = s.pragmaCheckpoint(ctx, "PASSIVE")
	}
}

// pragmaCheckpoint does a checkpoint and says how many pages are left in the log then.
func (s *Store) pragmaCheckpoint(ctx context.Context, mode string) (left int, err error) {
	var busy, pages, done int
	err = s.r.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &done)
	return pages - done, err
}

// checkpoint writes a SQLite log back into its file without holding anybody up, on a connection
// beside the one that writes. That it could not is no fault: a later one will.
func (s *Store) checkpoint(ctx context.Context) {
	if s.d == sqlite {
		_, _ = s.pragmaCheckpoint(ctx, "PASSIVE")
	}
}
