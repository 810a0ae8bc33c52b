package queue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

func openOf(tasks []job.Task) []job.OpenRun {
	runs := make([]job.OpenRun, len(tasks))
	for i := range tasks {
		runs[i] = job.OpenRun{ID: tasks[i].RunID, JobID: tasks[i].JobID, Queue: tasks[i].Queue}
	}
	return runs
}

func marksOf(found []job.Remains) []string {
	marks := make([]string, len(found))
	for i := range found {
		marks[i] = found[i].Mark
	}
	return marks
}

func (x *bench) find(ids ...string) []job.Remains {
	x.t.Helper()
	runs := make([]job.OpenRun, len(ids))
	for i, id := range ids {
		runs[i] = job.OpenRun{ID: id, Queue: job.QueueDefault}
	}
	found, err := x.b.Find(x.ctx, runs, true)
	noError(x.t, err)
	for i, brief := range x.glances(runs) {
		if brief.Whereabouts != job.TaskWaits && brief != found[i] {
			x.t.Errorf("at a glance run %s is %v, and %v when it is looked for", ids[i], brief, found[i])
		}
	}
	return found
}

func (x *bench) glances(runs []job.OpenRun) []job.Remains {
	x.t.Helper()
	found, err := x.b.Find(x.ctx, runs, false)
	noError(x.t, err)
	return found
}

func TestFindTellsWhereEachRunIs(t *testing.T) {
	x := newBench(t)
	tasks := tasksOf(2100)
	for i := range tasks {
		tasks[i].Queue = queues()[i%3]
	}
	noError(t, x.b.Enqueue(x.ctx, tasks[:2000]))
	noError(t, x.inspector.ArchiveTask(string(tasks[7].Queue), tasks[7].RunID))
	for _, thorough := range []bool{false, true} {
		found, err := x.b.Find(x.ctx, openOf(tasks), thorough)
		noError(t, err)
		for i, remains := range found {
			want := job.TaskWaits
			switch {
			case i == 7:
				want = job.TaskGivenUp
			case i >= 2000:
				want = job.TaskLost
			}
			if remains.Whereabouts != want {
				t.Errorf("run %d is %v, want %v", i, remains.Whereabouts, want)
			}
		}
	}
	noError(t, x.b.client.FlushAll(x.ctx).Err())
	if found, err := x.b.Find(x.ctx, openOf(tasks), false); err != nil || slices.ContainsFunc(found, func(r job.Remains) bool { return r != job.Remains{} }) {
		t.Errorf("after a flush something is left, or %v", err)
	}
}

// No key of a task proves that it will come: whichever vanishes, the run is lost, and after it was delivered anew it waits
// as any other. All that may be left of the task is gone then.
func TestARunIsLostWhicheverKeyVanishes(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	key := func(name string) string { return x.b.asynqKey("default", name) }
	hash := x.b.asynqTask("default", "run")
	for stands, put := range map[string]func(){
		"pending": func() {},
		"active":  func() { x.abandon("run") },
		"retry": func() {
			noError(t, x.b.client.LRem(x.ctx, key("pending"), 0, "run").Err())
			noError(t, x.b.client.ZAdd(x.ctx, key("retry"), redis.Z{Score: 1, Member: "run"}).Err())
			noError(t, x.b.client.HSet(x.ctx, hash, "state", "retry").Err())
		},
		"completed": func() {
			noError(t, x.b.client.LRem(x.ctx, key("pending"), 0, "run").Err())
			noError(t, x.b.client.ZAdd(x.ctx, key("completed"), redis.Z{Score: 1, Member: "run"}).Err())
			noError(t, x.b.client.HSet(x.ctx, hash, "state", "completed").Err())
		},
	} {
		losses := map[string]func(){
			"its hash":    func() { x.vanish(hash) },
			"its message": func() { noError(t, x.b.client.HDel(x.ctx, hash, "msg").Err()) },
			"its list":    func() { x.vanish(key(stands)) },
		}
		if stands == "active" {
			losses["its lease"] = func() { x.vanish(key("lease")) }
		}
		for what, lose := range losses {
			x.vanish(hash, key("pending"), key("active"), key("lease"), key("retry"), key("completed"))
			x.enqueue("run")
			put()
			before := x.find("run")[0].Whereabouts
			if want := map[string]job.Whereabouts{"active": job.TaskTaken, "completed": job.TaskEnded}[stands]; want != 0 && before != want || want == 0 && before != job.TaskWaits {
				t.Errorf("%s: it is %v before anything vanished", stands, before)
			}
			lose()
			found := x.find("run")
			if got := found[0].Whereabouts; got == job.TaskWaits || got == job.TaskTaken {
				t.Errorf("%s, without %s: it is %v", stands, what, got)
			}
			made, err := x.b.Redeliver(x.ctx, []job.Task{taskOf("run")}, marksOf(found))
			noError(t, err)
			left := x.dump("run")
			for _, name := range []string{"active", "lease", "retry", "completed"} {
				if ids := left[name].([]string); len(ids) != 0 {
					t.Errorf("%s, without %s: %s still holds %v", stands, what, name, ids)
				}
			}
			if got := x.find("run")[0].Whereabouts; len(made) != 1 || got != job.TaskWaits {
				t.Errorf("%s, without %s: made anew are %v, and it is %v", stands, what, made, got)
			}
			if left["state"] != "pending" {
				t.Errorf("%s, without %s: it is %s", stands, what, left["state"])
			}
		}
	}
}

