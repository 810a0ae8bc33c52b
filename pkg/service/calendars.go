package service

import (
	"context"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// CalendarStore keeps the calendars that schedules go by.
type CalendarStore interface {
	// ListCalendars reads all calendars, the built-in ones too, by id.
	ListCalendars(ctx context.Context) ([]job.Calendar, error)
	// GetCalendar reads one; job.CodeNotFound when there is none.
	GetCalendar(ctx context.Context, id string) (*job.Calendar, error)
	// PutCalendar writes one that is complete, and reports whether it is new.
	PutCalendar(ctx context.Context, c *job.Calendar, now job.Instant) (created bool, err error)
	// DeleteCalendar deletes one; job.CodeConflict as long as a job goes by it.
	DeleteCalendar(ctx context.Context, id string, now job.Instant) error
}

// Calendars reads all calendars, by id.
func (s *Service) Calendars(ctx context.Context) ([]job.Calendar, error) {
	return s.store.ListCalendars(ctx)
}

// Calendar reads one calendar.
func (s *Service) Calendar(ctx context.Context, id string) (*job.Calendar, error) {
	return s.store.GetCalendar(ctx, id)
}

// PutCalendar writes a calendar in the place of the one of that id, if there is one. Read makes it of the old one, nil for
// none. The jobs that go by it are planned anew soon after.
func (s *Service) PutCalendar(
	ctx context.Context, id string, read func(old *trigger.CalendarSpec) (trigger.CalendarSpec, error),
) (c *job.Calendar, created bool, err error) {
	var before *trigger.CalendarSpec
	old, err := s.store.GetCalendar(ctx, id)
	switch {
	case err == nil:
		before = &old.CalendarSpec
	case job.CodeOf(err) != job.CodeNotFound:
		return nil, false, err
	}
	spec, err := read(before)
	if err != nil {
		return nil, false, err
	}
	c = &job.Calendar{ID: id, CalendarSpec: spec}
	if err := c.Complete(); err != nil {
		return nil, false, err
	}
	if created, err = s.store.PutCalendar(ctx, c, s.now()); err != nil {
		return nil, false, err
	}
	c, err = s.store.GetCalendar(ctx, id)
	return c, created, err
}

// DeleteCalendar deletes a calendar; job.CodeConflict as long as a job goes by it.
func (s *Service) DeleteCalendar(ctx context.Context, id string) error {
	return s.store.DeleteCalendar(ctx, id, s.now())
}
