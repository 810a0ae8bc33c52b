package api

import (
	"context"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// SecretStore keeps sealed secrets.
type SecretStore interface {
	// PutSecret keeps a sealed secret and reports whether it is new; job.CodeConflict when there are too many.
	PutSecret(ctx context.Context, name, sealed string, now job.Instant) (info *job.SecretInfo, created bool, err error)
	// DeleteSecret deletes a secret; job.CodeConflict as long as a job uses it.
	DeleteSecret(ctx context.Context, name string, now job.Instant) error
	// GetSecret reads what may be known of a secret.
	GetSecret(ctx context.Context, name string) (*job.SecretInfo, error)
	// ListSecrets reads what may be known of all secrets, by name.
	ListSecrets(ctx context.Context) ([]job.SecretInfo, error)
	// Complete adds the sealed secrets that a task of no job uses; job.CodeInvalid names one that does not exist.
	Complete(ctx context.Context, task *job.Task) error
}

// PutSecret keeps a secret, in the place of any other of its name. Calls that are
// queued already use the one before.
func (s *Service) PutSecret(ctx context.Context, name, value string) (info *job.SecretInfo, created bool, err error) {
	if err := job.CheckSecret(name, value); err != nil {
		return nil, false, err
	}
	sealed, err := s.keys.Seal(job.SecretPlace(name), value)
	if err != nil {
		return nil, false, err
	}
	return s.store.PutSecret(ctx, name, sealed, s.now())
}

// seal takes the credentials that are written out in a job away; those that are to stay are the old job's, nil for none.
func (s *Service) seal(j, old *job.Job) error {
	var stored *job.Request
	if old != nil {
		stored = &old.Request
	}
	return j.Request.Seal(s.keys, j.ID, stored)
}

// Secret reads what may be known of a secret.
func (s *Service) Secret(ctx context.Context, name string) (*job.SecretInfo, error) {
	return s.store.GetSecret(ctx, name)
}

// Secrets reads what may be known of all secrets, by name.
func (s *Service) Secrets(ctx context.Context) ([]job.SecretInfo, error) {
	return s.store.ListSecrets(ctx)
}

// DeleteSecret deletes a secret; job.CodeConflict as long as a job uses it.
func (s *Service) DeleteSecret(ctx context.Context, name string) error {
	return s.store.DeleteSecret(ctx, name, s.now())
}

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
	name, err := secretName(c)
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
	name, err := secretName(c)
	if err != nil {
		return err
	}
	var in struct {
		Value *string `json:"value"`
	}
	if err := decode(c, &in, false); err != nil {
		return err
	}
	if in.Value == nil {
		return fieldError("value", "required", "value is missing")
	}
	info, created, err := s.deps.Service.PutSecret(c.UserContext(), name, *in.Value)
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
	name, err := secretName(c)
	if err != nil {
		return err
	}
	if err := s.deps.Service.DeleteSecret(c.UserContext(), name); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

// secretName is the name in the path of a call that takes no query.
func secretName(c *fiber.Ctx) (string, error) {
	name, err := pathID(c)
	if err != nil {
		return "", err
	}
	return name, readQuery(c).check()
}
