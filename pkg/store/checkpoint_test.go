package store

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// logged is a SQLite store and its file.
type logged struct {
	t *testing.T
	*Store
	file string
	made int
}

func newLogged(t *testing.T, limits logLimits) *logged {
	t.Helper()
	l := &logged{t: t, file: filepath.Join(t.TempDir(), "a.db")}
	l.Store = l.open(limits)
	return l
}

// open is another handle on the file, as another process has.
func (l *logged) open(limits logLimits) *Store {
	l.t.Helper()
	s, err := open(l.t.Context(), "sqlite://"+l.file, Options{}, limits)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			l.t.Error(err)
		}
	})
	return s
}

// create makes another job whose body has so many bytes.
func (l *logged) create(s *Store, size int) {
	l.t.Helper()
	j := newJob(fmt.Sprint("job-", l.made))
	j.Request.Body = job.Body(strings.Repeat("x", size))
	if err := s.CreateJob(l.t.Context(), j); err != nil {
		l.t.Fatal(err)
	}
	l.made++
}

// inCopy counts the jobs in a copy of the one file, without its log; -1 where it has no table.
func (l *logged) inCopy() (jobs int) {
	l.t.Helper()
	to := filepath.Join(l.t.TempDir(), "copy.db")
	// Another process reads the file: when this one closed it, it would let go of SQLite's locks.
	if out, err := exec.Command("cp", l.file, to).CombinedOutput(); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
	db := sql.OpenDB(foreignConnector(to))
	defer db.Close()
	if err := db.QueryRow("SELECT count(*) FROM jobs").Scan(&jobs); err != nil {
		return -1
	}
	return jobs
}

// logSize is the size of the log's file in bytes.
func (l *logged) logSize() int64 {
	l.t.Helper()
	info, err := os.Stat(l.file + "-wal")
	if err != nil {
		l.t.Fatal(err)
	}
	return info.Size()
}

// holdsAll waits until the file holds all jobs without its log.
func (l *logged) holdsAll() {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("the file alone holds all %d jobs", l.made), func() bool { return l.inCopy() == l.made })
}

// isCut waits until the log is a page or two.
func (l *logged) isCut() {
	l.t.Helper()
	eventually(l.t, "the log is cut", func() bool { return l.logSize() <= 4*sqlitePage })
}

// resting reports whether the keeper of the log has nothing to do any more.
func (l *logged) resting() bool {
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	return !l.log.awake
}

// soon is now, as far as a test is concerned; never is longer than it takes.
const soon, never = 300 * time.Millisecond, time.Hour

// limited are limits of a log so small that a test need not write much.
func limited(quiet, most time.Duration) logLimits {
	return logLimits{long: 256, short: 16, full: 1024, keep: 512, quiet: quiet, most: most}
}

func TestTheFileHoldsAllWhenNobodyWrites(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(soon, never))
	eventually(t, "the file holds the schema", func() bool { return l.inCopy() == 0 })
	for range 3 {
		for range 5 {
			l.create(l.Store, 10)
		}
		l.holdsAll()
		l.isCut()
		eventually(t, "the keeper rests", l.resting)
	}
}

// Where a job fires every second nobody is ever quiet.
func TestTheFileHoldsAllWhereNobodyIsQuiet(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(never, soon))
	for range 3 {
		l.create(l.Store, 10)
		l.holdsAll()
	}
}

// Who does not write is quiet: neither a probe nor a commit without a change keeps the file from being brought up to date,
// and neither is a reason to do so.
func TestTheFileHoldsAllWhileNothingIsChanged(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(soon, never))
	nothing := func() {
		l.probe.asked = time.Time{}
		if err := l.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if claimed, err := l.Claim(t.Context(), job.Claim{Now: 1, Limit: 1}, nil); err != nil || len(claimed.Tasks) > 0 {
			t.Fatal(claimed, err)
		}
	}
	for range 2 {
		l.create(l.Store, 10)
		eventually(t, "the file alone holds all jobs", func() bool { nothing(); return l.inCopy() == l.made })
		l.isCut()
	}
	eventually(t, "the keeper rests", l.resting)
	for l.logSize() < 8*sqlitePage {
		nothing()
	}
	eventually(t, "the keeper rests again", l.resting)
	if size := l.logSize(); size < 8*sqlitePage {
		t.Errorf("a log of probes was cut to %d bytes", size)
	}
	for l.logSize() < int64(2*l.log.limits.short)*sqlitePage {
		nothing()
	}
	l.isCut()
}

