package beat

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// world is what surrounds a beat in the simulations: a real SQLite store, a
// queue that keeps what it is given, and time that passes only when all wait.
type world struct {
	t     *testing.T
	store *store.Store
	wakes chan struct{}
	// ahead is how far the clock of the machine is set forward.
	ahead atomic.Int64
	// clockOff: Redis says that the clock is off.
	clockOff atomic.Bool

	mu        sync.Mutex
	away      bool
	delivered []delivery
	// ended counts, by state, the occurrences that the log was told of.
	ended map[job.State]int
}

// Claimed counts what ended with a claim.
func (w *world) Claimed(runs []*job.Run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, run := range runs {
		w.ended[run.State] += max(1, run.MissedCount)
	}
}

// Recorded counts what the reconciler ended.
func (w *world) Recorded(done *job.Recorded) { w.Claimed(done.Ended) }

// told is how many occurrences of that state the log was told of.
func (w *world) told(state job.State) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended[state]
}

type delivery struct {
	task job.Task
	at   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "jobs.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &world{t: t, store: s, wakes: make(chan struct{}, 1), ended: map[job.State]int{}}
}

func (w *world) now() job.Instant { return job.Instant(time.Now().UnixMilli() + w.ahead.Load()/1e6) }

// Enqueue keeps the tasks, each with the moment it came; a queue that is away refuses.
func (w *world) Enqueue(_ context.Context, tasks []job.Task) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return errors.New("the queue is away")
	}
	for _, task := range tasks {
		w.delivered = append(w.delivered, delivery{task, time.Now()})
	}
	return nil
}

func (w *world) setAway(away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = away
}

func (w *world) Wakes(context.Context) <-chan struct{} { return w.wakes }
func (w *world) Settle(context.Context) error          { return nil }
func (w *world) CheckClock(context.Context) error {
	if w.clockOff.Load() {
		return errors.New("the clock is off")
	}
	return nil
}
func (w *world) BeatAlive(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return errors.New("the queue is away")
	}
	return nil
}
func (w *world) wake() { w.wakes <- struct{}{} }
func (w *world) deliveries() []delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.delivered)
}

// register stores a job as the API does.
func (w *world) register(id, schedule, policy string) {
	w.t.Helper()
	text := fmt.Sprintf(`{"id":%q,"schedule":%s,"request":{"url":"http://example.com/"},"policy":{%s}}`, id, schedule, policy)
	parser := &trigger.Parser{}
	in, err := job.DecodeInput([]byte(text), "", parser, w.now())
	if err != nil {
		w.t.Fatal(err)
	}
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive, CreatedAt: w.now(), UpdatedAt: w.now()}
	compiled, err := j.Compile(parser)
	if err != nil {
		w.t.Fatal(err)
	}
	j.Plan(compiled, w.now())
	if err := w.store.CreateJob(w.t.Context(), j); err != nil {
		w.t.Fatal(err)
	}
}

// beat runs a beat until stop is called.
func (w *world) beat() (stop func()) {
	w.t.Helper()
	b, err := New(w.store, w, w, Options{Now: w.now, Log: w})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

// finish ends all open runs, as workers and a recorder would.
func (w *world) finish() {
	w.t.Helper()
	var events []job.Event
	for _, d := range w.deliveries() {
		events = append(events, job.Event{RunID: d.task.RunID, At: w.now(), State: job.StateSucceeded, Reason: job.ReasonOK, N: 1,
			Attempt: &job.Attempt{N: 1, StartedAt: w.now(), Reason: job.ReasonOK, Worker: "w"}})
	}
	if _, err := w.store.Record(w.t.Context(), events); err != nil {
		w.t.Fatal(err)
	}
}

// accounts lists all runs of a job, oldest first.
func (w *world) accounts(id string) []job.Run {
	w.t.Helper()
	var runs []job.Run
	q := job.RunQuery{JobID: id, Limit: 500}
	for {
		page, err := w.store.ListRuns(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		runs = append(runs, page.Runs...)
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			slices.Reverse(runs)
			return runs
		}
	}
}

func TestBeatFiresOnTheDot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register("minutely", `{"type":"cron","expression":"* * * * *"}`, `"concurrency_policy":"allow"`)
		w.register("odd", `{"type":"interval","every":"97s"}`, `"concurrency_policy":"allow"`)
		stop := w.beat()
		time.Sleep(time.Hour + 500*time.Millisecond) // by the fake clock
		stop()

		count := map[string]int{}
		for _, d := range w.deliveries() {
			count[d.task.JobID]++
			if late := d.at.Sub(d.task.ScheduledAt.Time()); late < 0 || late >= 2*time.Millisecond {
				t.Fatalf("%s of %v was enqueued %v late", d.task.JobID, d.task.ScheduledAt, late)
			}
		}
		if count["minutely"] != 60 || count["odd"] != 3600/97 {
			t.Errorf("in an hour: %v", count)
		}
	})
}

func TestBeatIsWokenByAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.beat()
		synctest.Wait()
		w.register("soon", `{"type":"interval","every":"1s"}`, ``)
		w.wake()
		time.Sleep(1001 * time.Millisecond)
		stop()
		if len(w.deliveries()) != 1 {
			t.Errorf("%d runs were enqueued", len(w.deliveries()))
		}
	})
}

// What falls due while the queue is away is judged by the misfire policy, and
// the batch that was claimed before is delivered all the same.
func TestBeatHoldsStillWhileTheQueueIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register("secondly", `{"type":"interval","every":"1s"}`, `"misfire_grace_time":"10s"`)
		stop := w.beat()
		time.Sleep(5500 * time.Millisecond)
		w.finish()
		w.setAway(true)
		time.Sleep(100 * time.Second)
		w.setAway(false)
		time.Sleep(3 * time.Second)
		stop()
		w.finish()

		states := map[job.State]int{}
		for _, run := range w.accounts("secondly") {
			states[run.State] += max(1, run.MissedCount)
		}
		total := states[job.StateSucceeded] + states[job.StateMissed] + states[job.StateSkipped]
		if total != 108 || states[job.StateMissed] < 95 {
			t.Errorf("108 occurrences fell due, the history holds %v", states)
		}
		if told := w.told(job.StateMissed); told != states[job.StateMissed] {
			t.Errorf("the log was told of %d missed occurrences of %d", told, states[job.StateMissed])
		}
		if runs := len(w.accounts("secondly")); runs > 20 {
			t.Errorf("an outage made %d rows", runs)
		}
	})
}

// After an outage that is longer than the queue's memory, the batch is left to
// the reconciler: another beat's may have delivered it, and it may have ended.
func TestBeatEnqueuesNothingOfLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register("hourly", `{"type":"interval","every":"1h"}`, ``)
		w.setAway(true)
		stop := w.beat()
		time.Sleep(time.Hour + enqueueWithin + time.Minute) // by the fake clock
		if n := len(w.accounts("hourly")); n != 1 {
			t.Fatalf("%d runs were claimed", n)
		}
		w.setAway(false)
		time.Sleep(10 * time.Second)
		if d := w.deliveries(); len(d) != 0 {
			t.Errorf("delivered %+v", d)
		}
		time.Sleep(time.Hour)
		w.finish()
		stop()
		if d := w.deliveries(); len(w.accounts("hourly")) != 2 {
			t.Errorf("the beat does not go on: %+v", d)
		}
	})
}

// Beats without a leader, some of them dying and coming back: every occurrence is enqueued once.
func TestManyBeatsShareTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 20 {
			w.register(fmt.Sprintf("job-%d", i), `{"type":"cron","expression":"*/10 * * * * *"}`, `"concurrency_policy":"allow"`)
		}
		steady := w.beat()
		time.Sleep(5 * time.Second) // none dies with runs in its hands: those are the reconciler's
		for range 30 {
			stop := w.beat()
			time.Sleep(20 * time.Second)
			stop()
		}
		time.Sleep(500 * time.Millisecond)
		steady()
		seen := map[string]int{}
		for _, d := range w.deliveries() {
			seen[d.task.RunID]++
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("run %s was enqueued %d times", id, n)
			}
		}
		if want := 20 * 60; len(seen) != want {
			t.Errorf("%d runs in ten minutes, want %d", len(seen), want)
		}
	})
}

// A run that stays open holds back the next ones under forbid, each with its account.
func TestOverlapIsSkippedAfterSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register("slow", `{"type":"interval","every":"10s"}`, ``)
		stop := w.beat()
		time.Sleep(35 * time.Second)
		w.finish()
		time.Sleep(10 * time.Second)
		stop()
		var story []job.State
		for _, run := range w.accounts("slow") {
			story = append(story, run.State)
		}
		want := []job.State{job.StateSucceeded, job.StateSkipped, job.StateSkipped, job.StateQueued}
		if !slices.Equal(story, want) {
			t.Errorf("got %v, want %v", story, want)
		}
		if told := w.told(job.StateSkipped); told != 2 {
			t.Errorf("the log was told of %d skipped occurrences", told)
		}
	})
}
