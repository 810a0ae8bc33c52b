package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// sqlitePage is the size of a page of a SQLite file that this program made, in bytes.
const sqlitePage = 4 << 10

// lookEvery is how often the log is looked at while there are writes.
const lookEvery = 200 * time.Millisecond

// logLimits say when the log of a SQLite file is written back, in pages of the log, and how long it may take.
type logLimits struct {
	// long is when it is written back while others write.
	long int
	// short is how long it may be when it changes nothing.
	short int
	// full is when a commit writes back the log itself, which then went on growing all the while.
	full int
	// keep is how long the log's file stays while there are writes. One that a long reader made larger is cut to this
	// size by the commit that begins the log anew.
	keep int
	// quiet is how long nobody must have written for the log to be written back early.
	quiet time.Duration
	// most is how long the file lacks what is in the log where nobody is ever quiet.
	most time.Duration
}

// defaultLog writes back 64 MiB: a busy claim fills 4 MiB, SQLite's own measure, with every few batches, and would
// write the same pages over and over. It keeps twice that, so that in an ordinary herd no commit cuts the file.
var defaultLog = logLimits{long: 16 << 10, short: 1 << 10, full: 64 << 10, keep: 32 << 10, quiet: time.Second, most: 30 * time.Second}

// pragmas tell a connection what its commits do with the log.
func (l *logLimits) pragmas() string {
	return fmt.Sprintf("PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d", l.full, l.keep*sqlitePage)
}

// logKeeper writes the log of a SQLite file back into the file beside those who
// write. Otherwise a commit does so when the log is full, some 100 ms with a disk that
// syncs, and all writers of the process wait for it, in the middle of a herd.
//
// When nobody writes, the file holds everything, so that a copy of it alone is
// whole, and the log is cut to a page.
type logKeeper struct {
	limits logLimits
	// file is that of the log.
	file string
	// db is one connection, which never waits for a lock of others.
	db *sqlx.DB

	mu sync.Mutex
	// commits counts the commits, those that wrote nothing too.
	commits int64
	// stop ends the keeper, asleep is closed when it has ended. Nil: it never ran.
	stop   context.CancelFunc
	asleep chan struct{}
	awake  bool
	closed bool
}

// wrote is told of each commit, and wakes the keeper.
func (s *Store) wrote() {
	if s.d != sqlite {
		return
	}
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commits++
	if l.closed || l.awake {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop, l.asleep, l.awake = stop, make(chan struct{}), true
	go func(asleep chan<- struct{}) {
		defer close(asleep)
		defer stop()
		s.keepLog(ctx)
	}(l.asleep)
}

// seen is how many commits there were.
func (l *logKeeper) seen() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits
}

// rest lets the keeper end, unless there was another commit.
func (l *logKeeper) rest(commits int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.commits != commits {
		return false
	}
	l.awake = false
	return true
}

// end stops the keeper and waits for it.
func (l *logKeeper) end() {
	l.mu.Lock()
	l.closed = true
	stop, asleep := l.stop, l.asleep
	l.mu.Unlock()
	if asleep != nil {
		stop()
		<-asleep
	}
}

// closeLog ends the keeper, and writes back what is left: SQLite does so by itself only for the last process.
func (s *Store) closeLog() error {
	if s.d != sqlite || s.log.db == nil {
		return nil
	}
	s.log.end()
	ctx := context.Background()
	if _, left, err := s.pragmaCheckpoint(ctx, "NOOP"); err == nil && left > 0 {
		_, _ = s.backfill(ctx) // what could not be written back is in the log
	}
	return s.log.db.Close()
}

// The file of a log begins with a header, and each page in it too: https://sqlite.org/fileformat2.html#the_write_ahead_log
const logHeader, logPageHeader = 32, 24

// hollow reports whether some pages of the log, counted from 0, change nothing: each is the file's first page, which
// every commit writes, and a probe alone. It reads their headers, and says no where they cannot be read.
func (l *logKeeper) hollow(from, to int) bool {
	if from >= to {
		return true
	}
	file, err := os.Open(l.file)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	number := func(at int64) int64 {
		var text [4]byte
		if _, err := file.ReadAt(text[:], at); err != nil {
			return -1
		}
		return int64(binary.BigEndian.Uint32(text[:]))
	}
	size := number(8)
	for page := from; page < to; page++ {
		if number(logHeader+int64(page)*(logPageHeader+size)) != 1 {
			return false
		}
	}
	return true
}

