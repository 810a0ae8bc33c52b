package store

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// ids reads all pages of a list.
func (b *bundle) ids(q job.JobQuery) (ids []string) {
	b.t.Helper()
	for range 1000 {
		page, err := b.ListJobs(b.t.Context(), q)
		if err != nil {
			b.t.Fatal(err)
		}
		for i := range page.Jobs {
			ids = append(ids, page.Jobs[i].ID)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return ids
		}
	}
	b.t.Fatal("the list has no end")
	return nil
}

func testFilters(t *testing.T, b *bundle) {
	b.create(
		newJob("alpha", func(j *job.Job) {
			j.Name, j.Tags, j.Request.URL = "Größe ÄÖÜ", []string{"billing", "eu"}, "https://API.Example.com:8443/Path?x=1"
		}),
		newJob("Beta_1", func(j *job.Job) {
			j.Name, j.Tags = "100% done", []string{"eu"}
			j.Schedule = trigger.Spec{Type: trigger.TypeCron, Expression: "* * * * *"}
			j.Pause(nil, "")
		}),
		newJob("beta-2", func(j *job.Job) {
			j.Status, j.NextRunAt, j.DueAt, j.Tags = job.StatusCompleted, nil, nil, []string{",", "e"}
			at := t0
			j.Schedule = trigger.Spec{Type: trigger.TypeDate, At: &at}
			j.LastRun = &job.LastRun{ID: "x", State: job.StateFailed, ScheduledAt: t0}
		}),
	)
	for _, c := range []struct {
		q    job.JobQuery
		want string
	}{
		{job.JobQuery{}, "Beta_1 alpha beta-2"},
		{job.JobQuery{Text: "BETA"}, "Beta_1 beta-2"},
		{job.JobQuery{Text: "größe äö"}, "alpha"},
		{job.JobQuery{Text: "example.com:8443/path"}, "alpha"},
		{job.JobQuery{Text: "BILL"}, "alpha"},
		{job.JobQuery{Text: "100%"}, "Beta_1"},
		{job.JobQuery{Text: "%"}, "Beta_1"},
		{job.JobQuery{Text: "_"}, "Beta_1"},
		{job.JobQuery{Text: "a_1"}, "Beta_1"},
		{job.JobQuery{Text: "'; DROP TABLE jobs; --"}, ""},
		{job.JobQuery{IDContains: "eta"}, "Beta_1 beta-2"},
		{job.JobQuery{IDContains: "b"}, "beta-2"},
		{job.JobQuery{IDContains: "_"}, "Beta_1"},
		{job.JobQuery{IDContains: "%"}, ""},
		{job.JobQuery{Unfinished: true}, "Beta_1 alpha"},
		{job.JobQuery{Tags: []string{"eu"}}, "Beta_1 alpha"},
		{job.JobQuery{Tags: []string{"eu", "billing"}}, "alpha"},
		{job.JobQuery{Tags: []string{"e"}}, "beta-2"},
		{job.JobQuery{Tags: []string{","}}, "beta-2"},
		{job.JobQuery{Tags: []string{"EU"}}, ""},
		{job.JobQuery{Tags: []string{"%"}}, ""},
		{job.JobQuery{Type: "cron"}, "Beta_1"},
		{job.JobQuery{Status: job.StatusPaused}, "Beta_1"},
		{job.JobQuery{Status: job.StatusActive}, "alpha"},
		{job.JobQuery{Status: job.StatusActive, Type: "cron"}, ""},
		{job.JobQuery{Status: job.StatusActive, Host: "api.example.com", Unfinished: true}, "alpha"},
		{job.JobQuery{Unfinished: true, Tags: []string{"eu"}, Type: "cron"}, "Beta_1"},
		{job.JobQuery{Unfinished: true, Status: job.StatusCompleted}, ""},
		{job.JobQuery{LastState: job.StateFailed}, "beta-2"},
		{job.JobQuery{Host: "api.example.COM"}, "alpha"},
		{job.JobQuery{Host: "example.com", Text: "beta", Status: job.StatusCompleted}, "beta-2"},
		{job.JobQuery{DueSince: new(t0), DueUntil: new(t0)}, "alpha"},
		{job.JobQuery{DueSince: new(t0 + 1)}, ""},
		{job.JobQuery{DueUntil: new(t0 - 1)}, ""},
		{job.JobQuery{Text: "nul\x00"}, ""},
		{job.JobQuery{IDContains: "\xff"}, ""},
	} {
		for c.q.Limit = 1; c.q.Limit <= 3; c.q.Limit++ { // a page that holds all is not counted by the database
			if got := strings.Join(b.ids(c.q), " "); got != c.want {
				t.Errorf("%+v gives %q, not %q", c.q, got, c.want)
			}
			page, err := b.ListJobs(t.Context(), c.q)
			if err != nil || page.Total != int64(len(strings.Fields(c.want))) {
				t.Errorf("%+v counts %d: %v", c.q, page.Total, err)
			}
		}
	}
}

