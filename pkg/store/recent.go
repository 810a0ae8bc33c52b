package store

import (
	"context"
	"slices"
	"strings"

	"schedule-server/pkg/job"
)

// maxRecent bounds how many runs come with each job of a list.
const maxRecent = 100

// addRecent gives each job its latest runs, the newest first. The id of the last
// run wanted is looked up for each job by the index, and the runs from there on
// are read by the same index: what a job's history holds beyond costs nothing.
func (s *Store) addRecent(ctx context.Context, jobs []job.Job, n int) error {
	if len(jobs) == 0 {
		return nil
	}
	var ids rowset
	place := make(map[string]int, len(jobs))
	for i := range jobs {
		ids.add(jobs[i].ID)
		place[jobs[i].ID] = i
		jobs[i].Recent = []job.LastRun{}
	}
	rows, err := readAll[runRow](ctx, s, "SELECT "+runColumns+` FROM (
			SELECT v.id AS job_id, COALESCE((SELECT o.id FROM runs o WHERE o.job_id = v.id ORDER BY o.id DESC LIMIT 1 OFFSET :skipped), '') AS oldest
			FROM `+s.d.rows("id TEXT")+` AS v) AS wanted
		JOIN runs r ON r.job_id = wanted.job_id AND r.id >= wanted.oldest`, args{"rows": ids.text(), "skipped": n - 1})
	if err != nil {
		return fail("list recent runs", err)
	}
	slices.SortFunc(rows, func(a, b runRow) int { return strings.Compare(b.ID, a.ID) })
	for i := range rows {
		run, err := rows[i].run()
		if err != nil {
			return err
		}
		if j := &jobs[place[run.JobID]]; len(j.Recent) < n { // a run may have begun while the statement looked
			j.Recent = append(j.Recent, *run.LastRun())
		}
	}
	return nil
}
