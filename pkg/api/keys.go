package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// newKey is a key with its text, which is told this once.
type newKey struct {
	access.Key
	Text string `json:"key"`
}

func (s *Server) listKeys(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	keys, err := s.deps.Access.List(c.UserContext())
	if err != nil {
		return err
	}
	return c.JSON(map[string][]access.Key{"keys": keys})
}

func (s *Server) createKey(c *fiber.Ctx) error {
	var in struct {
		Name      string       `json:"name"`
		Scope     access.Scope `json:"scope"`
		ExpiresAt *job.Instant `json:"expires_at"`
	}
	if err := readQuery(c).check(); err != nil {
		return err
	}
	if err := decode(c, &in, false); err != nil {
		return err
	}
	key, token, err := s.deps.Access.Create(c.UserContext(), access.KeyInput(in))
	if err != nil {
		return err
	}
	c.Location(s.options.BasePath + v1 + "/keys/" + key.ID)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(fiber.StatusCreated).JSON(newKey{*key, token.Text()})
}

func (s *Server) getKey(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	key, err := s.deps.Access.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(key)
}

func (s *Server) deleteKey(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	if err := s.deps.Access.Delete(c.UserContext(), id); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}
