package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// parseJobs reads a pasted text and saves nothing. A text that cannot become a
// job is no fault of the call: the answer says why.
func (s *Server) parseJobs(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	var in struct {
		Text     string `json:"text"`
		TimeZone string `json:"time_zone"`
	}
	if err := decode(c, &in, false); err != nil {
		return err
	}
	if in.Text == "" {
		return job.FieldErrorf("text", "required", "text is missing: a curl or wget command, or lines of a crontab")
	}
	if err := s.checkZone(in.TimeZone); err != nil {
		return err
	}
	out, err := importer.ParseText(c.UserContext(), in.Text, in.TimeZone, s.deps.Parser, s.deps.Now())
	if err != nil {
		return err
	}
	return c.JSON(out)
}

// checkZone refuses the name of a zone that is none; the empty name is UTC.
func (s *Server) checkZone(name string) error {
	if _, err := s.deps.Parser.Parse(trigger.Spec{Type: trigger.TypeDate, At: new(job.Instant), TimeZone: name}, ""); err != nil {
		return job.FieldErrorf("time_zone", "invalid", "time_zone is an IANA name such as Europe/Berlin")
	}
	return nil
}
