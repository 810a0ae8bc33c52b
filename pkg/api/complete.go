package api

import (
	"context"
	"strings"
	"unicode/utf8"

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

// CompleteRun ends an open run in the name of its target, to which its nth attempt
// gave the permission. That of any attempt will do: all carry the same
// Idempotency-Key, and a target that recognizes the second works on for the first.
func (s *Service) CompleteRun(ctx context.Context, id string, n int, state job.State, message string) (*job.Run, error) {
	event := job.Event{RunID: id, At: s.now(), State: state, N: n, Message: message}
	switch state {
	case job.StateSucceeded:
		event.Reason = job.ReasonOK
	case job.StateFailed:
		event.Reason = job.ReasonCompletionFailed
	default:
		return nil, fieldError("state", "invalid", "state is succeeded or failed")
	}
	if utf8.RuneCountInString(message) > job.MaxMessageRunes || strings.ContainsRune(message, 0) {
		return nil, fieldError("message", "invalid", "a message is at most %d characters, without NUL", job.MaxMessageRunes)
	}
	done, err := s.store.EndRun(ctx, &event)
	if err != nil {
		return nil, err
	}
	s.recorded(&done)
	s.announce(done.News()...)
	s.bounded(ctx, s.cancelWait, func(ctx context.Context) {
		// An attempt that is still to come, because the answer to the last one was lost, is not made.
		if err := s.queue.Cancel(ctx, done.Changed); err != nil {
			s.logger.Warn("a completed run may be called once more", "run_id", id, "error", err)
		}
		if err := s.queue.Enqueue(ctx, done.Tasks); err != nil {
			s.logger.Warn("runs not enqueued yet", "runs", len(done.Tasks), "error", err)
		}
	})
	return s.store.GetRun(ctx, id)
}
