package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

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
	writes := guestOf(c).Scope.Allows(access.Write)
	if err := checkTrial(definition, writes); err != nil {
		return err
	}
	entry := access.NewEntry(s.deps.Now(), access.ActorOf(c.UserContext()), access.ActionTestRequest,
		job.TargetHost(definition.Request.URL), access.DiffOf(nil, triedRequest{definition.Request.Method, definition.Request.SecretNames()}))
	if err := s.deps.Audit.AddEntry(c.UserContext(), entry); err != nil {
		return err
	}
	trial, err := s.deps.Service.Try(c.UserContext(), definition, writes)
	if err != nil {
		return err
	}
	return c.JSON(trial)
}

// triedRequest is what the audit log tells of a trial beside its host: a URL may hold credentials.
type triedRequest struct {
	Method  string   `json:"method"`
	Secrets []string `json:"uses,omitempty"`
}

// checkTrial refuses a trial that uses secrets to callers who may not write jobs: it would send them wherever the
// caller likes, and its answer would tell which secrets there are.
func checkTrial(d *job.Definition, writes bool) error {
	uses := d.Request.SecretUses()
	if writes || len(uses) == 0 {
		return nil
	}
	refused := &job.Error{Code: job.CodeForbidden, Detail: "a trial that uses secrets needs a key with the scope write"}
	for _, use := range uses[:min(len(uses), job.MaxSecretUses)] {
		refused.Fields = append(refused.Fields, job.FieldError{Field: use.Field, Code: "invalid", Message: "a secret needs a key with the scope write"})
	}
	return refused
}
