package service

import (
	"fmt"
	"testing"
	"time"
)

// herdNotice is how long before its moment a herd is made known at the latest.
const herdNotice = 5 * time.Second

// BenchmarkHerd lets N jobs fall due in the same second, and measures how long
// after it their calls reach the target. Ours must have an account of each.
func BenchmarkHerd(b *testing.B) {
	for _, n := range numbers(b, *herds) {
		for range *rounds {
			for _, l := range []layout{overSQLite, overPostgres, standaloneRedis, standalone} {
				b.Run(fmt.Sprintf("%s/%d", l.name, n), func(b *testing.B) { herd(b, l, n) })
			}
			for _, p := range peers() {
				b.Run(fmt.Sprintf("%s/%d", p.name, n), func(b *testing.B) { peerHerd(b, p, n) })
			}
		}
	}
}

// herdTitle names the table of a herd.
func herdTitle(n int) string { return fmt.Sprintf("herd: %d jobs due in the same second", n) }

func herd(b *testing.B, l layout, n int) { herdInto(b, herdTitle(n), l.name, l, n) }

// herdInto measures a herd for a row of a table.
func herdInto(b *testing.B, title, row string, l layout, n int) {
	t := newTarget(b)
	s := newService(b, l)
	due := s.dueTogether(t, n, time.Now().Add(herdNotice+time.Duration(n/10_000)*time.Second))
	time.Sleep(time.Until(due.Add(-200 * time.Millisecond)))
	defer s.profile(1 + n/4000)()
	used := meter(b, s.pids)
	for wait := time.Now().Add(time.Minute); t.count() < n && time.Now().Before(wait); {
		time.Sleep(5 * time.Millisecond)
	}
	calls := cell{"cpu-µs-until-called", used.sum(b, n)}
	ended, took := s.db.awaitEnded(b, n, due, time.Minute)
	arrivals := t.await(b, n, time.Minute)
	lost, twice := accounts(arrivals, n)
	if lost+twice > 0 || ended != n {
		b.Errorf("of %d jobs %d were not called, %d calls were too many, %d runs ended", n, lost, twice, ended)
	}
	cells := append(percentiles(lateness(arrivals, due)), cell{"recorded-ms", millis(took)}, calls)
	tables.note(b, title, "p99-ms", row, append(cells, used.each(b, n)...)...)
}

// dueTogether makes n jobs that fall due together, not before the given moment, and once an hour.
func (s *service) dueTogether(t *target, n int, from time.Time) time.Time {
	s.b.Helper()
	due := from.UTC().Truncate(time.Second).Add(time.Second)
	s.create("herd", object{"type": "cron", "expression": fmt.Sprintf("%d %d * * * *", due.Second(), due.Minute())}, t)
	s.db.multiply(s.b, "herd", n)
	if left := time.Until(due); left < time.Second {
		s.b.Fatalf("the jobs were ready only %v before their moment", left)
	}
	return due
}
