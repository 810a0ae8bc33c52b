package api

import (
	"context"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// maxTrial is the longest attempt_timeout of a trial: its caller waits for it.
const maxTrial = 20 * time.Second

// Trials have calls made that are in no history.
type Trials interface {
	// Try has a worker make the task's call once; job.CodeUnavailable when none answers.
	Try(ctx context.Context, task *job.Task) (*job.Trial, error)
}

func (s *Server) testRequest(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	data, err := body(c)
	if err != nil {
		return err
	}
	definition, err := job.DecodeTrial(data, s.deps.Now())
	if err != nil {
		return err
	}
	trial, err := s.deps.Service.Try(c.UserContext(), definition)
	if err != nil {
		return err
	}
	return c.JSON(trial)
}

// Try has a worker make the call that a definition describes: where it runs, and
// by the rules that hold there. Nothing of it is kept.
func (s *Service) Try(ctx context.Context, d *job.Definition) (*job.Trial, error) {
	now := s.now()
	if err := d.Request.Seal(s.keys, d.ID, nil); err != nil {
		return nil, err
	}
	d.Policy.AttemptTimeout = min(d.Policy.AttemptTimeout, job.Duration(maxTrial))
	task := job.Task{
		RunID: d.ID, JobID: d.ID, ScheduledAt: now, QueuedAt: now, Queue: d.Policy.Queue,
		Request: d.Request, Policy: d.Policy, Sealed: d.Request.Sealed,
	}
	for _, use := range d.Request.SecretUses() {
		if !slices.Contains(task.Request.Secrets, use.Name) {
			task.Request.Secrets = append(task.Request.Secrets, use.Name)
		}
	}
	if err := s.store.Complete(ctx, &task); err != nil {
		return nil, err
	}
	return s.queue.Try(ctx, &task)
}
