package compat

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// plan is the part of a job in which the three kinds differ.
type plan struct {
	schedule trigger.Spec
	grace    job.Grace
	// faults are those of the schedule. With any of them schedule is another, valid one, so that the rest of the
	// job is looked at too.
	faults []fault
}

// fields puts the two members that every kind has before its own.
func fields(own ...field) []field {
	return append([]field{{name: "job_id", required: true}, {name: "url", required: true}}, own...)
}

// add makes a job of a body, in the place of any job of its id.
func (h *Handler) add(c *fiber.Ctx, f *form, table []field, p plan) error {
	in := h.define(f, p)
	faults := append(p.faults, h.check(in, f, len(p.faults) > 0)...)
	if len(faults) > 0 {
		return refuseDefinition(faults, table)
	}
	j, _, err := h.jobs.Replace(c.UserContext(), in, 0)
	var refused *job.Error
	if errors.As(err, &refused) && refused.Code == job.CodeInvalid {
		return refuseDefinition(translate(refused.Fields, f), table)
	}
	if err != nil {
		return err
	}
	return succeed(c, fiber.Map{"job_id": j.ID})
}

// define makes the job: one call by GET, in UTC, never repeated; active, also in the place of a paused one.
func (h *Handler) define(f *form, p plan) *job.Input {
	active := job.StatusActive
	in := &job.Input{
		Definition: job.Definition{
			ID:       f.texts["job_id"],
			Schedule: p.schedule,
			// The original's HTTP library follows redirects.
			Request: job.Request{Method: fiber.MethodGet, URL: f.texts["url"], FollowRedirects: job.MaxRedirects},
			Policy:  job.DefaultPolicy(),
		},
		Status: &active,
	}
	if in.ID == "" {
		var id [16]byte
		rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
		in.ID = hex.EncodeToString(id[:])
	}
	in.Request.Literal = job.HasTemplate(in.Request.URL) // the original knew no templates
	in.Policy.MisfireGraceTime = p.grace
	in.Policy.Coalesce = job.CoalesceLatest
	in.Policy.ConcurrencyPolicy = job.ConcurrencyForbid
	in.Policy.Retry.MaxAttempts = 1
	in.Normalize(h.now())
	return in
}

// check finds the faults of a definition, and whether its cron ever fires unless its schedule is faulty anyway.
func (h *Handler) check(in *job.Input, f *form, faulty bool) []fault {
	found := in.Validate(h.parser)
	if len(found) > 0 {
		return translate(found, f)
	}
	if faulty || in.Schedule.Fields == nil {
		return nil
	}
	if schedule, err := in.Compile(h.parser); err == nil {
		if _, ok := schedule.Next(h.now()); ok {
			return nil
		}
	}
	s := in.Schedule.Fields
	return []fault{wrong(f, "day", "no date has day "+s.Day+", month "+s.Month+" and day_of_week "+s.DayOfWeek+
		": this would never fire")}
}

// wrong is a fault in the meaning of a member.
func wrong(f *form, name, msg string) fault {
	return fault{Type: "value_error", Loc: []any{"body", name}, Msg: msg, Input: f.echo(name)}
}

// translate turns the paths of a definition into the members of this API.
func translate(found []job.FieldError, f *form) []fault {
	faults := make([]fault, len(found))
	for i, one := range found {
		name, ok := strings.CutPrefix(one.Field, "schedule.fields.")
		switch {
		case one.Field == "id":
			name = "job_id"
		case one.Field == "request.url":
			name = "url"
		case !ok:
			faults[i] = fault{Type: "value_error", Loc: []any{"body"}, Msg: one.Field + ": " + one.Message, Input: null}
			continue
		}
		faults[i] = wrong(f, name, one.Message)
	}
	return faults
}

// refuseDefinition puts faults in the order of the fields.
func refuseDefinition(faults []fault, table []field) error {
	place := func(a fault) int {
		return slices.IndexFunc(table, func(one field) bool { return a.Loc[len(a.Loc)-1] == one.name })
	}
	slices.SortStableFunc(faults, func(a, b fault) int { return cmp.Compare(place(a), place(b)) })
	return unprocessable(faults...)
}

// addCron adds a job of APScheduler's cron fields.
func (h *Handler) addCron(c *fiber.Ctx) error {
	table := fields(field{name: "second"}, field{name: "minute"}, field{name: "hour"}, field{name: "day"},
		field{name: "month"}, field{name: "day_of_week"})
	f, faults, err := readForm(c, table)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return unprocessable(faults...)
	}
	p := plan{grace: job.Grace(time.Minute)}
	text := func(name, otherwise string) string {
		if !f.given(name) {
			return otherwise
		}
		if f.texts[name] == "" {
			p.faults = append(p.faults, wrong(f, name, name+`: is empty; leave it out or write "*"`))
			return "*"
		}
		return f.texts[name]
	}
	cron := &trigger.Fields{
		Second: text("second", "0"), Minute: text("minute", "*"), Hour: text("hour", "*"),
		Day: text("day", "*"), Month: text("month", "*"), DayOfWeek: text("day_of_week", "*"),
	}
	if cron.Second == "*" { // the original took this for a slip
		cron.Second = "0"
	}
	p.schedule = trigger.Spec{Type: trigger.TypeCron, Fields: cron}
	return h.add(c, f, table, p)
}
