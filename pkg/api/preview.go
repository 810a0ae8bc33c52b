package api

import (
	"encoding/json"
	"errors"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// How many occurrences a preview shows.
const (
	defaultCount = 10
	maxCount     = 1000
)

// localLayout is RFC 3339 with an offset, zero too; milliseconds are shown where there are any.
const localLayout = "2006-01-02T15:04:05.999-07:00"

// occurrence is one scheduled moment as people see it.
type occurrence struct {
	At job.Instant `json:"at"`
	// Local is the same moment in the schedule's zone.
	Local string `json:"local"`
	// Note is trigger.NoteGap or trigger.NoteFold; absent otherwise.
	Note string `json:"note,omitempty"`
}

// preview says what a schedule means.
type preview struct {
	Valid       bool              `json:"valid"`
	Description description       `json:"description"`
	Next        []occurrence      `json:"next"`
	Warnings    []trigger.Warning `json:"warnings"`
}

type description struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

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
		return fieldError("count", "invalid", "count is a number from 1 to %d", maxCount)
	}
	from := s.deps.Now()
	if in.From != nil {
		from = *in.From
	}
	schedule, err := s.readSchedule(in.Schedule, from)
	if err != nil {
		var known *job.Error
		if !errors.As(err, &known) || known.Code != job.CodeInvalid {
			return err
		}
		return c.JSON(refusal{Errors: known.Fields})
	}
	return c.JSON(preview{
		Valid:       true,
		Description: description{EN: schedule.Describe(trigger.English), ZH: schedule.Describe(trigger.Chinese)},
		Next:        upcoming(schedule, from, in.Count),
		Warnings:    append([]trigger.Warning{}, schedule.Warnings(from, 0)...),
	})
}

// readSchedule reads a schedule alone, as a job's would be read.
func (s *Server) readSchedule(text json.RawMessage, from job.Instant) (*trigger.Schedule, error) {
	if len(text) == 0 {
		return nil, fieldError("schedule", "required", "a schedule is missing")
	}
	whole, err := json.Marshal(map[string]json.RawMessage{"schedule": text})
	if err != nil {
		return nil, job.Errorf(job.CodeMalformed, "the schedule is not JSON")
	}
	var in struct {
		Schedule trigger.Spec `json:"schedule"`
	}
	if err := job.Decode(whole, &in); err != nil {
		return nil, err
	}
	if in.Schedule.Type == trigger.TypeInterval && in.Schedule.Anchor == nil {
		in.Schedule.Anchor = &from
	}
	d := job.Definition{Schedule: in.Schedule}
	return d.Compile(s.deps.Parser)
}

// upcoming lists the occurrences strictly after a moment.
func upcoming(schedule *trigger.Schedule, from job.Instant, count int) []occurrence {
	list := make([]occurrence, 0, count)
	for at := from; len(list) < count; {
		next, ok := schedule.Next(at)
		if !ok {
			break
		}
		list = append(list, occurrence{
			At: next, Local: next.Time().In(schedule.Location()).Format(localLayout), Note: schedule.Note(next),
		})
		at = next
	}
	return list
}

// comparison shows what a patch would change about when a job runs.
type comparison struct {
	Before   outlook           `json:"before"`
	After    outlook           `json:"after"`
	Warnings []trigger.Warning `json:"warnings"`
}

type outlook struct {
	Next []occurrence `json:"next"`
}

// compare looks at a job before and after a patch that was not written.
func (s *Server) compare(before, after *job.Job) (*comparison, error) {
	now := s.deps.Now()
	old, err := before.Compile(s.deps.Parser)
	if err != nil {
		return nil, err
	}
	changed, err := after.Compile(s.deps.Parser)
	if err != nil {
		return nil, err
	}
	return &comparison{
		Before:   outlook{Next: upcoming(old, planned(before, now), defaultCount)},
		After:    outlook{Next: upcoming(changed, planned(after, now), defaultCount)},
		Warnings: after.Warn(changed, now),
	}, nil
}

// planned is the moment after which a job's next occurrence lies. One that is
// due and not yet claimed is still to come; for a paused job the schedule alone speaks.
func planned(j *job.Job, now job.Instant) job.Instant {
	if j.NextRunAt != nil {
		return min(now, *j.NextRunAt-1)
	}
	return now
}
