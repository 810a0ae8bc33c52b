package api

import (
	"encoding/json"
	"errors"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// How many occurrences a preview shows.
const (
	defaultCount = 10
	maxCount     = 1000
)

// refusal says why a schedule is none.
type refusal struct {
	Valid  bool             `json:"valid"`
	Errors []job.FieldError `json:"errors"`
}

// previewSchedule answers for a faulty schedule too: asking is no fault. Only
// what lies around the schedule is refused.
func (s *Server) previewSchedule(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	in := struct {
		Schedule json.RawMessage `json:"schedule"`
		Count    int             `json:"count"`
		From     *job.Instant    `json:"from"`
	}{Count: defaultCount}
	if err := decode(c, &in, false); err != nil {
		return err
	}
	if in.Count < 1 || in.Count > maxCount {
		return job.FieldErrorf("count", "invalid", "count is a number from 1 to %d", maxCount)
	}
	from := s.deps.Now()
	if in.From != nil {
		from = *in.From
	}
	answer, err := s.deps.Service.Preview(in.Schedule, from, in.Count)
	if err != nil {
		var known *job.Error
		if !errors.As(err, &known) || known.Code != job.CodeInvalid {
			return err
		}
		return c.JSON(refusal{Errors: known.Fields})
	}
	return c.JSON(answer)
}
