package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// envelope is the form of every answer with status 200.
type envelope struct {
	Success bool          `json:"success"`
	Error   envelopeError `json:"error"`
	Data    any           `json:"data"`
}

// envelopeError is an error of the original's own numbering. Both are empty on success.
type envelopeError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error shows the code and the message.
func (e *envelopeError) Error() string { return e.Code + " " + e.Message }

// detail is an answer outside the envelope: {"detail": …} with its own status.
type detail struct {
	status int
	body   any // a sentence, or faults
}

// Error shows the status and the body.
func (d *detail) Error() string { return fmt.Sprintf("%d: %v", d.status, d.body) }

func refuse(status int, sentence string) error { return &detail{status, sentence} }

// fault is one reason why input is refused, as pydantic writes it.
type fault struct {
	Type  string          `json:"type"`
	Loc   []any           `json:"loc"`
	Msg   string          `json:"msg"`
	Input json.RawMessage `json:"input"`
	Ctx   map[string]any  `json:"ctx,omitempty"`
}

func unprocessable(faults ...fault) error {
	return &detail{fiber.StatusUnprocessableEntity, faults}
}

// null is the input of a fault where nothing was given.
var null = json.RawMessage("null")

func succeed(c *fiber.Ctx, data any) error {
	return write(c, fiber.StatusOK, envelope{Success: true, Data: data})
}

// fail is the one place that turns errors into answers, and that logs those which are no fault of the caller.
func (h *Handler) fail(c *fiber.Ctx, err error) error {
	var own *envelopeError
	var known *detail
	var cause *job.Error
	switch {
	case errors.As(err, &own):
		return write(c, fiber.StatusOK, envelope{Error: *own, Data: struct{}{}})
	case errors.As(err, &known):
		return write(c, known.status, fiber.Map{"detail": known.body})
	}
	status, sentence := fiber.StatusInternalServerError, "Internal Server Error"
	if errors.As(err, &cause) && cause.Code == job.CodeUnavailable {
		status, sentence = fiber.StatusServiceUnavailable, cause.Detail
	}
	h.logger.Error("call of the compatibility API failed", "method", c.Method(), "path", c.Path(), "error", err)
	return write(c, status, fiber.Map{"detail": sentence})
}

func write(c *fiber.Ctx, status int, body any) error {
	text, err := encode(body)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(status).Send(text)
}

// encode makes JSON as the original did: characters stand for themselves, also &, < and >.
func encode(body any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(body)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}