// Only what is still as it was looked at is made anew, or removed: another may have done so, and a worker have begun.
func TestNothingThatChangedIsMadeAnew(t *testing.T) {
	x := newBench(t)
	task := []job.Task{taskOf("run")}
	never := marksOf(x.find("run"))
	x.enqueue("run")
	for what, f := range map[string]func(context.Context, []job.Task, []string) ([]string, error){
		"made anew": x.b.Redeliver, "removed": x.b.Discard,
	} {
		if done, err := f(x.ctx, task, never); err != nil || len(done) != 0 {
			t.Errorf("%s: %v, %v, of what came since", what, done, err)
		}
	}
	x.vanish(x.b.asynqKey("default", "pending"))
	waited := marksOf(x.find("run"))
	if made, err := x.b.Redeliver(x.ctx, task, waited); err != nil || len(made) != 1 {
		t.Errorf("made anew: %v, %v", made, err)
	}
	if made, err := x.b.Redeliver(x.ctx, task, waited); err != nil || len(made) != 0 {
		t.Errorf("made anew a second time: %v, %v", made, err)
	}
	if gone, err := x.b.Discard(x.ctx, task, marksOf(x.find("run"))); err != nil || len(gone) != 0 {
		t.Errorf("a task that waits was removed without a mark: %v, %v", gone, err) // of what waits there is none
	}
	x.vanish(x.b.asynqKey("default", "pending"))
	if gone, err := x.b.Discard(x.ctx, task, marksOf(x.find("run"))); err != nil || len(gone) != 1 || x.state("run") != "" {
		t.Errorf("removed: %v, %v", gone, err)
	}
	x.nothingLeft("run")
}

