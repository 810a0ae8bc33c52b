package beat

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// A clock that is set back and forth by hours, through both nights on which the
// zone changes, fires no occurrence twice, loses none, and makes no burst, whatever
// is to become of an occurrence that meets an open run.
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
				for _, policy := range []job.Concurrency{job.ConcurrencyAllow, job.ConcurrencyForbid, job.ConcurrencyQueue} {
					x := &jumps{world: &world{t: t, store: s}, policy: policy, begun: job.Instant(from.UnixMilli())}
					x.check(day[:7] + " " + string(policy))
				}
			}
		})
	}
}

// jumps are the moments at which a beat looks at its clock.
type jumps struct {
	*world
	policy       job.Concurrency
	begun, clock job.Instant
	// ended counts the deliveries whose runs have ended.
	ended int
}

func (x *jumps) check(prefix string) {
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
		x.registerAt(prefix+" "+name, schedule)
	}
	random, latest := rand.New(rand.NewPCG(7, uint64(x.begun))), x.begun
	for range 150 {
		before := len(x.deliveries())
		x.look(b)
		if n := len(x.deliveries()) - before; n > len(schedules) {
			x.t.Errorf("%d runs of %d jobs at one look", n, len(schedules))
		}
		if random.IntN(3) > 0 {
			x.endRuns()
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
		x.accounted(prefix+" "+name, schedule, latest)
		if _, err := x.store.DeleteJob(x.t.Context(), prefix+" "+name, 0, x.clock); err != nil {
			x.t.Fatal(err)
		}
	}
}

// look is one look at the clock; what is left for after the results is judged then.
func (x *jumps) look(b *Beat) {
	x.t.Helper()
	for {
		deferred, err := b.fire(x.t.Context(), x.clock)
		if err != nil {
			x.t.Fatal(err)
		}
		if deferred == 0 {
			return
		}
		b.settledAt.Store(int64(x.clock))
	}
}

// endRuns ends all runs that were enqueued, and enqueues those that waited for them.
func (x *jumps) endRuns() {
	x.t.Helper()
	for all := x.deliveries(); x.ended < len(all); all = x.deliveries() {
		var events []job.Event
		for _, d := range all[x.ended:] {
			events = append(events, job.Event{RunID: d.task.RunID, At: x.clock, State: job.StateSucceeded, Reason: job.ReasonOK, N: 1,
				Attempt: &job.Attempt{N: 1, StartedAt: x.clock, Reason: job.ReasonOK, Worker: "w"}})
		}
		x.ended = len(all)
		done, err := x.store.Record(x.t.Context(), events)
		if err == nil {
			err = x.Enqueue(x.t.Context(), done.Tasks)
		}
		if err != nil {
			x.t.Fatal(err)
		}
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
	text := fmt.Sprintf(`{"id":%q,"schedule":%s,"request":{"url":"http://example.com/"},"policy":{"concurrency_policy":%q}}`, id, schedule, x.policy)
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

// The results of a time to which the clock was set back are not known to be recorded.
func TestAStepBackIsNotSettled(t *testing.T) {
	x := &jumps{world: newWorld(t), policy: job.ConcurrencyForbid, begun: 1_795_000_000_000}
	x.clock = x.begun
	b, err := New(x.store, x, x, Options{Now: func() job.Instant { return x.clock }})
	if err != nil {
		t.Fatal(err)
	}
	x.registerAt("a", `{"type":"interval","every":"1m"}`)
	x.clock += 60_000
	x.look(b)
	b.settledAt.Store(int64(x.clock + 3_600_000)) // the clock was an hour ahead
	x.clock += 60_000
	if deferred, err := b.fire(t.Context(), x.clock); err != nil || deferred != 1 {
		t.Errorf("%d jobs wait for results, %v; want the one whose run is open", deferred, err)
	}
}

// A beat that waits for a moment follows a clock that is set forward within the time of its safety net,
// and after a step back neither fires twice nor sleeps through what comes then.
func TestTheTimerFollowsAClockThatJumps(t *testing.T) {
	for _, policy := range []job.Concurrency{job.ConcurrencyAllow, job.ConcurrencyForbid, job.ConcurrencyQueue} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				register := func(id, every string) {
					w.register(id, fmt.Sprintf(`{"type":"interval","every":%q}`, every),
						fmt.Sprintf(`"concurrency_policy":%q,"misfire_grace_time":"unlimited"`, policy))
				}
				register("hourly", "1h")
				stop := w.beat()
				time.Sleep(10 * time.Minute) // by the fake clock
				w.ahead.Store(int64(2 * time.Hour))
				time.Sleep(safetyNet + time.Millisecond)
				if n := len(w.deliveries()); n != 1 {
					t.Errorf("%d runs were enqueued within a second of the step forward by two hours", n)
				}
				w.finish()
				w.ahead.Store(int64(-3 * time.Hour))
				register("five", "5m") // nobody tells the beat
				time.Sleep(5*time.Minute + time.Millisecond)
				if d := w.deliveries(); len(d) != 2 || d[1].task.JobID != "five" {
					t.Errorf("five minutes after the step back by five hours: %+v", d)
				}
				w.finish()
				time.Sleep(6 * time.Hour) // three o'clock has come
				stop()
				sent, hourly := map[string]bool{}, 0
				for i, d := range w.deliveries() {
					late := d.at.Add(time.Duration(w.ahead.Load())).Sub(d.task.ScheduledAt.Time())
					if i > 0 && (late < 0 || late >= 2*time.Millisecond) || sent[d.task.RunID] {
						t.Errorf("%s of %v was enqueued %v late; before: %v", d.task.JobID, d.task.ScheduledAt, late, sent[d.task.RunID])
					}
					sent[d.task.RunID] = true
					if d.task.JobID == "hourly" {
						hourly++
					}
				}
				if hourly != 2 {
					t.Errorf("the hourly job ran %d times", hourly)
				}
			})
		})
	}
}
