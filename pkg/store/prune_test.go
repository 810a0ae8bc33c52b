package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// keeping sets what a job keeps.
func keeping(successes, failures int, age time.Duration) func(*job.Job) {
	return func(j *job.Job) {
		j.Policy.ConcurrencyPolicy = job.ConcurrencyAllow
		j.Policy.Keep = job.Keep{Successes: successes, Failures: failures, MaxAge: job.Duration(age)}
	}
}

// history gives a job a run at each moment, and ends it as its letter says:
// s(ucceeded), f(ailed), k for skipped, m(issed), c(anceled); o stays open.
func (b *bundle) history(id string, from job.Instant, every time.Duration, ends string) (ids []string) {
	b.t.Helper()
	states := map[rune]job.State{'s': job.StateSucceeded, 'f': job.StateFailed, 'k': job.StateSkipped, 'm': job.StateMissed, 'c': job.StateCanceled}
	var events []job.Event
	_, err := b.StartRuns(b.t.Context(), id, func(*job.Due) (runs []job.Run, err error) {
		ids, events = nil, nil
		for i, letter := range ends {
			at := from.Add(time.Duration(i) * every)
			run := queuedRun(id, at, at)
			if state := states[letter]; state == job.StateSkipped || state == job.StateMissed {
				run.State, run.FinishedAt, run.QueuedAt = state, &at, nil
			} else if letter != 'o' {
				events = append(events, ended(run.ID, 1, at+20, state, 200))
			}
			runs, ids = append(runs, run), append(ids, run.ID)
		}
		return runs, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.record(events...)
	return ids
}

// left writes a job's history, oldest first, as history reads it; upper case where the answer is kept.
func (b *bundle) left(id string) string {
	b.t.Helper()
	rows, err := readAll[struct {
		State    string  `db:"state"`
		Response *string `db:"response"`
	}](b.t.Context(), b.Store, "SELECT state, response FROM runs WHERE job_id = :id ORDER BY id", args{"id": id})
	if err != nil {
		b.t.Fatal(err)
	}
	text := ""
	for _, r := range rows {
		letter := map[string]string{"skipped": "k", "queued": "o"}[r.State]
		if letter == "" {
			letter = r.State[:1]
		}
		if r.Response != nil {
			letter = string(letter[0] - 'a' + 'A')
		}
		text += letter
	}
	return text
}

// chore goes through a chore until it is done, and counts what it removed.
func (b *bundle) chore(step func(context.Context, job.Instant, string) (job.ChoreStep, error), now job.Instant, place string) (removed int, end string) {
	b.t.Helper()
	for range 10_000 {
		got, err := step(b.t.Context(), now, place)
		if err != nil {
			b.t.Fatal(err)
		}
		removed, place = removed+got.Removed, got.Place
		if got.Done {
			return removed, place
		}
	}
	b.t.Fatal("the chore never ends")
	return 0, ""
}

func testPrune(t *testing.T, b *bundle) {
	const day = 24 * time.Hour
	b.create(newJob("few", keeping(2, 3, 30*day)), newJob("none", keeping(0, 0, 30*day)), newJob("old", keeping(100, 100, 2*day)),
		newJob("open", keeping(1, 1, time.Hour)), newJob("gone", keeping(1, 1, 30*day)))
	now := t0.Add(10 * day)
	for id, ends := range map[string]string{
		"few": "fffffsssskkkkkmcmcsfs", "none": "sfkmc", "old": "sfkmsfkm", "open": "sosfos", "gone": "sss",
	} {
		b.history(id, t0, day, ends)
	}
	// Before its first occurrence, so that the deletion overtakes none of those that its history has.
	if _, err := b.DeleteJob(t.Context(), "gone", 0, t0-1); err != nil {
		t.Fatal(err)
	}
	p := b.NewPruner()
	p.batch = 3
	removed, place := b.chore(p.Recent, now, "")
	if removed == 0 {
		t.Error("nothing was removed")
	}
	for id, want := range map[string]string{
		// Of the successes the newest 2, of the failures and of the others the newest 3; answers of half of them.
		"few": "fFCmCsFS", "none": "", "old": "", "open": "oo", "gone": "SSS",
	} {
		if got := b.left(id); got != want {
			t.Errorf("%s has %q, want %q", id, got, want)
		}
	}
	if removed, _ := b.chore(p.Recent, now, place); removed != 0 {
		t.Errorf("%d more were removed", removed)
	}
}

// testPruneAll walks all jobs: what is deleted goes by age, what rests too.
func testPruneAll(t *testing.T, b *bundle) {
	const day = 24 * time.Hour
	b.create(newJob("gone", keeping(1, 1, 365*day)), newJob("rests", keeping(1, 1, 60*day)))
	for i := range oldJobs {
		b.create(newJob(fmt.Sprintf("other-%03d", i)))
		b.history(fmt.Sprintf("other-%03d", i), t0, day, "s")
	}
	b.history("gone", t0, 10*day, "sfksfk")
	b.history("rests", t0, 10*day, "sssfff")
	if _, err := b.DeleteJob(t.Context(), "gone", 0, t0-1); err != nil {
		t.Fatal(err)
	}
	before, err := b.Outcomes(t.Context(), job.Buckets{From: t0 - minute, Width: int64(100 * day / time.Millisecond), N: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := b.NewPruner()
	if removed, place := b.chore(p.All, t0.Add(50*day), ""); removed == 0 || place != "" {
		t.Errorf("%d were removed, up to %q", removed, place)
	}
	wantEqual(t, "of a deleted job", b.left("gone"), "ksFk")
	wantEqual(t, "of one that rests", b.left("rests"), "SF")
	wantEqual(t, "of another, too old", b.left("other-199"), "")
	after, err := b.Outcomes(t.Context(), job.Buckets{From: t0 - minute, Width: int64(100 * day / time.Millisecond), N: 1})
	if err != nil || len(before) != 3 {
		t.Fatal(before, err)
	}
	wantEqual(t, "what was counted", counted(after), counted(before))
}

// counted is how many ended in each state.
func counted(counts []job.OutcomeCount) map[job.State]int64 {
	states := map[job.State]int64{}
	for _, c := range counts {
		states[c.State] += c.Runs
	}
	return states
}

func testPruneDefinitions(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("gone"), newJob("unused", dueAt(t0+1)))
	edit := func(id string, n int) {
		b.change(id, func(j *job.Job) { j.Request.URL = fmt.Sprint("http://example.com/", n) })
	}
	for i := range 3 { // a version that runs follow each
		b.history("a", t0.Add(time.Duration(i)*time.Hour), time.Minute, "s")
		edit("a", i)
	}
	b.history("gone", t0, time.Minute, "s")
	edit("gone", 1)
	b.history("gone", t0.Add(time.Hour), time.Minute, "s")
	for _, id := range []string{"gone", "unused"} {
		if _, err := b.DeleteJob(t.Context(), id, 0, t0); err != nil {
			t.Fatal(err)
		}
	}
	versions := func() string {
		rows, err := readAll[string](t.Context(), b.Store, "SELECT job_id || ' ' || version || CASE WHEN schedule = '' THEN ' blank' ELSE '' END FROM definitions ORDER BY job_id, version", args{})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(rows, ", ")
	}
	wantEqual(t, "before", versions(), "a 1, a 2, a 3, a 4, gone 1, gone 2, unused 1 blank")
	p := b.NewPruner()
	if removed, _ := b.chore(p.Definitions, t0, ""); removed != 0 {
		t.Errorf("%d were removed though runs follow them", removed)
	}
	b.chore(p.All, t0.Add(35*24*time.Hour), "")
	b.chore(p.Definitions, t0, "nonsense")
	wantEqual(t, "after", versions(), "a 4, gone 2 blank, unused 1 blank")
	again := newJob("gone")
	b.create(again)
	wantEqual(t, "the version goes on", again.Version, int64(3))
}

func testCounts(t *testing.T, b *bundle) {
	b.create(newJob("a", keeping(10, 10, 24*time.Hour)))
	from, to := t0, t0.Add(time.Hour)
	_, err := b.StartRuns(t.Context(), "a", func(*job.Due) ([]job.Run, error) {
		run := queuedRun("a", from, to)
		run.State, run.FinishedAt, run.QueuedAt = job.StateMissed, &to, nil
		run.MissedCount, run.MissedFrom, run.MissedTo = 601, &from, &to
		return []job.Run{run}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.history("a", t0+1, 20*time.Second, "sssf")
	hours := job.Buckets{From: floor(t0, hour), Width: hour, N: 3}
	quarters := job.Buckets{From: floor(t0, minute), Width: 15 * minute, N: 5}
	check := func(when string, want map[job.State]int64) {
		t.Helper()
		counts, err := b.Outcomes(t.Context(), hours)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, when, counted(counts), want)
	}
	want := map[job.State]int64{job.StateMissed: 601, job.StateSucceeded: 3, job.StateFailed: 1}
	check("at once", want)
	for _, read := range []func() ([]job.OutcomeCount, error){
		func() ([]job.OutcomeCount, error) { return b.Outcomes(t.Context(), quarters) },
		func() ([]job.OutcomeCount, error) {
			c, _, err := b.JobOutcomes(t.Context(), "a", quarters)
			return c, err
		},
	} {
		counts, err := read()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range counts {
			if c.State == job.StateMissed && c.Bucket < 4 && (c.Runs > 160 || c.Runs == 601) {
				t.Errorf("what was missed in an hour is not spread over it: %+v", counts)
			}
		}
		wantEqual(t, "by quarters", counted(counts), want)
	}

	p := b.NewPruner()
	if removed, _ := b.chore(p.Counts, t0.Add(minutesKept), ""); removed != 0 {
		t.Errorf("%d counts were removed too early", removed)
	}
	b.chore(p.Counts, t0.Add(minutesKept+3*time.Hour), "")
	check("by the hour", want)
	rows, err := readAll[int64](t.Context(), b.Store, "SELECT DISTINCT span FROM run_counts", args{})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "spans", rows, []int64{hour})
	b.chore(p.Counts, t0.Add(hoursKept+3*time.Hour), "")
	check("much later", map[job.State]int64{})
}

func testChores(t *testing.T, b *bundle) {
	ctx, now := t.Context(), t0
	take := func(holder string) (string, bool) {
		t.Helper()
		place, taken, err := b.TakeChore(ctx, "sweep", holder, now, now.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return place, taken
	}
	keep := func(holder, place string, until, due job.Instant) bool {
		t.Helper()
		held, err := b.KeepChore(ctx, "sweep", holder, place, until, due)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	if place, taken := take("one"); place != "" || !taken {
		t.Errorf("the first: %q, %v", place, taken)
	}
	if _, taken := take("two"); taken {
		t.Error("two hold it")
	}
	if !keep("one", "here", now.Add(2*time.Minute), now) || keep("two", "there", now, now) {
		t.Error("it is the holder's to keep")
	}
	now = now.Add(90 * time.Second)
	if _, taken := take("two"); taken {
		t.Error("it was kept for longer")
	}
	now = now.Add(time.Minute)
	if place, taken := take("two"); place != "here" || !taken {
		t.Errorf("taken over: %q, %v", place, taken)
	}
	if keep("one", "elsewhere", now, now) {
		t.Error("it was taken over")
	}
	keep("two", "end", now, now.Add(time.Hour))
	if _, taken := take("two"); taken {
		t.Error("it is not due")
	}
	now = now.Add(time.Hour)
	var takers sync.WaitGroup
	var count atomic.Int32
	for i := range 8 {
		takers.Go(func() {
			if _, taken, err := b.TakeChore(ctx, "sweep", fmt.Sprint("many-", i), now, now.Add(time.Minute)); err != nil {
				t.Error(err)
			} else if taken {
				count.Add(1)
			}
		})
	}
	takers.Wait()
	wantEqual(t, "takers", count.Load(), int32(1))
}
