package service

import (
	"fmt"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// BenchmarkPlanner foresees a day of 10,000 jobs, no two of which have the same
// schedule: a quarter of them intervals of seconds, a quarter of minutes, a
// quarter crons of every few minutes, a quarter daily ones.
func BenchmarkPlanner(b *testing.B) {
	p := newPlanner(nil, &trigger.Parser{}, func() job.Instant { return begin })
	var groups []planGroup
	for i := range 10_000 {
		anchor := begin + job.Instant(i)
		spec := []trigger.Spec{
			{Type: trigger.TypeInterval, Every: trigger.Duration(time.Duration(10+i%50) * time.Second), Anchor: &anchor},
			{Type: trigger.TypeInterval, Every: trigger.Duration(time.Duration(1+i%59) * time.Minute), Anchor: &anchor},
			{Type: trigger.TypeCron, Expression: fmt.Sprintf("%d-59/15 * * * *", i%15), StartAt: &anchor},
			{Type: trigger.TypeCron, Expression: fmt.Sprintf("%d %d * * *", i%60, i/60%24), TimeZone: "Europe/Berlin", StartAt: &anchor},
		}[i%4]
		group, ok := p.compile(&spec, "job", 1)
		if !ok {
			b.Fatal("a schedule cannot be read")
		}
		groups = append(groups, group)
	}
	day := job.Buckets{From: begin, Width: (15 * time.Minute).Milliseconds(), N: 96}
	for b.Loop() {
		if _, approximate := p.count(groups, day); approximate {
			b.Fatal("it was guessed")
		}
	}
}
