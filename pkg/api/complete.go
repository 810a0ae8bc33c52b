package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// completion is what a target says of a run that it went on working for.
type completion struct {
	State   job.State `json:"state"`
	Message string    `json:"message"`
}

// completeRun needs no key: the token in its address is the permission, for this one run.
func (s *Server) completeRun(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	params := readQuery(c)
	token := params.text("token")
	if err := params.check(); err != nil {
		return err
	}
	if s.deps.Completions == nil {
		return job.Errorf(job.CodeUnavailable, "runs cannot be completed here: this server was given no secret key")
	}
	n, ok := s.deps.Completions.Check(id, token)
	if !ok {
		return job.Errorf(job.CodeForbidden, "the token is not one of this run")
	}
	in := completion{State: job.StateSucceeded}
	if err := decode(c, &in, true); err != nil {
		return err
	}
	run, err := s.deps.Service.CompleteRun(c.UserContext(), id, n, in.State, in.Message)
	if err != nil {
		return err
	}
	return answerRun(c, run)
}
