package api

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// calendarList is all calendars, by id.
type calendarList struct {
	Calendars []job.Calendar `json:"calendars"`
}

func (s *Server) listCalendars(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	all, err := s.deps.Service.Calendars(c.UserContext())
	if err != nil {
		return err
	}
	return c.JSON(calendarList{all})
}

func (s *Server) getCalendar(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	calendar, err := s.deps.Service.Calendar(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(calendar)
}

func (s *Server) putCalendar(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	if err := refuseEncoding(c); err != nil {
		return err
	}
	media, data := c.Get(fiber.HeaderContentType), c.Request().Body()
	calendar, created, err := s.deps.Service.PutCalendar(c.UserContext(), id, func(old *trigger.CalendarSpec) (trigger.CalendarSpec, error) {
		return importer.ReadCalendar(media, data, old)
	})
	if err != nil {
		return err
	}
	if created {
		c.Location(s.options.BasePath + v1 + "/calendars/" + url.PathEscape(id))
		c.Status(fiber.StatusCreated)
	}
	return c.JSON(calendar)
}

func (s *Server) deleteCalendar(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	if err := s.deps.Service.DeleteCalendar(c.UserContext(), id); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}
