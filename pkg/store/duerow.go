package store

import (
	"schedule-server/pkg/job"
)

// decodeDue turns rows into jobs.
func decodeDue(rows []dueRow) ([]job.Due, error) {
	due := make([]job.Due, len(rows))
	for i := range rows {
		r := &rows[i]
		schedule, request, policy, err := r.decode()
		if err != nil {
			return nil, r.broken(err)
		}
		due[i].Job = job.Job{
			Definition: job.Definition{ID: r.ID, Schedule: schedule, Request: request, Policy: policy},
			Status:     r.Status, PauseReason: r.PauseReason, PausedUntil: r.PausedUntil, NextRunAt: r.NextRunAt,
			Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DueAt: r.DueAt,
		}
	}
	return due, nil
}
