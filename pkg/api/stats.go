package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/service"
)

func (s *Server) getStats(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	answer, err := s.deps.Service.Stats(c.UserContext())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return c.JSON(statsAnswer{answer, s.options.Version})
}

// statsAnswer is the statistics with the version of who answers.
type statsAnswer struct {
	*service.Stats
	Version string `json:"version"`
}
