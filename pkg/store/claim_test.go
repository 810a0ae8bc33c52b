package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

func testNextDue(t *testing.T, b *bundle) {
	ctx := t.Context()
	if next, err := b.NextDue(ctx, 0); err != nil || next != nil {
		t.Fatalf("of no jobs the next is due at %v: %v", next, err)
	}
	b.create(newJob("a", dueAt(t0+5)), newJob("b", dueAt(t0+7)), newJob("c", func(j *job.Job) { j.Pause(nil, "") }))
	for after, want := range map[job.Instant]job.Instant{0: t0 + 5, t0 + 4: t0 + 5, t0 + 5: t0 + 7, t0 + 7: 0} {
		next, err := b.NextDue(ctx, after)
		if err != nil || next == nil && want != 0 || next != nil && *next != want {
			t.Fatalf("after %v the next is %v, not %v: %v", after, next, want, err)
		}
	}
}

func testClaim(t *testing.T, b *bundle) {
	b.create(newJob("a", func(j *job.Job) { j.Request.Headers = map[string]string{"X": "y"} }), newJob("b", dueAt(t0+1)))
	var seen []job.Due
	got, err := b.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, func(due []job.Due) []job.Verdict {
		seen = due
		return everyMinute(t0 + 3)(due)
	})
	if err != nil {
		t.Fatal(err)
	}
	j := newJob("a", func(j *job.Job) { j.Request.Headers = map[string]string{"X": "y"} })
	id := job.OccurrenceID("a", t0)
	wantEqual(t, "what was claimed", got, job.Claimed{
		Tasks: []job.Task{{RunID: id, JobID: "a", ScheduledAt: t0, QueuedAt: t0 + 3, Queue: job.QueueDefault, Request: j.Request, Policy: j.Policy}},
		Seen:  1, Last: job.ClaimKey{DueAt: t0, ID: "a"},
	})
	if len(seen) != 1 || seen[0].Open != 0 || seen[0].Version != 1 || *seen[0].Schedule.Anchor != t0 || *seen[0].NextRunAt != t0 {
		t.Fatalf("to decide on was %+v", seen)
	}
	run := b.run(id)
	queued := t0 + 3
	deadline := t0.Add(job.QueueTime) // from the moment of the claim on
	wantEqual(t, "the run", run, &job.Run{ID: id, JobID: "a", JobVersion: 1, Trigger: job.TriggerSchedule, State: job.StateQueued,
		ScheduledAt: t0, QueuedAt: &queued, Queue: job.QueueDefault, Attempts: []job.Attempt{}, Request: &j.Request,
		ExpectedBy: &deadline})
	after := b.get("a")
	if *after.NextRunAt != t0+60_000 || *after.DueAt != t0+60_000 || after.Version != 1 || after.UpdatedAt != j.UpdatedAt {
		t.Fatalf("after the claim the job is %+v", after)
	}
	if again := b.claimAll(t0); again.Seen != 0 || again.Tasks != nil {
		t.Fatalf("the same moment was claimed twice: %+v", again)
	}
	// The next occurrence sees the run that is still open.
	_, err = b.Claim(t.Context(), job.Claim{Now: t0 + 60_000, Limit: 10}, func(due []job.Due) []job.Verdict {
		seen = due
		return []job.Verdict{{Defer: true}, {Defer: true}}
	})
	if err != nil || len(seen) != 2 || seen[0].ID != "b" || seen[0].Open != 0 || seen[1].Open != 1 {
		t.Fatalf("to decide on was %+v: %v", seen, err)
	}
}

