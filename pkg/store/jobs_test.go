package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

func testRoundTrip(t *testing.T, b *bundle) {
	start, end, until := t0-5, job.Instant(-1), t0+7
	reason, status, took := "holiday", 503, int64(12)
	j := newJob("whole", func(j *job.Job) {
		j.Description, j.Tags = "täglich\nzwei Zeilen", []string{"a", "b\"c", "d,e"}
		j.Schedule = trigger.Spec{Type: trigger.TypeCron, Expression: "0 2 * * *", TimeZone: "Asia/Shanghai", StartAt: &start, EndAt: &end}
		j.Request = job.Request{Method: "POST", URL: "https://例え.テスト:8443/?q=%25", Headers: map[string]string{"X-A": "ü"},
			Body: job.Body(`{"a":"` + strings.Repeat("ß", 300_000) + `"}`), FollowRedirects: 3, InsecureTLS: true}
		j.Policy.MisfireGraceTime, j.Policy.Coalesce = job.Unlimited, job.CoalesceAll
		j.Policy.Success = job.Success{Status: []string{"2xx", "404"}, BodyMatch: "ok|\\d", BodyNotMatch: "no"}
		j.Policy.Queue, j.Policy.AutoPauseAfter, j.Policy.Jitter = job.QueueLow, 3, trigger.Duration(time.Second)
		j.Pause(&until, reason)
		j.LastRun = &job.LastRun{ID: "R", State: job.StateFailed, Reason: "status_503", ScheduledAt: t0, StatusCode: &status, DurationMS: &took}
	})
	b.create(j)
	got := b.get("whole")
	j.Schedule.Exclude = got.Schedule.Exclude // nil and empty are the same
	wantEqual(t, "the job", got, j)
	if got.Version != 1 {
		t.Fatalf("the version is %d", got.Version)
	}
}

func testVersions(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.create(newJob("a"))
	wantCode(t, b.CreateJob(ctx, newJob("a")), job.CodeConflict)
	_, err := b.GetJob(ctx, "b")
	wantCode(t, err, job.CodeNotFound)
	b.change("a", func(*job.Job) {})
	b.change("a", func(*job.Job) {})
	if _, err := b.DeleteJob(ctx, "a", 2, t0); job.CodeOf(err) != job.CodePreconditionFailed {
		t.Fatalf("deleting version 2 of 3 gave %v", err)
	}
	if _, err := b.DeleteJob(ctx, "a", 3, t0); err != nil {
		t.Fatal(err)
	}
	_, err = b.DeleteJob(ctx, "a", 0, t0)
	wantCode(t, err, job.CodeNotFound)

	again := newJob("a")
	again.Version = 99
	b.create(again)
	wantEqual(t, "the version of a job made anew", again.Version, int64(4))
	wantEqual(t, "the version kept", b.get("a").Version, int64(4))
}

func testChange(t *testing.T, b *bundle) {
	ctx := t.Context()
	own := errors.New("my own")
	before, after, err := b.ChangeJob(ctx, "a", at(t0), func(old *job.Job, _ job.Instant) (*job.Job, error) {
		if old != nil {
			t.Error("a job is there before it was made")
		}
		return nil, own
	})
	if err != own || before != nil || after != nil {
		t.Fatalf("got %v %v %v", before, after, err)
	}
	before, after, err = b.ChangeJob(ctx, "a", at(t0), func(_ *job.Job, _ job.Instant) (*job.Job, error) { return newJob("a"), nil })
	if err != nil || before != nil || after.Version != 1 {
		t.Fatalf("got %v %v %v", before, after, err)
	}
	before, after, err = b.ChangeJob(ctx, "a", at(t0), func(old *job.Job, _ job.Instant) (*job.Job, error) { return nil, nil })
	if err != nil || after != nil || before == nil || b.get("a").Version != 1 {
		t.Fatalf("nothing was to be written: %v %v %v", before, after, err)
	}
	before, after, err = b.ChangeJob(ctx, "a", at(t0), func(old *job.Job, _ job.Instant) (*job.Job, error) {
		old.Name, old.Version, old.Tags, old.Request.URL = "new", 77, []string{"x"}, "https://other.example/"
		old.Pause(nil, "why")
		return old, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if before.Name != "Name of a" || before.Version != 1 || after.Version != 2 {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	got := b.get("a")
	got.Schedule.Exclude = after.Schedule.Exclude
	wantEqual(t, "the job", got, after)
	page, err := b.ListJobs(ctx, job.JobQuery{Host: "other.example", Tags: []string{"x"}, Status: job.StatusPaused, Text: "OTHER", Limit: 1})
	if err != nil || page.Total != 1 {
		t.Fatalf("the changed job is not found: %+v %v", page, err)
	}
}

// Each job is made by whoever comes first, while the others are about to change
// it: that is where a change could be made without the lock.
func testChangeConcurrently(t *testing.T, b *bundle) {
	const jobs, each, hands = 25, 5, 4
	other := b.open()
	for n := range jobs {
		id := fmt.Sprintf("counted-%d", n)
		var group sync.WaitGroup
		for i := range hands {
			s := b.Store
			if i%2 == 1 {
				s = other
			}
			group.Go(func() {
				for range each {
					if err := countChange(s, id); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		j := b.get(id)
		if j.Policy.AutoPauseAfter != each*hands || j.Version != each*hands {
			t.Fatalf("%d changes at version %d, not %d: one was lost", j.Policy.AutoPauseAfter, j.Version, each*hands)
		}
	}
}

// countChange adds one to a number in the job, or makes the job.
func countChange(s *Store, id string) error {
	_, _, err := s.ChangeJob(context.Background(), id, at(t0), func(old *job.Job, _ job.Instant) (*job.Job, error) {
		if old == nil {
			old = newJob(id)
			old.Policy.AutoPauseAfter = 0
		}
		old.Policy.AutoPauseAfter++
		return old, nil
	})
	return err
}

func testDelete(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.create(newJob("a"), newJob("b"))
	first := b.claimAll(t0)
	second := b.claimAll(t0 + 60_000)
	ids := map[string]string{}
	for _, task := range append(first.Tasks, second.Tasks...) {
		ids[task.JobID] += task.RunID + " "
	}
	runsOfA := strings.Fields(ids["a"])
	b.record(started(runsOfA[0], 1, t0+1), ended(runsOfA[0], 1, t0+20, job.StateSucceeded, 200), started(runsOfA[1], 1, t0+60_001))
	third := b.claimAll(t0 + 120_000)

	open, err := b.DeleteJob(ctx, "a", 0, t0+120_001)
	if err != nil {
		t.Fatal(err)
	}
	want := []job.Run{
		{ID: runsOfA[1], JobID: "a", Queue: job.QueueDefault, State: job.StateRunning, Reason: job.ReasonJobDeleted},
		{ID: third.Tasks[0].RunID, JobID: "a", Queue: job.QueueDefault, State: job.StateQueued, Reason: job.ReasonJobDeleted},
	}
	for i := range open {
		if open[i].ExpectedBy == nil {
			t.Errorf("the run %s has no deadline", open[i].ID)
		}
		open[i].ExpectedBy = nil
	}
	wantEqual(t, "the open runs", open, want)
	if got := b.claimAll(t0 + 600_000); got.Seen != 1 {
		t.Fatalf("%d jobs are due, not the one that is left", got.Seen)
	}
	if b.run(runsOfA[0]).Request == nil {
		t.Fatal("the run of a deleted job lost its request")
	}
	b.create(newJob("a"))
	if v := b.get("a").Version; v != 2 {
		t.Fatalf("the job made anew has version %d", v)
	}
}
