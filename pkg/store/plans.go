package store

import (
	"context"
	"encoding/json"
	"strings"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// planRow is a job's schedule, as much as planning needs.
type planRow struct {
	ID       string `db:"id"`
	Schedule string `db:"schedule"`
}

// Plans reads the schedules that active jobs follow. Where there are more than
// most jobs it reads those of some of them, picked without regard to what they are.
func (s *Store) Plans(ctx context.Context, most int64) (job.Plans, error) {
	plans := job.Plans{OneIn: 1}
	var active int64
	_, err := readOne(ctx, s, &active, "SELECT count(*) FROM jobs WHERE next_run_at IS NOT NULL", args{})
	if err != nil {
		return plans, fail("count planned jobs", err)
	}
	some := "1 = 1"
	if active > most {
		plans.OneIn = (active + most - 1) / most
		some = s.d.oneIn("n")
	}
	// The inner statement reads an index alone, an eighth of the table.
	rows, err := readAll[planRow](ctx, s, `SELECT j.id, d.schedule FROM (SELECT n.id FROM jobs n
			WHERE n.next_run_at IS NOT NULL AND `+some+` LIMIT :limit) AS p
		JOIN jobs j ON j.id = p.id JOIN definitions d ON d.job_id = j.id AND d.version = j.version`, args{"one_in": plans.OneIn, "limit": 2 * most})
	if err != nil {
		return plans, fail("read plans", err)
	}
	plans.Groups = s.groupPlans(rows)
	return plans, nil
}

// groupPlans joins equal schedules. One that cannot be read plans nothing.
func (s *Store) groupPlans(rows []planRow) []job.PlanGroup {
	places := make(map[string]int, len(rows))
	var groups []job.PlanGroup
	for _, r := range rows {
		key := r.Schedule
		if mayHash(r.Schedule) {
			key += "\x00" + r.ID
		}
		if at, known := places[key]; known {
			groups[at].Jobs++
			continue
		}
		var spec trigger.Spec
		if json.Unmarshal([]byte(r.Schedule), &spec) != nil {
			continue // whoever claims it says so
		}
		places[key] = len(groups)
		groups = append(groups, job.PlanGroup{Schedule: spec, JobID: r.ID, Jobs: 1})
	}
	return groups
}

// mayHash reports whether a schedule may mean something else for each job: by an
// H in its expression. The H of a name, THU, does no harm.
func mayHash(schedule string) bool {
	_, rest, found := strings.Cut(schedule, `"expression":"`)
	if !found {
		return false
	}
	expression, _, _ := strings.Cut(rest, `"`)
	return strings.ContainsAny(expression, "Hh")
}
