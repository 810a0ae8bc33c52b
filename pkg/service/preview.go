package service

import (
	"cmp"
	"encoding/json"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// localLayout is RFC 3339 with an offset, zero too; milliseconds are shown where there are any.
const localLayout = "2006-01-02T15:04:05.999-07:00"

// occurrence is one scheduled moment as people see it.
type occurrence struct {
	At job.Instant `json:"at"`
	// Local is the same moment in the schedule's zone.
	Local string `json:"local"`
	// Note is trigger.NoteGap or trigger.NoteFold, or what a calendar says of the day: "holiday:国庆节"; absent otherwise.
	Note string `json:"note,omitempty"`
	// MovedFrom is the day that a calendar moved it from; absent otherwise.
	MovedFrom string `json:"moved_from,omitempty"`
}

// Preview says what a schedule means.
type Preview struct {
	Valid       bool              `json:"valid"`
	Description description       `json:"description"`
	Next        []occurrence      `json:"next"`
	Warnings    []trigger.Warning `json:"warnings"`
}

type description struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// Preview says what a schedule, given as JSON, means after a moment. The error is job.CodeInvalid where it is none.
func (s *Service) Preview(text json.RawMessage, from job.Instant, count int) (*Preview, error) {
	schedule, notes, err := s.readSchedule(text, from)
	if err != nil {
		return nil, err
	}
	return &Preview{
		Valid:       true,
		Description: description{EN: schedule.Describe(trigger.English), ZH: schedule.Describe(trigger.Chinese)},
		Next:        upcoming(schedule, from, count),
		Warnings:    append(append([]trigger.Warning{}, notes...), schedule.Warnings(from, 0)...),
	}, nil
}

// readSchedule reads a schedule alone, as a job's would be read. The notes say what was read in another form.
func (s *Service) readSchedule(text json.RawMessage, from job.Instant) (*trigger.Schedule, []trigger.Warning, error) {
	if len(text) == 0 {
		return nil, nil, job.FieldErrorf("schedule", "required", "a schedule is missing")
	}
	whole, err := json.Marshal(map[string]json.RawMessage{"schedule": text})
	if err != nil {
		return nil, nil, job.Errorf(job.CodeMalformed, "the schedule is not JSON")
	}
	var in struct {
		Schedule trigger.Spec `json:"schedule"`
	}
	if err := job.Decode(whole, &in); err != nil {
		return nil, nil, err
	}
	s.parser.Settle(&in.Schedule, from)
	if in.Schedule.Type == trigger.TypeInterval && in.Schedule.Anchor == nil {
		in.Schedule.Anchor = &from
	}
	d := job.Definition{Schedule: in.Schedule}
	schedule, err := d.Compile(s.parser)
	return schedule, in.Schedule.Notes, err
}

// upcoming lists the occurrences strictly after a moment.
func upcoming(schedule *trigger.Schedule, from job.Instant, count int) []occurrence {
	list := make([]occurrence, 0, count)
	for at := from; len(list) < count; {
		next, ok := schedule.Next(at)
		if !ok {
			break
		}
		day, movedFrom := schedule.CalendarNote(next)
		list = append(list, occurrence{
			At: next, Local: next.Time().In(schedule.Location()).Format(localLayout), Note: cmp.Or(schedule.Note(next), day), MovedFrom: movedFrom,
		})
		at = next
	}
	return list
}

// comparedNext is how many occurrences are shown before and after a patch.
const comparedNext = 10

// Comparison shows what a patch would change about when a job runs.
type Comparison struct {
	Before   outlook           `json:"before"`
	After    outlook           `json:"after"`
	Warnings []trigger.Warning `json:"warnings"`
}

type outlook struct {
	Next []occurrence `json:"next"`
}

// Compare looks at a job before and after a patch that was not written.
func (s *Service) Compare(before, after *job.Job) (*Comparison, error) {
	now := s.now()
	old, err := before.Compile(s.parser)
	if err != nil {
		return nil, err
	}
	changed, err := after.Compile(s.parser)
	if err != nil {
		return nil, err
	}
	return &Comparison{
		Before:   outlook{Next: upcoming(old, planned(before, now), comparedNext)},
		After:    outlook{Next: upcoming(changed, planned(after, now), comparedNext)},
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
