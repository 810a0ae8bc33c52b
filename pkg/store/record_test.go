package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// oneRun claims a job's first occurrence.
func (b *bundle) oneRun(id string, edit ...func(*job.Job)) string {
	b.t.Helper()
	b.create(newJob(id, edit...))
	b.claimAll(t0)
	return job.OccurrenceID(id, t0)
}

func testRecord(t *testing.T, b *bundle) {
	id := b.oneRun("a")
	changed := b.record(started(id, 1, t0+5))
	if len(changed) != 1 || changed[0].State != job.StateRunning || *changed[0].StartedAt != t0+5 {
		t.Fatalf("changed: %+v", changed)
	}
	b.record(ended(id, 1, t0+20, job.StateRetrying, 503))
	r := b.run(id)
	if r.State != job.StateRetrying || len(r.Attempts) != 1 || r.Response == nil || r.Response.Body != "body 1" {
		t.Fatalf("between the attempts the run is %+v", r)
	}
	if b.get("a").LastRun != nil {
		t.Fatal("an open run is no last run")
	}
	changed = b.record(started(id, 2, t0+30), ended(id, 2, t0+50, job.StateSucceeded, 200))
	r = b.run(id)
	if r.State != job.StateSucceeded || r.Reason != job.ReasonOK || *r.FinishedAt != t0+50 || *r.DurationMS != 45 || *r.LagMS != 5 ||
		len(r.Attempts) != 2 || r.Response.Body != "body 2" || r.AttemptStarted != 2 {
		t.Fatalf("the run is %+v", r)
	}
	changed[0].Request = r.Request
	wantEqual(t, "the changed run", &changed[0], r)
	wantEqual(t, "the last run", b.get("a").LastRun, r.LastRun())

	if changed := b.record(started(id, 2, t0+30), ended(id, 2, t0+50, job.StateSucceeded, 200)); len(changed) != 0 {
		t.Fatalf("the same again changed %+v", changed)
	}
	b.record(job.Event{RunID: id, At: t0 + 60, State: job.StateCanceled, Reason: job.ReasonJobDeleted})
	if r := b.run(id); r.State != job.StateSucceeded {
		t.Fatalf("a final state was left: %+v", r)
	}
	// An attempt without an answer takes the answer of the one before away.
	other := b.oneRun("b")
	failed := ended(other, 2, t0+90, job.StateFailed, 500)
	failed.Attempt.StatusCode, failed.Response, failed.Reason = nil, nil, job.ReasonTimeout
	b.record(ended(other, 1, t0+20, job.StateRetrying, 503))
	b.record(failed)
	if r := b.run(other); r.Response != nil || r.Reason != job.ReasonTimeout {
		t.Fatalf("the run is %+v", r)
	}
	if runs, err := b.Record(t.Context(), nil); err != nil || runs.Changed != nil || runs.Tasks != nil {
		t.Fatal(runs, err)
	}
}

func testRecordOrder(t *testing.T, b *bundle) {
	var want *job.Run
	for i := range 12 {
		id := b.oneRun(fmt.Sprint("j", i))
		events := []job.Event{started(id, 1, t0+5), ended(id, 1, t0+20, job.StateRetrying, 503),
			started(id, 2, t0+30), ended(id, 2, t0+50, job.StateFailed, 404)}
		r := rand.New(rand.NewPCG(1, uint64(i)))
		if i > 0 {
			events = append(events, events[r.IntN(4)], events[r.IntN(4)])
			r.Shuffle(len(events), func(x, y int) { events[x], events[y] = events[y], events[x] })
		}
		for len(events) > 0 {
			n := 1 + r.IntN(len(events))
			b.record(events[:n]...)
			events = events[n:]
		}
		got := b.run(id)
		if want == nil {
			want = got
			continue
		}
		got.ID, got.JobID, got.Request = want.ID, want.JobID, want.Request
		wantEqual(t, fmt.Sprintf("the run after disorder %d", i), got, want)
	}
}

func testRecordConcurrently(t *testing.T, b *bundle) {
	const jobs = 30
	var ids []string
	for i := range jobs {
		ids = append(ids, b.oneRun(fmt.Sprintf("j%02d", i)))
	}
	handles := []*Store{b.Store, b.open()}
	var group sync.WaitGroup
	for hand := range 4 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(hand)))
			for n := 1; n <= 4; n++ {
				var events []job.Event
				for _, i := range r.Perm(jobs) {
					if i%2 == hand%2 { // two recorders work on the same runs
						events = append(events, started(ids[i], n, t0+job.Instant(n*100)), ended(ids[i], n, t0+job.Instant(n*100+50), job.StateFailed, 500+hand))
					}
				}
				if _, err := handles[hand%2].Record(context.Background(), events); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for i, id := range ids {
		r := b.run(id)
		if r.State != job.StateFailed || len(r.Attempts) != 4 {
			t.Fatalf("run %d: %+v", i, r)
		}
		if j := b.get(r.JobID); j.LastRun == nil || j.LastRun.ID != id {
			t.Fatalf("the last run of %s is %+v", r.JobID, j.LastRun)
		}
	}
}

