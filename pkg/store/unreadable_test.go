package store

import (
	"testing"

	"schedule-server/pkg/job"
)

// damages are the ways in which a stored definition may be one that nobody can read.
func damages() map[string]string {
	return map[string]string{
		"schedule":         "UPDATE definitions SET schedule = '{' WHERE job_id = 'b'",
		"a newer schedule": `UPDATE definitions SET schedule = '{"type":"lunar","phase":"full"}' WHERE job_id = 'b'`,
		"request":          "UPDATE definitions SET request = '[]' WHERE job_id = 'b'",
		"policy":           `UPDATE definitions SET policy = '{"retry":1}' WHERE job_id = 'b'`,
		"secrets":          "UPDATE definitions SET secrets = '7' WHERE job_id = 'b'",
		"tags":             "UPDATE jobs SET tags = 'a,b' WHERE id = 'b'",
	}
}

// testUnreadable: a job that cannot be read is listed and marked, and may be replaced whole and deleted, but not changed.
func testUnreadable(t *testing.T, b *bundle) {
	for what, damage := range damages() {
		for _, id := range []string{"a", "b", "c"} {
			b.create(newJob(id))
		}
		if _, err := b.w.Exec(damage); err != nil {
			t.Fatal(err)
		}
		page, err := b.ListJobs(t.Context(), job.JobQuery{Limit: 10})
		if err != nil || len(page.Jobs) != 3 || page.Total != 3 {
			t.Fatalf("%s: listed are %d jobs of %d, %v", what, len(page.Jobs), page.Total, err)
		}
		for _, j := range page.Jobs {
			if marked := j.ID == "b"; j.Unreadable != marked {
				t.Errorf("%s: %s is marked as unreadable: %v", what, j.ID, j.Unreadable)
			}
		}
		old := b.get("b")
		if !old.Unreadable || old.Version != 1 || old.Status != job.StatusActive {
			t.Errorf("%s: it is %+v", what, old)
		}
		pause := func(old *job.Job, _ job.Instant) (*job.Job, error) {
			old.Pause(nil, "by hand")
			return old, nil
		}
		if _, _, err := b.ChangeJob(t.Context(), "b", at(t0), pause); job.CodeOf(err) != job.CodeConflict {
			t.Errorf("%s: written over by what could not be read: %v", what, err)
		}
		if _, failed, err := b.StartEach(t.Context(), []string{"b"}, nil); err != nil || job.CodeOf(failed["b"]) != job.CodeConflict {
			t.Errorf("%s: started by hand: %v, %v", what, failed["b"], err)
		}
		whole := newJob("b")
		_, after, err := b.ChangeJob(t.Context(), "b", at(t0-1), func(*job.Job, job.Instant) (*job.Job, error) { return whole, nil })
		if err != nil || after.Version != 2 {
			t.Fatalf("%s: not replaced: %+v, %v", what, after, err)
		}
		if got := b.get("b"); got.Unreadable || got.Request.URL != whole.Request.URL {
			t.Errorf("%s: after its replacement it is %+v", what, got)
		}
		if got := b.claimAll(t0); len(got.Tasks) != 3 {
			t.Errorf("%s: %d of 3 jobs are claimed", what, len(got.Tasks))
		}
		if _, err := b.w.Exec(damage); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"a", "b", "c"} {
			if _, err := b.DeleteJob(t.Context(), id, 0, t0+1); err != nil {
				t.Fatalf("%s: %s is not deleted: %v", what, id, err)
			}
		}
		if _, err := b.w.Exec("DELETE FROM runs"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.w.Exec("DELETE FROM definitions"); err != nil {
			t.Fatal(err)
		}
	}
}

// testUnreadableTask: a run that is open when its definition breaks holds up no other, and has no URL to call.
func testUnreadableTask(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b"))
	b.claimAll(t0)
	for _, broken := range []string{`UPDATE definitions SET request = '[]' WHERE job_id = 'b'`, `DELETE FROM definitions WHERE job_id = 'b'`} {
		if _, err := b.w.Exec(broken); err != nil {
			t.Fatal(err)
		}
		lost, err := b.lost(t0 + 1)
		if err != nil || len(lost) != 2 {
			t.Fatalf("%d runs, %v", len(lost), err)
		}
		for _, run := range lost {
			if broken := run.JobID == "b"; (run.Request.URL == "") != broken {
				t.Errorf("%s is to call %q", run.JobID, run.Request.URL)
			}
		}
	}
	wantContains(t, b.log.String(), "cannot be read")
}
