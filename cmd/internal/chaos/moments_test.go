package chaos

import (
	"context"
	"slices"
	"time"
)

// All moments here are milliseconds since the epoch, as the service counts them.
func nowMS() int64 { return time.Now().UnixMilli() }

// pause waits, or returns earlier when the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// moments are a schedule, computed here independently of pkg/trigger: the nth
// moment is anchor + n·every, at most count of them.
type moments struct {
	every, anchor int64
	// first says which n is the first; a cron has them back to the beginning.
	first int64
	// count zero: no end.
	count int64
}

// wholeSeconds are the moments of a cron that fires every n seconds of a minute.
func wholeSeconds(n int64) moments { return moments{every: n * 1000, first: -1 << 40} }

// has reports whether a moment is one of the schedule's.
func (m moments) has(t int64) bool {
	n := (t - m.anchor) / m.every
	return m.anchor+n*m.every == t && n >= m.first && (m.count == 0 || n < m.first+m.count)
}

// between lists the moments from one to another, both included.
func (m moments) between(from, to int64) []int64 {
	var all []int64
	n := max((from-m.anchor)/m.every-1, m.first)
	for t := m.anchor + n*m.every; t <= to && (m.count == 0 || n < m.first+m.count); n, t = n+1, t+m.every {
		if t >= from {
			all = append(all, t)
		}
	}
	return all
}

// window is the time in which a change took effect, at an unknown moment.
type window struct{ from, till int64 }

// epoch is a time in which a job followed one schedule.
type epoch struct {
	moments moments
	// begun: a moment after till must be accounted for, one at or after from may be.
	begun window
	// ended: a moment before from must be accounted for, one at or before till may be.
	ended window
}

const forever = 1 << 60

func (e *epoch) allows(t int64) bool {
	return e.moments.has(t) && t >= e.begun.from && t <= e.ended.till
}

func (e *epoch) demanded() []int64 {
	return slices.DeleteFunc(e.moments.between(e.begun.till, e.ended.from), func(t int64) bool {
		return t <= e.begun.till || t >= e.ended.from
	})
}

// change is an edit of a job's request.
type change struct {
	window
	gen int
}

func clock(t int64) string {
	if t == forever {
		return "ever"
	}
	return time.UnixMilli(t).UTC().Format("15:04:05.000")
}