// TestFilterThatManyMatch has more jobs of one host than are looked up by it: the list is
// walked in its order then.
func TestFilterThatManyMatch(t *testing.T) {
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "many.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	fill(t, s, manyJobs+1, 1, t0)
	rare := newJob("rare", func(j *job.Job) { j.Name, j.Request.URL = "A", "https://example.com/other" })
	rare.Schedule = trigger.Spec{Type: trigger.TypeCron, Expression: "* * * * *"}
	if err := s.CreateJob(t.Context(), rare); err != nil {
		t.Fatal(err)
	}
	late := newJob("late", dueAt(t0+1), func(j *job.Job) { j.Request.URL = "https://late.example.com" })
	if err := s.CreateJob(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q     job.JobQuery
		total int64
		first string
	}{
		{job.JobQuery{Host: "example.com", Sort: "name", Limit: 1}, manyJobs + 2, "rare"},
		{job.JobQuery{Host: "example.com", Sort: "name", Descending: true, Limit: 1}, manyJobs + 2, "job-0000999"},
		{job.JobQuery{Host: "example.com", Type: "cron", Sort: "updated_at", Limit: 1}, 1, "rare"},
		{job.JobQuery{Type: "interval", Status: job.StatusActive, Limit: 1}, manyJobs + 2, "job-0000000"},
		{job.JobQuery{DueUntil: new(t0), Limit: 1}, manyJobs + 2, "job-0000000"},
		{job.JobQuery{DueUntil: new(t0), Sort: "name", Limit: 1}, manyJobs + 2, "rare"},
		{job.JobQuery{DueSince: new(t0), Sort: "next_run_at", Descending: true, Limit: 1}, manyJobs + 3, "late"},
		{job.JobQuery{DueSince: new(t0 + 1), Limit: 1}, 1, "late"},
	} {
		page, err := s.ListJobs(t.Context(), c.q)
		if err != nil || page.Total != c.total || page.Jobs[0].ID != c.first {
			t.Errorf("%+v gives %d, %v first: %v", c.q, page.Total, idsOf(page.Jobs), err)
		}
	}
}

// total is what a list of all jobs counts, however few there are.
func (b *bundle) total() int64 {
	b.t.Helper()
	n, err := b.countJobs(b.t.Context(), job.JobQuery{})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func testTotals(t *testing.T, b *bundle) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	recount := func() error { _, err := b.NewPruner().JobCounts(t.Context(), t0, ""); return err }
	must(recount())
	wantEqual(t, "of none", b.total(), int64(0))
	b.create(newJob("a"), newJob("b"), newJob("c"))
	wantEqual(t, "made", b.total(), int64(3))
	_, err := b.DeleteJob(t.Context(), "b", 0, t0)
	must(err)
	b.change("a", func(j *job.Job) { j.Pause(nil, "") })
	b.claimAll(t0)
	wantEqual(t, "one deleted", b.total(), int64(2))

	const copied = `INSERT INTO jobs (id, status, failures, version, ran_version, created_at, updated_at, type, host, name, tags, search)
		SELECT 'x' || id, status, failures, version, ran_version, created_at, updated_at, type, host, name, tags, search FROM jobs`
	under, err := b.w.Beginx()
	must(err)
	_, err = under.Exec(copied)
	must(err)
	must(under.Rollback())
	wantEqual(t, "undone", b.total(), int64(2))
	under, err = b.w.Beginx()
	must(err)
	_, err = under.Exec(copied)
	must(err)
	if b.d == postgres { // where two write at once, neither waits for the other
		b.create(newJob("d"))
		_, err = b.DeleteJob(t.Context(), "d", 0, t0)
		must(err)
	}
	must(recount())
	wantEqual(t, "before the commit", b.total(), int64(2))
	must(under.Commit())
	wantEqual(t, "after it", b.total(), int64(4))

	var group errgroup.Group
	for range 8 {
		group.Go(recount)
	}
	must(group.Wait())
	wantEqual(t, "recounted", b.total(), int64(4))
	_, err = b.w.Exec("DELETE FROM jobs")
	must(err)
	wantEqual(t, "all deleted", b.total(), int64(0))
}

