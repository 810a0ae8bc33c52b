package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// Headers of calls that may be repeated.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"
)

// maxKept is how large an answer is kept, in bytes. Of a larger one only its status and headers are kept.
const maxKept = 64 << 10

// replayWait bounds the note that a call has ended.
const replayWait = 5 * time.Second

// ReplayStore remembers the answers to calls that may be repeated.
type ReplayStore interface {
	// BeginReplay notes that a call is under way, or answers what was answered to it before; job.CodeConflict while it
	// is under way, job.CodeInvalid when its key belongs to another.
	BeginReplay(ctx context.Context, r job.Replay) (*job.Answer, error)
	// EndReplay keeps an answer; nil forgets the call.
	EndReplay(ctx context.Context, r job.Replay, answer *job.Answer) error
}

// once makes a call with an Idempotency-Key once: a repetition within 24 hours is
// given the first answer. Answers that say the service failed, and that of a busy one, are not kept.
func (s *Server) once(c *fiber.Ctx) error {
	key := c.Get(headerIdempotencyKey)
	if key == "" {
		return c.Next()
	}
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return job.FieldErrorf(headerIdempotencyKey, "invalid", "it is 1 to 255 visible characters of ASCII")
	}
	replay := job.Replay{Actor: access.ActorOf(c.UserContext()).ID, Key: key, Fingerprint: fingerprint(c), At: s.deps.Now()}
	known, err := s.deps.Replays.BeginReplay(c.UserContext(), replay)
	if err != nil {
		return err
	}
	if known != nil {
		return replayAnswer(c, known)
	}
	var answer *job.Answer
	defer func() { // after a panic too
		ctx, stop := context.WithTimeout(context.WithoutCancel(c.UserContext()), replayWait)
		defer stop()
		if err := s.deps.Replays.EndReplay(ctx, replay, answer); err != nil {
			s.deps.Logger.Warn("an answer was not kept", "request_id", requestID(c), "error", err)
		}
	}()
	if err := c.Next(); err != nil {
		if err := s.fail(c, err); err != nil {
			return err
		}
	}
	answer = keptAnswer(c)
	return nil
}

// replayAnswer gives a kept answer again. The call is not made again when its answer was too large to keep: that
// would repeat its effect.
func replayAnswer(c *fiber.Ctx, known *job.Answer) error {
	for name, value := range known.Headers {
		c.Set(name, value)
	}
	c.Set(headerReplayed, "true")
	if known.Omitted {
		return job.Errorf(job.CodeConflict, "this call was made and answered with status %d; its answer was too large to be kept: read what it made instead", known.Status)
	}
	return c.Status(known.Status).SendString(known.Body)
}

// keptAnswer is the answer to be given again; nil for one that is not.
func keptAnswer(c *fiber.Ctx) *job.Answer {
	status, body := c.Response().StatusCode(), c.Response().Body()
	if status >= fiber.StatusInternalServerError || status == fiber.StatusTooManyRequests || c.Response().IsBodyStream() {
		return nil
	}
	a := &job.Answer{Status: status, Headers: map[string]string{}}
	if a.Omitted = len(body) > maxKept; !a.Omitted {
		a.Body = string(body)
	}
	for _, name := range []string{fiber.HeaderContentType, fiber.HeaderLocation, fiber.HeaderETag} {
		if value := c.GetRespHeader(name); value != "" {
			a.Headers[name] = value
		}
	}
	return a
}

// fingerprint stands for what a call asks.
func fingerprint(c *fiber.Ctx) string {
	sum := sha256.New()
	for _, part := range [][]byte{
		[]byte(c.Method()), c.Request().URI().Path(), c.Request().URI().QueryString(), c.Request().Header.ContentType(), c.Request().Body(),
	} {
		length := sha256.Sum256(part) // so that no part runs into the next
		sum.Write(length[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}