// A task whose turn in the queue has not come waits, and the list is not searched for it; one whose turn has passed is looked for.
func TestALongQueueIsNoLoss(t *testing.T) {
	x := newBench(t)
	noError(t, x.b.Enqueue(x.ctx, tasksOf(50)))
	since := func(id string, ago time.Duration) {
		noError(t, x.b.client.HSet(x.ctx, x.b.asynqTask("default", id), "pending_since", time.Now().Add(-ago).UnixNano()).Err())
	}
	pending := x.b.asynqKey("default", "pending")
	for i := range 50 {
		since(fmt.Sprintf("run-%05d", i), time.Hour-time.Duration(i)*time.Minute)
	}
	for i := range 50 {
		if got := x.find(fmt.Sprintf("run-%05d", i))[0].Whereabouts; got != job.TaskWaits {
			t.Errorf("run %d is %v", i, got)
		}
	}
	noError(t, x.b.client.LRem(x.ctx, pending, 0, "run-00020").Err())
	if got := x.find("run-00020")[0].Whereabouts; got != job.TaskWaits {
		t.Errorf("before its turn: %v", got) // whether it stands in the list will show
	}
	noError(t, x.b.client.LTrim(x.ctx, pending, 0, 25).Err()) // the next is run-00024
	for _, found := range [][]job.Remains{x.find("run-00020"), x.glances([]job.OpenRun{{ID: "run-00020", Queue: job.QueueDefault}})} {
		if got := found[0].Whereabouts; got != job.TaskLost {
			t.Errorf("after its turn: %v", got)
		}
	}
	since("run-00030", 2*time.Hour) // by the clock of another beat
	if got := x.find("run-00030")[0].Whereabouts; got != job.TaskWaits {
		t.Errorf("one that stands in the list, and is older than the next: %v", got)
	}
	next := x.b.client.LIndex(x.ctx, pending, -1).Val()
	x.vanish(x.b.asynqTask("default", next)) // then nothing is known of whose turn it is
	if got := x.find("run-00040", "run-00020", next); got[0].Whereabouts != job.TaskWaits || got[1].Whereabouts != job.TaskLost || got[2].Whereabouts != job.TaskLost {
		t.Errorf("without the next: %v", got)
	}
}

// A task that has ended proves nothing, unless a newer worker's result lies aside that this version cannot read.
func TestAnEndedTaskIsTrustedWhileResultsLieAside(t *testing.T) {
	x := newBench(t)
	x.enqueue("run")
	x.work(x.b, &calls{answer: done})
	eventually(t, "completed", func() bool { return x.state("run") == "completed" })
	aside := func(ago time.Duration) {
		clock, err := x.b.client.Time(x.ctx).Result() // entries are numbered by the clock of Redis
		noError(t, err)
		noError(t, x.b.client.XAdd(x.ctx, &redis.XAddArgs{Stream: x.b.key(keyUnknown), ID: strconv.FormatInt(clock.Add(-ago).UnixMilli(), 10) + "-1",
			Values: []any{fieldFormat, "3", fieldEvent, "newer"}}).Err())
	}
	for _, step := range []struct {
		what string
		put  func()
		want job.Whereabouts
	}{
		{"nothing lies aside", func() {}, job.TaskEnded},
		{"a result has long lain aside", func() { aside(retention + time.Second) }, job.TaskEnded},
		{"a result lies aside", func() { aside(time.Second) }, job.TaskWaits},
	} {
		step.put()
		if got := x.find("run")[0].Whereabouts; got != step.want {
			t.Errorf("%s: it is %v, want %v", step.what, got, step.want)
		}
	}
}

// Workers say what they have in their hands, and say it again when Redis has lost it.
func TestWorkersSayWhatTheyHaveInTheirHands(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	worker := x.open("host:2")
	release := make(chan struct{})
	x.enqueue("run")
	stop := x.work(worker, deliverer(func(_ context.Context, task *job.Task) (job.Outcome, error) {
		_, err := worker.Report(x.ctx, &job.Event{RunID: task.RunID, At: now(), State: job.StateRunning, N: 1})
		<-release
		return job.Outcome{}, err
	}))
	has := func() bool {
		in, err := x.b.InHand(x.ctx, []string{"other", "run"})
		noError(t, err)
		return in["run"] && !in["other"]
	}
	eventually(t, "it is in somebody's hands", has)
	noError(t, x.b.client.FlushAll(x.ctx).Err())
	if has() {
		t.Error("after a flush it is in somebody's hands at once")
	}
	eventually(t, "it is again", has)
	noError(t, x.b.client.HSet(x.ctx, x.b.key(keyCalls), "run", "somebody else").Err())
	if has() {
		t.Error("it is in the hands of somebody who is not there")
	}
	noError(t, x.b.client.Set(x.ctx, x.b.key(keyHeld)+"run", "host:3", time.Minute).Err())
	if !has() {
		t.Error("it is held, and in nobody's hands")
	}
	x.vanish(x.b.key(keyHeld)+"run", x.b.key(keyCalls))
	eventually(t, "it is again", has)
	close(release)
	eventually(t, "it is in nobody's hands any more", func() bool { return !has() })
	stop()
}
