package api

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// maxReason bounds pause_reason, in characters.
const maxReason = 1000

// revise makes the job that follows from an input over an old job, nil for
// none. What an edit does not touch keeps its plan: an occurrence that is due
// and not yet claimed is neither lost nor doubled by it.
func (s *Service) revise(old *job.Job, in *job.Input, now job.Instant) (*job.Job, error) {
	j := job.Job{Status: job.StatusActive, CreatedAt: now}
	if old != nil {
		j = *old
	}
	j.Definition, j.UpdatedAt, j.Unreadable = in.Definition, now, false
	if in.AnchorMade && old != nil && old.Schedule.Type == trigger.TypeInterval && old.Schedule.Every == j.Schedule.Every {
		j.Schedule.Anchor = old.Schedule.Anchor // the same definition sent again shifts no phase
	}
	if err := s.seal(&j, old); err != nil {
		return nil, err
	}
	schedule, err := j.Compile(s.parser)
	if err != nil {
		return nil, err
	}
	rescheduled := old == nil || !job.SameSchedule(&old.Schedule, &j.Schedule)
	start := now
	if rescheduled {
		start = planFrom(&j.Schedule, now)
		if _, ok := schedule.Next(start); !ok {
			return nil, fieldError("schedule", "invalid", "it never fires: it has no occurrence after %s", now)
		}
	}
	switch {
	case staysPaused(old, in):
		if err := pause(&j, old, in, now); err != nil {
			return nil, err
		}
		if rescheduled { // what the pause held back of another schedule is gone with that
			j.PausedFrom = first(schedule, start)
		}
		return &j, nil
	case rescheduled || old.Status == job.StatusPaused:
		j.Status, j.PauseReason, j.PausedUntil = job.StatusActive, nil, nil
		j.Plan(schedule, start)
	case j.NextRunAt != nil && old.Policy.Jitter != j.Policy.Jitter:
		due := *j.NextRunAt + j.Policy.JitterAt(schedule, j.ID, *j.NextRunAt)
		j.DueAt = &due
	}
	return &j, nil
}

// first is the first occurrence after a moment; nil when there is none.
func first(schedule *trigger.Schedule, after job.Instant) *job.Instant {
	next, ok := schedule.Next(after)
	if !ok {
		return nil
	}
	return &next
}

// planFrom is the moment after which the first occurrence of a new schedule is
// looked for: now, but for a date in the past, which the misfire policy judges.
func planFrom(spec *trigger.Spec, now job.Instant) job.Instant {
	if spec.Type == trigger.TypeDate && spec.At != nil && *spec.At <= now {
		return *spec.At - 1
	}
	return now
}

// staysPaused reports whether a job is paused after an edit. A status of
// completed is what a caller read and sends back: it asks for nothing.
func staysPaused(old *job.Job, in *job.Input) bool {
	if in.Status == nil || *in.Status == job.StatusCompleted {
		return old != nil && old.Status == job.StatusPaused
	}
	return *in.Status == job.StatusPaused
}

// pause takes the end and the reason of a pause from the input where it speaks
// of one, else from the old job.
func pause(j, old *job.Job, in *job.Input, now job.Instant) error {
	until, reason := in.PausedUntil, in.PauseReason
	if in.Status == nil || *in.Status != job.StatusPaused {
		until, reason = old.PausedUntil, old.PauseReason
	}
	text := ""
	if reason != nil {
		text = *reason
	}
	if err := checkReason("pause_reason", text); err != nil {
		return err
	}
	kept := old != nil && old.PausedUntil != nil && until != nil && *old.PausedUntil == *until
	if !kept {
		if err := checkUntil("paused_until", until, now); err != nil {
			return err
		}
	}
	j.Pause(until, text)
	return nil
}

func checkUntil(field string, until *job.Instant, now job.Instant) error {
	if until != nil && *until <= now {
		return fieldError(field, "invalid", "%s is in the past; now is %s", *until, now)
	}
	return nil
}

func checkReason(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > maxReason {
		return fieldError(field, "invalid", "a reason is at most %d characters, without NUL", maxReason)
	}
	return nil
}

// fieldError is the error for one faulty field.
func fieldError(field, code, format string, args ...any) error {
	return &job.Error{Code: job.CodeInvalid, Detail: "1 field is invalid", Fields: []job.FieldError{
		{Field: field, Code: code, Message: fmt.Sprintf(format, args...)},
	}}
}