func testOrderAndPages(t *testing.T, b *bundle) {
	for i := range 12 {
		b.create(newJob(fmt.Sprintf("j%02d", i), func(j *job.Job) {
			j.Name = []string{"same", "B", "a", "ä"}[i%4]
			j.UpdatedAt = t0 + job.Instant(i%3)
			next := t0 + job.Instant(i/2%3)
			j.NextRunAt, j.DueAt = &next, &next
			if i%5 == 4 {
				j.Pause(nil, "")
			}
		}))
	}
	all := make([]job.Job, 0, 12)
	for _, id := range b.ids(job.JobQuery{Limit: 5}) {
		all = append(all, *b.get(id))
	}
	for _, sort := range []string{"", "id", "name", "next_run_at", "updated_at"} {
		for _, descending := range []bool{false, true} {
			want := slices.Clone(all)
			slices.SortFunc(want, func(x, y job.Job) int { return compareJobs(&x, &y, sort, descending) })
			for _, limit := range []int{1, 2, 3, 5, 12, 500} {
				got := b.ids(job.JobQuery{Sort: sort, Descending: descending, Limit: limit})
				wantEqual(t, fmt.Sprintf("order %q descending %t in pages of %d", sort, descending, limit), got, idsOf(want))
				got = b.ids(job.JobQuery{Sort: sort, Descending: descending, Limit: limit, DueSince: new(t0 + 1), DueUntil: new(t0 + 2)})
				later := slices.DeleteFunc(slices.Clone(want), func(j job.Job) bool { return j.NextRunAt == nil || *j.NextRunAt == t0 })
				wantEqual(t, fmt.Sprintf("of those due later, order %q descending %t in pages of %d", sort, descending, limit), got, idsOf(later))
			}
		}
	}
	_, err := b.ListJobs(t.Context(), job.JobQuery{Sort: "id; DROP TABLE jobs", Limit: 1})
	wantCode(t, err, job.CodeInvalid)
}

// compareJobs says the order that lists promise: by key, then by id, those without a key last.
func compareJobs(x, y *job.Job, sort string, descending bool) int {
	sign := 1
	if descending {
		sign = -1
	}
	order := 0
	switch sort {
	case "name":
		order = strings.Compare(x.Name, y.Name)
	case "updated_at":
		order = int(x.UpdatedAt - y.UpdatedAt)
	case "next_run_at":
		if (x.NextRunAt == nil) != (y.NextRunAt == nil) {
			if x.NextRunAt == nil {
				return 1
			}
			return -1
		}
		if x.NextRunAt != nil {
			order = int(*x.NextRunAt - *y.NextRunAt)
		}
	}
	if order == 0 {
		order = strings.Compare(x.ID, y.ID)
	}
	return sign * order
}

func idsOf(jobs []job.Job) []string {
	ids := make([]string, len(jobs))
	for i := range jobs {
		ids[i] = jobs[i].ID
	}
	return ids
}

func testPagesUnderChange(t *testing.T, b *bundle) {
	for i := range 20 {
		b.create(newJob(fmt.Sprintf("j%02d", i), dueAt(t0+job.Instant(i))))
	}
	for _, sort := range []string{"id", "next_run_at"} {
		var got []string
		q := job.JobQuery{Sort: sort, Limit: 4}
		for step := 0; ; step++ {
			page, err := b.ListJobs(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, idsOf(page.Jobs)...)
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
			// The last row seen goes away, and a new one comes in front of it.
			if _, err := b.DeleteJob(t.Context(), got[len(got)-1], 0, t0); err != nil {
				t.Fatal(err)
			}
			b.create(newJob(fmt.Sprintf("a-%s-%d", sort, step), dueAt(t0-100)))
		}
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("sorted by %s, a job was listed twice: %v", sort, got)
		}
		for i := range 20 {
			id := fmt.Sprintf("j%02d", i)
			if _, err := b.GetJob(t.Context(), id); err == nil && !slices.Contains(got, id) {
				t.Fatalf("sorted by %s, %s was passed over: %v", sort, id, got)
			}
		}
	}
}

func testCursors(t *testing.T, b *bundle) {
	ctx := t.Context()
	for i := range 4 {
		b.create(newJob(fmt.Sprintf("j%d", i)))
	}
	b.claimAll(t0)
	jobs, err := b.ListJobs(ctx, job.JobQuery{Limit: 1, Sort: "name"})
	if err != nil || jobs.NextCursor == "" {
		t.Fatal(jobs, err)
	}
	runs, err := b.ListRuns(ctx, job.RunQuery{Limit: 1})
	if err != nil || runs.NextCursor == "" {
		t.Fatal(runs, err)
	}
	forged := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, cursor := range []string{"x", "!", "e30", forged("null"), forged(`{"l":"jobs:id:false","i":5}`), forged(`{"l":"jobs:id:false","i":"a\u0000"}`),
		runs.NextCursor, jobs.NextCursor, strings.Repeat("A", 1<<16)} {
		_, err := b.ListJobs(ctx, job.JobQuery{Limit: 1, Cursor: cursor})
		wantCode(t, err, job.CodeInvalid)
		wantContains(t, err.Error(), "cursor: ")
		if cursor == runs.NextCursor {
			continue
		}
		_, err = b.ListRuns(ctx, job.RunQuery{Limit: 1, Cursor: cursor})
		wantCode(t, err, job.CodeInvalid)
		wantContains(t, err.Error(), "cursor: ")
	}
	for _, text := range []string{`{"l":"jobs:name:false","i":"j1","n":5}`, `{"l":"jobs:name:false","i":"j1"}`} {
		if _, err := b.ListJobs(ctx, job.JobQuery{Limit: 1, Sort: "name", Cursor: forged(text)}); err != nil && job.CodeOf(err) != job.CodeInvalid {
			t.Fatalf("the cursor %s gives %v", text, err)
		}
	}
}