// filled reports whether the log's file is no longer than its pages. It is when the log began anew without being cut.
func (l *logKeeper) filled(pages int) bool {
	info, err := os.Stat(l.file)
	return err != nil || info.Size() <= logHeader+int64(pages)*(logPageHeader+sqlitePage)
}

// keepLog looks after the log until nobody writes any more and the file holds everything.
func (s *Store) keepLog(ctx context.Context) {
	l := &s.log
	tick := time.NewTicker(min(lookEvery, l.limits.quiet, l.limits.most))
	defer tick.Stop()
	known, quiet, whole := 0, time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		commits := l.seen()
		pages, left, err := s.pragmaCheckpoint(ctx, "NOOP")
		if err != nil {
			continue // the file cannot be read: somebody else tells
		}
		if pages < known {
			known = 0 // the log has begun anew
		}
		if !l.hollow(known, pages) {
			quiet = time.Now()
		}
		known = pages
		switch {
		case time.Since(quiet) >= l.limits.quiet:
			quiet = time.Now() // where somebody still reads the log, the next try comes after as long a time
			whole = quiet
			if s.settleLog(ctx, pages) && l.rest(commits) {
				return
			}
		case time.Since(whole) >= l.limits.most:
			whole = time.Now()
			s.settleLog(ctx, pages)
		case left > l.limits.long:
			_, _ = s.backfill(ctx) // a later one will
		}
	}
}

// settleLog brings into the file what it lacks and cuts the log, unless it is short and changes nothing. It reports false
// where somebody reads the log or goes on writing.
func (s *Store) settleLog(ctx context.Context, pages int) bool {
	if pages <= s.log.limits.short && s.log.filled(pages) && s.log.hollow(0, pages) {
		return true
	}
	left, err := s.backfill(ctx)
	return err == nil && left == 0 && s.cutLog(ctx)
}

// cutLog empties a log that is written back to its end. That takes the lock of writers, for the time of
// two system calls: the commits of this process wait their turn, and none of them can come in between, which would
// have to be written back under the lock.
func (s *Store) cutLog(ctx context.Context) bool {
	done, err := s.turn(ctx)
	if err != nil {
		return false
	}
	defer done()
	pages, left, err := s.pragmaCheckpoint(ctx, "NOOP")
	if err != nil || left > 0 {
		return false
	}
	if pages == 0 {
		return true
	}
	if pages, _, err = s.pragmaCheckpoint(ctx, "TRUNCATE"); err != nil || pages != 0 {
		return false
	}
	// The first commit of a new log waits until the disk has the log's header. It is this one, which changes
	// nothing: otherwise it would be the claim of the next job.
	tx, err := s.w.BeginTxx(ctx, nil)
	if err != nil {
		return true
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	if err := s.d.probe(ctx, tx); err == nil {
		_ = tx.Commit() // the log is cut all the same
	}
	return true
}

// backfill writes the log back without holding anybody up. Where commits go on meanwhile
// it does so a few times: only a log of which nothing is left begins anew.
func (s *Store) backfill(ctx context.Context) (left int, err error) {
	for round := 0; round < 3; round++ {
		if _, left, err = s.pragmaCheckpoint(ctx, "PASSIVE"); err != nil || left == 0 {
			break
		}
	}
	return left, err
}

// errCheckpoint is that of a checkpoint while another process does one.
var errCheckpoint = errors.New("another process writes the log back")

// pragmaCheckpoint does a checkpoint and says how many pages the log has then, and how many of them are not in the file.
func (s *Store) pragmaCheckpoint(ctx context.Context, mode string) (pages, left int, err error) {
	var busy, done int
	err = s.log.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &done)
	if err == nil && pages < 0 {
		err = errCheckpoint
	}
	return pages, pages - done, err
}

// checkpoint writes a SQLite log back into its file without holding anybody up, on a connection
// beside the one that writes. That it could not is no fault: a later one will.
func (s *Store) checkpoint(ctx context.Context) {
	if s.d == sqlite {
		_, _, _ = s.pragmaCheckpoint(ctx, "PASSIVE")
	}
}
