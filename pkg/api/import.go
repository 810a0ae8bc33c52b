package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// maxMaxDeletes bounds max_deletes.
const maxMaxDeletes = 1_000_000

func (s *Server) importJobs(c *fiber.Ctx) error {
	params := readQuery(c)
	options := service.ImportOptions{
		DryRun: params.boolean("dry_run"), Prune: params.boolean("prune"), MaxDeletes: params.integer("max_deletes", service.DefaultMaxDeletes, maxMaxDeletes),
	}
	file := importer.File{Name: params.text("filename"), Data: c.Request().Body(), TimeZone: params.text("time_zone"), Pickles: s.deps.Pickles}
	if err := params.check(); err != nil {
		return err
	}
	if text := c.Get(fiber.HeaderIfMatch); text != "" {
		tags, ok := readTags(text)
		if !ok || len(tags) != 1 || tags[0] == "" {
			return job.Errorf(job.CodeMalformed, `If-Match is the plan of a dry run as one tag, such as "0f3a…"`)
		}
		options.IfPlan = tags[0]
	}
	if err := refuseEncoding(c); err != nil {
		return err
	}
	var err error
	if file.Format, err = importer.FormatOf(c.Get(fiber.HeaderContentType)); err != nil {
		return err
	}
	if err := s.checkZone(file.TimeZone); err != nil {
		return err
	}
	batch, err := importer.Read(c.UserContext(), file, s.deps.Parser, s.deps.Now())
	if err != nil {
		return err
	}
	done, err := s.deps.Service.Import(c.UserContext(), batch, options)
	if err != nil {
		return err
	}
	return c.JSON(done)
}
