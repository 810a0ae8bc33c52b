package job

import (
	"bytes"
	"encoding/json"
	"math"

	"schedule-server/pkg/trigger"
)

// AsOf is the job as it stands at the moment, whether or not a beat has seen
// so: with its pause ended when that was to end. A schedule that cannot be read is
// followed no further.
func (j *Job) AsOf(parser *trigger.Parser, now Instant) *Job {
	if !j.pauseOver(now) {
		return j
	}
	schedule, err := j.Compile(parser)
	if err != nil {
		return j
	}
	ended := *j
	ended.EndPause(schedule, now)
	return &ended
}

// Overtaken accounts for the occurrences of the job that are due at the moment,
// that no beat has claimed, and that its change drops: after is the job as it will
// be, nil when it is deleted. They end as canceled, and the reason says what
// overtook them; a row stands for many. A pause holds back only what comes after
// them, which after is told. Where the schedule cannot be read, only the one
// occurrence is known that was planned. With a nil parser no schedule is read.
func (j *Job) Overtaken(parser *trigger.Parser, after *Job, now Instant) []Run {
	if j.Status != StatusActive || j.NextRunAt == nil || j.DueAt == nil || *j.DueAt > now {
		return nil
	}
	kept := Instant(math.MinInt64)
	if after != nil && after.NextRunAt != nil {
		kept = *after.NextRunAt
	}
	if kept == *j.NextRunAt && SameSchedule(&j.Schedule, &after.Schedule) {
		return nil // the plan stands
	}
	reason := overtakenBy(after)
	var schedule *trigger.Schedule
	if parser != nil {
		schedule, _ = j.Compile(parser)
	}
	if schedule == nil {
		return []Run{j.Summary(StateCanceled, reason, 1, *j.NextRunAt, *j.NextRunAt, now)}
	}
	o := &Occurrences{Schedule: schedule, Job: j}
	runs, next := o.drop(reason, kept, now)
	if after != nil && after.PausedFrom != nil && *after.PausedFrom == *j.NextRunAt {
		after.PausedFrom = next
	}
	return runs
}

// drop cancels all occurrences that are due, but for one that is kept, and says which comes next.
func (o *Occurrences) drop(reason Reason, kept, now Instant) (runs []Run, next *Instant) {
	first, more := *o.Job.NextRunAt, true
	for more {
		to := now
		switch {
		case first == kept:
			first, more = o.Next(first)
			continue
		case first < kept && kept <= now: // only where a date of the past takes the schedule's place
			to = kept - 1
		}
		n, last := o.DueThrough(first, to, now)
		if n == 0 {
			break
		}
		runs = append(runs, o.Job.Summary(StateCanceled, reason, n, first, last, now))
		first, more = o.Next(last)
	}
	if more {
		next = &first
	}
	return runs, next
}

func overtakenBy(after *Job) Reason {
	switch {
	case after == nil:
		return ReasonJobDeleted
	case after.Status == StatusPaused:
		return ReasonPaused
	}
	return ReasonRescheduled
}

// SameSchedule reports whether two schedules are written alike, up to the
// spelling of the default zone.
func SameSchedule(a, b *trigger.Spec) bool {
	return bytes.Equal(canonical(*a), canonical(*b))
}

func canonical(spec trigger.Spec) []byte {
	if spec.TimeZone == "UTC" {
		spec.TimeZone = ""
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil // a moment outside the calendar; validation has refused it already
	}
	return text
}