// A probe that comes right after the log was written back begins it anew: it is short then, and its file is not.
func TestALogThatAProbeBeganAnewIsCut(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(never, never))
	for range 10 {
		l.create(l.Store, 10_000)
	}
	if left, err := l.backfill(t.Context()); err != nil || left != 0 {
		t.Fatal(left, err)
	}
	l.probe.asked = time.Time{}
	if err := l.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	pages, left, err := l.pragmaCheckpoint(t.Context(), "NOOP")
	if err != nil || pages != 1 || left != 1 || l.logSize() < 10*sqlitePage {
		t.Fatalf("%d pages, %d left, %v, of %d bytes", pages, left, err, l.logSize())
	}
	if !l.settleLog(t.Context(), pages) || l.logSize() > 2*sqlitePage {
		t.Errorf("the log has %d bytes", l.logSize())
	}
}

// A reader keeps the log from beginning anew. It grows meanwhile, and shrinks when the reader has gone.
func TestTheLogShrinksAfterALongReader(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		limits logLimits
		// writes go on after the reader has gone
		writes bool
	}{
		{"and nobody writes any more", limited(soon, never), false},
		{"and writes go on", limited(never, soon), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLogged(t, test.limits)
			l.create(l.Store, 10)
			read := l.reader()
			for range 500 {
				l.create(l.Store, 5000)
			}
			held := l.logSize()
			if held < 500*sqlitePage {
				t.Errorf("with a reader the log has %d bytes, although it cannot have begun anew", held)
			}
			eventually(t, "the keeper has written back what the reader lets it", func() bool {
				pages, left, err := l.pragmaCheckpoint(t.Context(), "NOOP")
				return err == nil && left > 0 && left < pages
			})
			read()
			if test.writes {
				eventually(t, "the log is much shorter", func() bool {
					l.create(l.Store, 10)
					return l.logSize() < held/10
				})
				return
			}
			l.isCut()
			l.holdsAll()
		})
	}
}

// reader reads the file as it is now until it is released.
func (l *logged) reader() (release func()) {
	l.t.Helper()
	tx, err := l.r.Begin()
	if err != nil {
		l.t.Fatal(err)
	}
	var jobs int
	if err := tx.QueryRow("SELECT count(*) FROM jobs").Scan(&jobs); err != nil {
		l.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			l.t.Fatal(err)
		}
	}
}

// The commit that begins a log anew cuts it, where nobody is ever quiet and there is always somebody who reads.
func TestTheLogIsBounded(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(never, never))
	read := l.reader()
	most := int64(l.log.limits.keep) * sqlitePage
	for l.logSize() <= 2*most {
		l.create(l.Store, 1<<20)
	}
	read()
	eventually(t, "the log has begun anew and is as long as it may be", func() bool {
		l.create(l.Store, 10)
		return l.logSize() <= most
	})
}

// What a command writes beside a server is in the file when the command has ended, though nobody else writes.
func TestACommandLeavesNothingInTheLog(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(never, never))
	command := l.open(limited(never, never))
	l.create(command, 10)
	if err := command.Close(); err != nil {
		t.Fatal(err)
	}
	if n := l.inCopy(); n != 1 {
		t.Errorf("a copy of the file has %d jobs", n)
	}
}

// What a burst of writes leaves in the log is back in the file soon after, though no commit has done it.
func TestTheLogIsWrittenBackBesideTheWriters(t *testing.T) {
	t.Parallel()
	l := newLogged(t, limited(never, never))
	left := func() int {
		_, n, err := l.pragmaCheckpoint(t.Context(), "NOOP")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for left() <= l.log.limits.long {
		l.create(l.Store, 1<<20)
	}
	eventually(t, "nothing is left in the log", func() bool { return left() == 0 })
	l.create(l.Store, 10)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-l.log.asleep:
	default:
		t.Error("the keeper outlives the store")
	}
}