func testClaimOrder(t *testing.T, b *bundle) {
	b.create(newJob("b"), newJob("B"), newJob("a"), newJob("c", dueAt(t0-1)), newJob("ä", dueAt(-5)), newJob("z", dueAt(t0+1)))
	var order []string
	var after job.ClaimKey
	for {
		got, err := b.Claim(t.Context(), job.Claim{Now: t0, After: after, Limit: 2}, func(due []job.Due) []job.Verdict {
			verdicts := make([]job.Verdict, len(due))
			for i := range due {
				order = append(order, due[i].ID)
				verdicts[i].Defer = true
			}
			return verdicts
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Deferred != got.Seen || len(got.Tasks) > 0 {
			t.Fatalf("deferred jobs give %+v", got)
		}
		if got.Seen == 0 {
			break
		}
		after = got.Last
	}
	wantEqual(t, "the order of claims", strings.Join(order, " "), "ä c B a b")
}

func testClaimTwice(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"))
	b.claimAll(t0)
	// The clock was set back, or the job was made anew: the occurrence comes up again.
	b.change("a", func(j *job.Job) { j.NextRunAt, j.DueAt = new(t0), new(t0) })
	b.change("b", func(j *job.Job) { j.NextRunAt, j.DueAt = new(t0), new(t0) })
	got, err := b.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, func(due []job.Due) []job.Verdict {
		verdicts := everyMinute(t0)(due)
		missed := job.Run{ID: job.OccurrenceID("b", t0), Trigger: job.TriggerSchedule, State: job.StateMissed, Reason: job.ReasonMisfire,
			ScheduledAt: t0, Queue: job.QueueDefault}
		verdicts[1].Runs = []job.Run{missed, queuedRun("b", t0-60_000, t0)}
		return verdicts
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Seen != 2 || len(got.Tasks) != 1 || got.Tasks[0].RunID != job.OccurrenceID("b", t0-60_000) {
		t.Fatalf("claimed %+v", got)
	}
	if r := b.run(job.OccurrenceID("b", t0)); r.State != job.StateQueued || r.JobVersion != 1 {
		t.Fatalf("the run that was there became %+v", r)
	}
	if j := b.get("b"); j.LastRun != nil || *j.DueAt != t0+60_000 {
		t.Fatalf("the job is %+v", j)
	}
}

func testClaimStates(t *testing.T, b *bundle) {
	b.create(newJob("date"), newJob("paused", func(j *job.Job) { j.Pause(new(t0), "till now") }), newJob("busy"))
	_, err := b.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, func(due []job.Due) []job.Verdict {
		verdicts := make([]job.Verdict, len(due))
		for i := range due {
			v := runOnce(&job.Due{Job: job.Job{Definition: job.Definition{ID: due[i].ID}, NextRunAt: new(t0)}}, t0)
			v.Job = due[i].Job
			switch due[i].ID {
			case "date":
				v.Job.Status, v.Job.NextRunAt, v.Job.DueAt = job.StatusCompleted, nil, nil
			case "paused":
				v.Runs = nil
				v.Job.Status, v.Job.PauseReason, v.Job.PausedUntil = job.StatusActive, nil, nil
				v.Job.NextRunAt, v.Job.DueAt = new(t0+60_000), new(t0+60_000)
			case "busy":
				skipped := job.Run{ID: job.OccurrenceID("busy", t0), Trigger: job.TriggerSchedule, State: job.StateSkipped,
					Reason: job.ReasonOverlap, ScheduledAt: t0, FinishedAt: new(t0), Queue: job.QueueDefault}
				missed := job.Run{ID: job.OccurrenceID("busy", t0-5000), Trigger: job.TriggerSchedule, State: job.StateMissed,
					Reason: job.ReasonMisfire, ScheduledAt: t0 - 5000, FinishedAt: new(t0), Queue: job.QueueDefault,
					MissedCount: 3, MissedFrom: new(t0 - 5000), MissedTo: new(t0 - 1000)}
				v.Runs = []job.Run{skipped, missed}
				v.Job.NextRunAt, v.Job.DueAt = new(t0+60_000), new(t0+60_000)
			}
			verdicts[i] = v
		}
		return verdicts
	})
	if err != nil {
		t.Fatal(err)
	}
	if j := b.get("date"); j.Status != job.StatusCompleted || j.NextRunAt != nil || j.DueAt != nil {
		t.Errorf("date: %+v", j)
	}
	if j := b.get("paused"); j.Status != job.StatusActive || j.PauseReason != nil || j.PausedUntil != nil || *j.DueAt != t0+60_000 {
		t.Errorf("paused: %+v", j)
	}
	entries := b.entries(access.EntryQuery{Action: access.ActionResumeJob}).Entries
	if len(entries) != 1 || entries[0].Actor.ID != access.Automatic || entries[0].Target != "paused" || entries[0].At != t0 || len(entries[0].Diff) == 0 {
		t.Errorf("the audit log says %+v", entries)
	}
	if j := b.get("busy"); j.LastRun == nil || j.LastRun.State != job.StateSkipped || j.LastRun.ScheduledAt != t0 {
		t.Errorf("busy: %+v", j.LastRun)
	}
	if r := b.run(job.OccurrenceID("busy", t0-5000)); r.MissedCount != 3 || *r.MissedFrom != t0-5000 || *r.MissedTo != t0-1000 || r.QueuedAt != nil {
		t.Errorf("missed: %+v", r)
	}
}

func testClaimUndone(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"))
	_, err := b.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, func(due []job.Due) []job.Verdict { return nil })
	wantCode(t, err, job.CodeInternal)
	func() {
		defer func() { _ = recover() }()
		_, _ = b.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, func([]job.Due) []job.Verdict { panic("in the middle") })
		t.Error("the panic was swallowed")
	}()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = b.Claim(ctx, job.Claim{Now: t0, Limit: 10}, func(due []job.Due) []job.Verdict {
		cancel()
		return everyMinute(t0)(due)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("a canceled claim gives %v", err)
	}
	if runs, err := b.ListRuns(t.Context(), job.RunQuery{Limit: 1}); err != nil || len(runs.Runs) > 0 {
		t.Fatalf("runs were kept of claims that did not happen: %+v %v", runs, err)
	}
	claimed := 0 // PostgreSQL gives the locks of a canceled claim back a moment later
	eventually(t, "both jobs are claimed", func() bool {
		claimed += len(b.claimAll(t0).Tasks)
		return claimed >= 2
	})
	if claimed != 2 {
		t.Fatalf("%d jobs are claimed, not both", claimed)
	}
}

func testClaimConcurrently(t *testing.T, b *bundle) {
	const jobs, hands, rounds = 120, 6, 3
	for i := range jobs {
		b.create(newJob(fmt.Sprintf("j%03d", i), dueAt(t0+job.Instant(i%7))))
	}
	handles := []*Store{b.Store, b.open(), b.open()}
	var mu sync.Mutex
	tasks := map[string]int{}
	for round := range rounds {
		now := t0 + 10 + job.Instant(round)*60_000
		var group sync.WaitGroup
		for hand := range hands {
			group.Go(func() {
				for {
					got, err := handles[hand%len(handles)].Claim(context.Background(), job.Claim{Now: now, Limit: 7}, everyMinute(now))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, task := range got.Tasks {
						tasks[task.RunID]++
					}
					mu.Unlock()
					if got.Seen == 0 {
						return
					}
				}
			})
		}
		group.Wait()
		if left := b.claimAll(now); left.Seen != 0 {
			t.Fatalf("%d jobs were left unclaimed", left.Seen)
		}
	}
	for id, n := range tasks {
		if n != 1 {
			t.Fatalf("the run %s was handed out %d times", id, n)
		}
	}
	if len(tasks) != jobs*rounds {
		t.Fatalf("%d runs, not %d", len(tasks), jobs*rounds)
	}
}

// testClaimAgainstChange attacks invariant 5: what is claimed after a pause, an
// edit or a deletion has returned follows it.
func testClaimAgainstChange(t *testing.T, b *bundle) {
	const jobs = 40
	for i := range jobs {
		b.create(newJob(fmt.Sprintf("j%02d", i)))
	}
	other := b.open()
	var mu sync.Mutex // guards what follows
	claimedVersions, now, over := map[string][]int64{}, t0, false
	var group sync.WaitGroup
	group.Go(func() {
		for {
			mu.Lock()
			at, stop := now, over
			mu.Unlock()
			if stop {
				return
			}
			_, err := other.Claim(context.Background(), job.Claim{Now: at, Limit: 5}, func(due []job.Due) []job.Verdict {
				mu.Lock()
				defer mu.Unlock()
				for i := range due {
					claimedVersions[due[i].ID] = append(claimedVersions[due[i].ID], due[i].Version)
				}
				return everyMinute(at)(due)
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range jobs {
		id := fmt.Sprintf("j%02d", i)
		var err error
		switch i % 3 {
		case 0:
			b.change(id, func(j *job.Job) { j.Pause(nil, "") })
		case 1:
			b.change(id, func(j *job.Job) { j.Request.URL = "http://edited.example/" })
		case 2:
			_, err = b.DeleteJob(t.Context(), id, 0, t0)
		}
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		now += 60_000
		claimedVersions[id] = append(claimedVersions[id], -1) // from here on
		mu.Unlock()
	}
	eventually(t, "all that is left has caught up", func() bool {
		mu.Lock()
		at := now
		mu.Unlock()
		next, err := b.NextDue(t.Context(), 0)
		return err == nil && next != nil && *next > at
	})
	mu.Lock()
	over = true
	mu.Unlock()
	group.Wait()
	for i := range jobs {
		id := fmt.Sprintf("j%02d", i)
		mark := slices.Index(claimedVersions[id], -1)
		for _, version := range claimedVersions[id][mark+1:] {
			if i%3 != 1 {
				t.Fatalf("%s was claimed after it was paused or deleted", id)
			}
			if version != 2 {
				t.Fatalf("%s was claimed at version %d after its edit had returned", id, version)
			}
		}
	}
	runs, err := b.ListRuns(t.Context(), job.RunQuery{JobID: "j01", Limit: 1})
	if err != nil || len(runs.Runs) != 1 || b.run(runs.Runs[0].ID).Request.URL != "http://edited.example/" {
		t.Fatalf("the edited job's latest run is %+v: %v", runs.Runs, err)
	}
}

func testReopen(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	got := b.claimAll(t0)
	again := b.open() // what was committed is all that a crash leaves
	stale, err := (&bundle{t: t, Store: again}).lost(t0.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the tasks to deliver anew", len(stale), 1)
	stale[0].Made = nil
	wantEqual(t, "the task", stale[0].Task, got.Tasks[0])
	if twice, err := again.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, everyMinute(t0)); err != nil || twice.Seen != 0 {
		t.Fatalf("after the reopening %+v is claimed: %v", twice, err)
	}
}

// testClaimUnreadable: a damaged definition does not hold up the other jobs, and its own is told apart.
func testClaimUnreadable(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"), newJob("c"))
	if _, err := b.w.Exec("UPDATE definitions SET schedule = '{' WHERE job_id = 'b'"); err != nil {
		t.Fatal(err)
	}
	parser := &trigger.Parser{}
	got, err := b.Claim(t.Context(), job.Claim{Now: t0, Limit: 10}, func(due []job.Due) []job.Verdict {
		verdicts := make([]job.Verdict, len(due))
		for i := range due {
			if _, err := due[i].Compile(parser); err == nil {
				verdicts[i] = runOnce(&due[i], t0)
				continue
			}
			j := due[i].Job
			j.Pause(nil, "it cannot be read")
			verdicts[i] = job.Verdict{Job: j}
		}
		return verdicts
	})
	if err != nil || got.Seen != 3 || len(got.Tasks) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if next, err := b.NextDue(t.Context(), 0); err != nil || next == nil || *next == t0 {
		t.Fatalf("the damaged job is still due: %v, %v", next, err)
	}
	if _, err := b.DeleteJob(t.Context(), "b", 0, t0); err != nil {
		t.Fatalf("it cannot be deleted: %v", err)
	}
}
