package service

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkSteady raises the rate of calls step by step, and holds each for a
// while: how late they come, whether the queue grows, and how many are recorded.
// It stops after the first rate that is too much.
func BenchmarkSteady(b *testing.B) {
	for _, l := range []layout{overSQLite, overPostgres} {
		b.Run(l.name, func(b *testing.B) { steady(b, l) })
	}
}

const (
	// period is how often each job of the steady load runs, step how far apart their moments are.
	period = 10 * time.Second
	step   = 50 * time.Millisecond
	// tooLate is the 99th percentile above which a rate is too much.
	tooLate = time.Second
)

func steady(b *testing.B, l layout) {
	t := newTarget(b)
	s := newService(b, l)
	made := 0
	for _, rate := range numbers(b, *rates) {
		more := rate*int(period/time.Second) - made
		s.addSteady(t, fmt.Sprint("rate", rate), more)
		made += more
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			time.Sleep(period) // all jobs have run once
			late, kept := s.hold(b, t, rate)
			if !kept {
				b.Logf("%d calls/s are too much: p99 %v", rate, late)
			}
		})
		if s.backlog() > rate {
			return
		}
	}
}

// addSteady makes n jobs, whose moments are spread over the period.
func (s *service) addSteady(t *target, prefix string, n int) {
	s.b.Helper()
	groups := int(period / step)
	anchor := time.Now().UTC().Truncate(time.Second)
	for i := range groups {
		id := fmt.Sprintf("%s-%d", prefix, i)
		at := anchor.Add(time.Duration(i) * step)
		s.create(id, object{"type": "interval", "every": "10s", "anchor": at.Format(time.RFC3339Nano)}, t)
		s.db.multiply(s.b, id, n/groups)
	}
}

// hold measures one rate.
func (s *service) hold(b *testing.B, t *target, rate int) (p99 time.Duration, kept bool) {
	ended := func() int { return s.db.number(b, "SELECT count(*) FROM runs WHERE state = 'succeeded'") }
	before, backlog := ended(), s.backlog()
	t.take()
	used, start := meter(b, s.pids), time.Now()
	time.Sleep(*hold)
	arrivals, took := t.take(), time.Since(start)
	grown, recorded := s.backlog()-backlog, ended()-before
	late := percentiles(ownLateness(b, arrivals))
	calls := float64(len(arrivals)) / took.Seconds()
	cells := append(late, cell{"calls/s", calls}, cell{"recorded/s", float64(recorded) / took.Seconds()}, cell{"queue-grown", float64(grown)})
	tables.note(b, "steady load, "+s.layout.name, "", fmt.Sprintf("%d calls/s", rate), append(cells, used.each(b, len(arrivals))...)...)
	p99 = time.Duration(late[1].value * float64(time.Millisecond))
	return p99, p99 < tooLate && calls > .98*float64(rate)
}

// BenchmarkTrickle watches a quiet system: one job, once a second.
func BenchmarkTrickle(b *testing.B) {
	for _, l := range []layout{standalone, overSQLite, overPostgres} {
		b.Run(l.name, func(b *testing.B) {
			t := newTarget(b)
			s := newService(b, l)
			s.create("each-second", object{"type": "cron", "expression": "* * * * * *"}, t)
			t.await(b, 3, 10*time.Second)
			time.Sleep(*tricklage)
			tables.note(b, "one job a second", "", l.name, percentiles(ownLateness(b, t.take()))...)
		})
	}
}