func testLastRun(t *testing.T, b *bundle) {
	b.create(newJob("a"))
	b.claimAll(t0)
	b.claimAll(t0 + 60_000)
	first, second := job.OccurrenceID("a", t0), job.OccurrenceID("a", t0+60_000)
	b.record(ended(second, 1, t0+60_050, job.StateSucceeded, 200))
	b.record(ended(first, 1, t0+60_090, job.StateFailed, 500))
	if last := b.get("a").LastRun; last.ID != second || last.State != job.StateSucceeded {
		t.Fatalf("the last run is %+v", last)
	}
	page, err := b.ListJobs(t.Context(), job.JobQuery{LastState: job.StateSucceeded, Limit: 1})
	if err != nil || page.Total != 1 {
		t.Fatal(page, err)
	}
	b.change("a", func(j *job.Job) { j.LastRun = nil; j.Name = "x" })
	if last := b.get("a").LastRun; last == nil || last.ID != second {
		t.Fatalf("an edit changed the last run to %+v", last)
	}
}

func (b *bundle) fail(id string, round int, status int) {
	b.t.Helper()
	at := t0 + job.Instant(round)*60_000
	b.claimAll(at)
	b.record(ended(job.OccurrenceID(id, at), 1, at+50, job.StateFailed, status))
}

func testFailures(t *testing.T, b *bundle) {
	b.create(newJob("a", func(j *job.Job) { j.Policy.AutoPauseAfter = 3 }), newJob("never"))
	b.fail("a", 0, 500)
	b.fail("a", 1, 500)
	at := t0 + 2*60_000
	b.claimAll(at)
	b.record(ended(job.OccurrenceID("a", at), 1, at+50, job.StateSucceeded, 200))
	b.fail("a", 3, 500)
	b.fail("a", 4, 404)
	if j := b.get("a"); j.Status != job.StatusActive {
		t.Fatalf("paused too early: %+v", j)
	}
	b.fail("a", 5, 500)
	j := b.get("a")
	if j.Status != job.StatusPaused || j.PauseReason == nil || *j.PauseReason != "3 runs failed in a row" || j.NextRunAt != nil || j.DueAt != nil ||
		j.UpdatedAt != t0+5*60_000+50 {
		t.Fatalf("after three failures the job is %+v", j)
	}
	if entries := b.entries(access.EntryQuery{Action: access.ActionPauseJob}).Entries; len(entries) != 1 || entries[0].Target != "a" ||
		entries[0].Actor.ID != access.Automatic || entries[0].At != t0+5*60_000+50 {
		t.Fatalf("the audit log says %+v", entries)
	}
	if b.get("never").Status != job.StatusActive {
		t.Fatal("a job was paused by another's failures")
	}
	b.change("a", func(j *job.Job) {
		j.Status, j.PauseReason = job.StatusActive, nil
		j.NextRunAt, j.DueAt = new(t0+6*60_000), new(t0+6*60_000)
	})
	b.fail("a", 6, 500)
	if j := b.get("a"); j.Status != job.StatusActive {
		t.Fatalf("resumed, it was paused by the first failure: %+v", j)
	}
	// Several in one batch, the last of them a success.
	b.create(newJob("batch", func(j *job.Job) { j.Policy.AutoPauseAfter = 2 }))
	b.claimAll(t0 + 7*60_000)
	b.claimAll(t0 + 8*60_000)
	one, two := job.OccurrenceID("batch", t0), job.OccurrenceID("batch", t0+60_000)
	b.record(ended(two, 1, t0+200, job.StateFailed, 500), ended(one, 1, t0+100, job.StateFailed, 500))
	if j := b.get("batch"); j.Status != job.StatusPaused || *j.PauseReason != "2 runs failed in a row" {
		t.Fatalf("the job is %+v", j)
	}
}

func testGone(t *testing.T, b *bundle) {
	id := b.oneRun("a")
	done, err := b.Record(t.Context(), []job.Event{ended(id, 1, t0+50, job.StateFailed, 410)})
	if err != nil || len(done.Paused) != 1 || done.Paused[0].ID != "a" || done.Paused[0].Status != job.StatusPaused {
		t.Fatalf("recorded %+v, %v", done, err)
	}
	if got := b.actions(access.EntryQuery{Action: access.ActionPauseJob}); len(got) != 1 || got[0] != "job.pause a by automatic" {
		t.Fatalf("the audit log says %v", got)
	}
	if j := b.get("a"); j.Status != job.StatusPaused || *j.PauseReason != "the target answered 410 Gone" || j.DueAt != nil {
		t.Fatalf("the job is %+v", j)
	}
	id = b.oneRun("accepts")
	b.record(ended(id, 1, t0+50, job.StateSucceeded, 410))
	if j := b.get("accepts"); j.Status != job.StatusActive {
		t.Fatalf("the job is %+v", j)
	}
}

func testOldDefinition(t *testing.T, b *bundle) {
	id := b.oneRun("edited")
	b.change("edited", func(j *job.Job) { j.Request.URL = "http://example.com/moved" })
	b.record(ended(id, 1, t0+50, job.StateFailed, 410))
	if j := b.get("edited"); j.Status != job.StatusActive {
		t.Fatalf("the answer of the old target paused the new: %+v", j)
	}
	id = b.oneRun("renamed")
	b.change("renamed", func(j *job.Job) { j.Name = "other" })
	b.record(ended(id, 1, t0+50, job.StateFailed, 410))
	if j := b.get("renamed"); j.Status != job.StatusPaused {
		t.Fatalf("the answer to the same request did not pause: %+v", j)
	}
}

func testUnknownRuns(t *testing.T, b *bundle) {
	id := b.oneRun("a")
	changed := b.record(started("nobody", 1, t0), started("nul\x00", 1, t0), started(id, 1, t0))
	if len(changed) != 1 || changed[0].ID != id {
		t.Fatalf("changed: %+v", changed)
	}
	wantContains(t, b.log.String(), "count=2")
	if changed := b.record(started("nobody", 1, t0)); len(changed) != 0 {
		t.Fatalf("changed: %+v", changed)
	}
}
