package service

import (
	"os"
	"testing"
	"time"
)

// BenchmarkFootprint measures what the service costs when it does nothing, and
// how long it takes from its start to its first call.
func BenchmarkFootprint(b *testing.B) {
	for _, l := range []layout{standalone, overSQLite} {
		b.Run(l.name, func(b *testing.B) { footprint(b, l) })
	}
	b.Run("size of the programs", func(b *testing.B) {
		for _, name := range []string{"standalone", "api", "beat", "worker"} {
			info, err := os.Stat(programs.Path(name))
			if err != nil {
				b.Fatal(err)
			}
			tables.note(b, "size of the programs as go build makes them", "", name, cell{"MiB", float64(info.Size()) / (1 << 20)})
		}
	})
}

func footprint(b *testing.B, l layout) {
	t := newTarget(b)
	s := newService(b, l)
	s.create("overdue", object{"type": "date", "at": time.Now().UTC().Add(2 * time.Second).Format(time.RFC3339Nano)}, t)
	s.stop()
	time.Sleep(2500 * time.Millisecond)
	start := time.Now()
	s.start()
	first := t.await(b, 1, time.Minute)
	if len(first) == 0 {
		b.Fatal("the job was not called")
	}
	cells := []cell{{"start-to-first-call-ms", millis(first[0].at.Sub(start))}}

	watched := 20 * time.Second
	if *quick {
		watched = 5 * time.Second
	}
	roles := []string{"standalone", "api", "beat", "worker", "redis"}
	before := map[string]time.Duration{}
	for _, role := range roles {
		if pid, ok := s.pids[role]; ok {
			before[role] = cpuTime(b, pid)
		}
	}
	time.Sleep(watched)
	for _, role := range roles {
		if pid, ok := s.pids[role]; ok {
			used := cpuTime(b, pid) - before[role]
			cells = append(cells, cell{role + "-idle-%", 100 * used.Seconds() / watched.Seconds()}, cell{role + "-MiB", memory(b, pid)})
		}
	}
	tables.note(b, "footprint", "", l.name, cells...)
}
