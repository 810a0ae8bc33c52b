package api

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// secretList is all secrets, by name. Their values are never answered.
type secretList struct {
	Secrets []job.SecretInfo `json:"secrets"`
}

func (s *Server) listSecrets(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	all, err := s.deps.Service.Secrets(c.UserContext())
	if err != nil {
		return err
	}
	if all == nil {
		all = []job.SecretInfo{}
	}
	return c.JSON(secretList{all})
}

func (s *Server) getSecret(c *fiber.Ctx) error {
	name, err := plainID(c)
	if err != nil {
		return err
	}
	info, err := s.deps.Service.Secret(c.UserContext(), name)
	if err != nil {
		return err
	}
	return c.JSON(info)
}

func (s *Server) putSecret(c *fiber.Ctx) error {
	name, err := plainID(c)
	if err != nil {
		return err
	}
	var in service.SecretChange
	if err := decode(c, &in, false); err != nil {
		return err
	}
	if in.Value == nil && in.Hosts == nil {
		return job.FieldErrorf("value", "required", "value is missing")
	}
	info, created, err := s.deps.Service.PutSecret(c.UserContext(), name, &in)
	if err != nil {
		return err
	}
	if created {
		c.Location(s.options.BasePath + v1 + "/secrets/" + url.PathEscape(name))
		c.Status(fiber.StatusCreated)
	}
	return c.JSON(info)
}

func (s *Server) deleteSecret(c *fiber.Ctx) error {
	name, err := plainID(c)
	if err != nil {
		return err
	}
	if err := s.deps.Service.DeleteSecret(c.UserContext(), name); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}
