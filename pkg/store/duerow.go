package store

import (
	"encoding/json"
	"runtime"
	"slices"
	"sync"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// decodeDue turns rows into jobs. Reading JSON is most of a claim's work, so that
// it is shared among the processors, and what many jobs have in common is read
// once. One that cannot be read must not hold up the others: it gets a schedule
// that nobody can follow, which the claim sees to.
func (s *Store) decodeDue(rows []dueRow) []job.Due {
	due := make([]job.Due, len(rows))
	const worthSharing = 128
	share := len(rows)
	if len(rows) > worthSharing {
		share = (len(rows) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	}
	var group sync.WaitGroup
	for from := 0; from < len(rows); from += share {
		to := min(from+share, len(rows))
		group.Go(func() {
			d := dueDecoder{schedules: map[string]trigger.Spec{}, policies: map[string]job.Policy{}}
			for i := from; i < to; i++ {
				if err := d.decode(&rows[i], &due[i].Job); err != nil {
					s.logger.Error("a stored job cannot be read", "job_id", rows[i].ID, "error", err)
					due[i].Job = rows[i].unreadable()
				}
			}
		})
	}
	group.Wait()
	return due
}

// unreadable is the job without its definition.
func (r *dueRow) unreadable() job.Job {
	j := job.Job{Definition: job.Definition{ID: r.ID}, Status: r.Status, NextRunAt: r.NextRunAt, Version: r.Version, DueAt: &r.DueAt}
	j.MakeUnreadable("")
	return j
}

// dueDecoder remembers the schedules and policies it has read.
type dueDecoder struct {
	schedules map[string]trigger.Spec
	policies  map[string]job.Policy
}

func (d *dueDecoder) decode(r *dueRow, j *job.Job) error {
	schedule, known := d.schedules[r.Schedule]
	if !known {
		if err := json.Unmarshal([]byte(r.Schedule), &schedule); err != nil {
			return err
		}
		d.schedules[r.Schedule] = schedule
	}
	policy, known := d.policies[r.Policy]
	if !known {
		if err := json.Unmarshal([]byte(r.Policy), &policy); err != nil {
			return err
		}
		d.policies[r.Policy] = policy
	}
	policy.Success.Status = slices.Clone(policy.Success.Status) // each job has its own
	*j = job.Job{
		Definition: job.Definition{ID: r.ID, Schedule: schedule, Policy: policy},
		Status:     r.Status, PauseReason: r.PauseReason, PausedUntil: r.PausedUntil, NextRunAt: r.NextRunAt,
		Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DueAt: &r.DueAt,
	}
	if err := decodeRequest(r.Request, &j.Request); err != nil {
		return err
	}
	return r.decodeSecrets(&j.Request)
}

// decodeRequest reads a stored request.
func decodeRequest(text string, request *job.Request) error {
	if plain, ok := readPlain(text); ok {
		*request = plain
		return nil
	}
	return json.Unmarshal([]byte(text), request)
}
