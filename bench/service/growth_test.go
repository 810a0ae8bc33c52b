package service

import (
	"fmt"
	"testing"
)

// BenchmarkGrowth lets the same herd loose on more beats and more workers.
func BenchmarkGrowth(b *testing.B) {
	n := 10_000
	for _, l := range []layout{overSQLite, overPostgres} {
		for _, count := range []int{1, 2, 4} {
			l.beats, l.workers = count, count
			name := fmt.Sprintf("%s, %d beats and workers", l.name, count)
			b.Run(name, func(b *testing.B) { herdInto(b, "herd of 10000: more beats and workers", name, l, n) })
		}
	}
}
