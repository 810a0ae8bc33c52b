// Package runlog owns what the log says of runs: each one that failed, and sums of the occurrences that
// did not run. It bounds how often a job, and how often all jobs together, are named. It decides nothing
// about a run, and what it leaves out of the log is in the history.
package runlog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"schedule-server/pkg/job"
)

const (
	// One job gets jobBurst lines at once, then one every jobEvery.
	jobBurst, jobEvery = 5, time.Minute
	// All jobs together get allBurst lines at once, then allRate a second.
	allBurst, allRate = 100, 10
	// maxJobs is how many jobs are counted one by one; the failures of others only by their number.
	maxJobs = 4096
	// quietFor is how long a job has not failed when what was left out of the log is said without waiting for its next failure.
	quietFor = 2 * jobEvery
	// sweepEvery is how often that is looked for.
	sweepEvery = time.Minute
	tickEvery  = time.Second
)

// Options are what a Log needs.
type Options struct {
	// Logger takes the lines. Required.
	Logger *slog.Logger
	// Now is the clock. Required.
	Now func() job.Instant
}

// Log writes about runs. It is safe for concurrent use. Make it with New.
type Log struct {
	logger *slog.Logger
	now    func() job.Instant

	mu    sync.Mutex
	all   *rate.Limiter
	jobs  map[string]*failures
	left  int // failed runs of which no line tells, nor any job's count
	swept time.Time

	missed, skipped sum
}

// failures are those of one job.
type failures struct {
	lines *rate.Limiter
	last  time.Time
	left  int // runs that were left out since the last line
}

// New makes a Log. What it gathers is written by Run.
func New(o Options) *Log {
	l := &Log{logger: o.Logger, now: o.Now, all: rate.NewLimiter(allRate, allBurst), jobs: map[string]*failures{}}
	l.swept = o.Now().Time()
	return l
}

// Recorded writes about the runs that ended, and the jobs that were paused for that.
func (l *Log) Recorded(done *job.Recorded) {
	for _, run := range done.Ended {
		if run.State == job.StateFailed {
			l.failed(run)
		}
	}
	for i := range done.Paused {
		j := &done.Paused[i]
		reason := ""
		if j.PauseReason != nil {
			reason = *j.PauseReason
		}
		l.logger.Warn("job paused", "job_id", j.ID, "pause_reason", reason)
	}
}

// Claimed takes in what a claim decided about occurrences: those that are missed or skipped are summed up.
func (l *Log) Claimed(runs []*job.Run) {
	if len(runs) == 0 {
		return
	}
	now := l.now().Time()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, run := range runs {
		switch run.State {
		case job.StateMissed:
			l.missed.add(run, now)
		case job.StateSkipped:
			l.skipped.add(run, now)
		}
	}
}

// Run writes what was gathered, now and then until the context ends, and the rest at the end. It returns nil.
func (l *Log) Run(ctx context.Context) error {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.tick()
		case <-ctx.Done():
			l.flush()
			return nil
		}
	}
}

func (l *Log) failed(run *job.Run) {
	now := l.now().Time()
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.jobs[run.JobID]
	switch {
	case of == nil && len(l.jobs) >= maxJobs, of == nil && !l.all.AllowN(now, 1):
		l.left++
		return
	case of == nil:
		of = &failures{lines: rate.NewLimiter(rate.Every(jobEvery), jobBurst)}
		of.lines.AllowN(now, 1)
		l.jobs[run.JobID] = of
	case !of.lines.AllowN(now, 1), !l.all.AllowN(now, 1):
		of.last = now
		of.left++
		return
	}
	of.last = now
	l.logger.LogAttrs(context.Background(), slog.LevelWarn, "run failed", attributes(run, of.left)...)
	of.left = 0
}

// attributes describe a failed run, and how many of its job were left out since the last line.
func attributes(run *job.Run, left int) []slog.Attr {
	a := []slog.Attr{
		slog.String("job_id", run.JobID), slog.String("run_id", run.ID), slog.String("reason", string(run.Reason)),
	}
	attempts := 0
	if n := len(run.Attempts); n > 0 {
		attempts = run.Attempts[n-1].N
		if status := run.Attempts[n-1].StatusCode; status != nil {
			a = append(a, slog.Int("status_code", *status))
		}
	}
	a = append(a, slog.Int("attempts", attempts), slog.String("trigger", string(run.Trigger)),
		slog.String("scheduled_at", run.ScheduledAt.String()))
	if left > 0 {
		a = append(a, slog.Int("suppressed", left))
	}
	return a
}

// tick writes what is due.
func (l *Log) tick() {
	now := l.now().Time()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.missed.due(now) {
		l.writeMissed(now)
	}
	if l.skipped.due(now) {
		l.writeSkipped(now)
	}
	if since := now.Sub(l.swept); since >= sweepEvery || since < 0 {
		l.swept = now
		l.sweep(now)
		l.writeLeft()
	}
}

// flush writes all that is left.
func (l *Log) flush() {
	now := l.now().Time()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.missed.any() {
		l.writeMissed(now)
	}
	if l.skipped.any() {
		l.writeSkipped(now)
	}
	for _, of := range l.jobs {
		l.left += of.left
		of.left = 0
	}
	l.writeLeft()
}

// sweep says what was left out of jobs that have not failed for a while, and forgets them. The lock is held.
func (l *Log) sweep(now time.Time) {
	for id, of := range l.jobs {
		if now.Sub(of.last) < quietFor {
			continue
		}
		if of.left > 0 && l.all.AllowN(now, 1) {
			l.logger.Warn("failed runs were not logged one by one", "runs", of.left, "job_id", id)
		} else {
			l.left += of.left
		}
		delete(l.jobs, id)
	}
}

// writeLeft says how many failures no other line tells of. The lock is held.
func (l *Log) writeLeft() {
	if l.left > 0 {
		l.logger.Warn("failed runs were not logged one by one", "runs", l.left)
		l.left = 0
	}
}

// writeMissed writes one line for all that was missed. The lock is held.
func (l *Log) writeMissed(now time.Time) {
	level, coalesced := slog.LevelWarn, l.missed.coalesced
	if l.missed.occurrences == coalesced {
		level = slog.LevelInfo // another occurrence ran for each of them
	}
	l.logger.Log(context.Background(), level, "occurrences missed", append(l.missed.take(now), "coalesced", coalesced)...)
}

// writeSkipped writes one line for all that was skipped. The lock is held.
func (l *Log) writeSkipped(now time.Time) {
	l.logger.Info("occurrences skipped", append(l.skipped.take(now), "reason", job.ReasonOverlap)...)
}
