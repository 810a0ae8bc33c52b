package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// action reads what every call to do something with a job has: the id, no
// query, and a body that may be left out.
func action(c *fiber.Ctx, dst any) (id string, err error) {
	if id, err = plainID(c); err != nil {
		return "", err
	}
	return id, decode(c, dst, true)
}

func (s *Server) pauseJob(c *fiber.Ctx) error {
	var in struct {
		Until  *job.Instant `json:"until"`
		Reason string       `json:"reason"`
	}
	id, err := action(c, &in)
	if err != nil {
		return err
	}
	j, err := s.deps.Service.Pause(c.UserContext(), id, in.Until, in.Reason)
	if err != nil {
		return err
	}
	return s.answerJob(c, j)
}

func (s *Server) resumeJob(c *fiber.Ctx) error {
	in := struct {
		ResumeFrom string `json:"resume_from"`
	}{ResumeFrom: "now"}
	id, err := action(c, &in)
	if err != nil {
		return err
	}
	resume := s.deps.Service.Resume
	switch in.ResumeFrom {
	case "now":
	case "last":
		resume = s.deps.Service.CatchUp
	default:
		return job.FieldErrorf("resume_from", "invalid", "resume_from is now or last")
	}
	j, err := resume(c.UserContext(), id)
	if err != nil {
		return err
	}
	return s.answerJob(c, j)
}

func (s *Server) runJob(c *fiber.Ctx) error {
	var in struct {
		Force bool `json:"force"`
	}
	id, err := action(c, &in)
	if err != nil {
		return err
	}
	run, err := s.deps.Service.Run(c.UserContext(), id, in.Force)
	if err != nil {
		return err
	}
	return s.answerStarted(c, run)
}

// answerStarted answers a run that was just made, and says where it is to be found.
func (s *Server) answerStarted(c *fiber.Ctx, run *job.Run) error {
	c.Location(s.options.BasePath + v1 + "/runs/" + run.ID)
	c.Status(fiber.StatusAccepted)
	return answerRun(c, run)
}

func (s *Server) backfillJob(c *fiber.Ctx) error {
	var in struct {
		Start  *job.Instant `json:"start"`
		End    *job.Instant `json:"end"`
		DryRun bool         `json:"dry_run"`
	}
	id, err := action(c, &in)
	if err != nil {
		return err
	}
	for field, at := range map[string]*job.Instant{"start": in.Start, "end": in.End} {
		if at == nil {
			return job.FieldErrorf(field, "required", "%s is missing", field)
		}
	}
	n, err := s.deps.Service.Backfill(c.UserContext(), id, *in.Start, *in.End, in.DryRun)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusAccepted).JSON(map[string]int{"runs": n})
}
