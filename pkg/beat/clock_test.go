package beat

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// A clock that is set back and forth by hours, through both nights on which the
// zone changes, fires no occurrence twice, loses none, and makes no burst.
func TestClockThatJumps(t *testing.T) {
	databases := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/jobs.db" },
		"postgres": func(t *testing.T) string { return testserver.StartPostgres(t).CreateDatabase(t, "schedule") },
	}
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), database(t), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			for _, day := range []string{"2026-03-28T22:00:00Z", "2026-10-24T22:00:00Z"} { // Berlin
				from, err := time.Parse(time.RFC3339, day)
				if err != nil {
					t.Fatal(err)
				}
				(&jumps{world: &world{t: t, store: s}, begun: job.Instant(from.UnixMilli())}).check(day[:7])
			}
		})
	}
}

// jumps are the moments at which a beat looks at its clock.
type jumps struct {
	*world
	begun, clock job.Instant
}

func (x *jumps) check(month string) {
	schedules := map[string]string{
		"half-hourly": `{"type":"cron","expression":"*/30 * * * *","time_zone":"Europe/Berlin"}`,
		"at 2:30":     `{"type":"cron","expression":"30 2 * * *","time_zone":"Europe/Berlin"}`,
		"interval":    `{"type":"interval","every":"7m"}`,
	}
	x.clock = x.begun
	b, err := New(x.store, x, x, Options{Now: func() job.Instant { return x.clock }})
	if err != nil {
		x.t.Fatal(err)
	}
	for name, schedule := range schedules {
		x.registerAt(month+" "+name, schedule)
	}
	random, latest := rand.New(rand.NewPCG(7, uint64(x.begun))), x.begun
	for range 150 {
		before := len(x.deliveries())
		if _, err := b.fire(x.t.Context(), x.clock); err != nil {
			x.t.Fatal(err)
		}
		if n := len(x.deliveries()) - before; n > len(schedules) {
			x.t.Errorf("%d runs of %d jobs at one look", n, len(schedules))
		}
		latest = max(latest, x.clock)
		step := time.Duration(random.Int64N(int64(20 * time.Minute)))
		switch random.IntN(8) {
		case 0:
			step = -time.Duration(random.Int64N(int64(5 * time.Hour)))
		case 1:
			step = time.Duration(random.Int64N(int64(3 * time.Hour)))
		}
		x.clock = x.clock.Add(step)
	}
	for name, schedule := range schedules {
		x.accounted(month+" "+name, schedule, latest)
	}
}

// registerAt stores a job at the moment of the clock.
func (x *jumps) registerAt(id, schedule string) {
	x.t.Helper()
	j, compiled := x.job(id, schedule)
	j.Plan(compiled, x.clock)
	if err := x.store.CreateJob(x.t.Context(), j); err != nil {
		x.t.Fatal(err)
	}
}

func (x *jumps) job(id, schedule string) (*job.Job, *trigger.Schedule) {
	x.t.Helper()
	text := fmt.Sprintf(`{"id":%q,"schedule":%s,"request":{"url":"http://example.com/"},"policy":{"concurrency_policy":"allow"}}`, id, schedule)
	in, err := job.DecodeInput([]byte(text), "", &trigger.Parser{}, x.begun)
	if err != nil {
		x.t.Fatal(err)
	}
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive, CreatedAt: x.begun, UpdatedAt: x.begun}
	compiled, err := j.Compile(&trigger.Parser{})
	if err != nil {
		x.t.Fatal(err)
	}
	return j, compiled
}

// accounted checks that each occurrence up to the latest moment that a beat saw has one account.
func (x *jumps) accounted(id, schedule string, latest job.Instant) {
	x.t.Helper()
	_, compiled := x.job(id, schedule)
	seen := map[job.Instant]int{}
	for _, run := range x.accounts(id) {
		seen[run.ScheduledAt]++
		if run.MissedCount == 0 {
			continue
		}
		for at, ok := compiled.Next(*run.MissedFrom); ok && at <= *run.MissedTo; at, ok = compiled.Next(at) {
			seen[at]++
		}
	}
	wanted := 0
	for at, ok := compiled.Next(x.begun); ok && at <= latest; at, ok = compiled.Next(at) {
		wanted++
		if seen[at] != 1 {
			x.t.Errorf("%s: the occurrence of %v has %d accounts", id, at, seen[at])
		}
	}
	if len(seen) != wanted {
		x.t.Errorf("%s: %d moments have accounts, %d are occurrences", id, len(seen), wanted)
	}
	sent := map[string]bool{}
	for _, d := range x.deliveries() {
		if sent[d.task.RunID] {
			x.t.Errorf("%s was enqueued twice", d.task.RunID)
		}
		sent[d.task.RunID] = true
	}
}
