package job

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"schedule-server/pkg/trigger"
)

// WarnDuplicateHeader is the code of a warning about a header that is not sent, because its name differs from that of
// another only in case. Such names are refused now, but jobs that were saved before may have them.
const WarnDuplicateHeader = "duplicate_header"

// Warn returns what may surprise about the job as it stands at a moment; never nil. The schedule is the job's own.
func (j *Job) Warn(schedule *trigger.Schedule, now Instant) []trigger.Warning {
	list := append([]trigger.Warning{}, j.Schedule.Notes...)
	past, isPast := j.PastDate(now)
	switch {
	case isPast:
		list = append(list, past.Warning(schedule, *j.Schedule.At))
	case j.Schedule.Type == trigger.TypeDate && j.Schedule.At != nil && *j.Schedule.At < now:
		// It was called, missed or canceled: that is in the history.
	default:
		from := now
		if j.NextRunAt != nil {
			from = min(from, *j.NextRunAt) // what is due is still to come
		}
		list = append(list, schedule.Warnings(from, time.Duration(j.Policy.AttemptTimeout))...)
	}
	twins := j.Request.twins()
	for _, name := range slices.Sorted(maps.Keys(twins)) {
		list = append(list, trigger.Warning{
			Code:      WarnDuplicateHeader,
			Message:   fmt.Sprintf("the header %s is not sent, because %s is the same header; keep one of them", name, twins[name]),
			MessageZH: fmt.Sprintf("请求头 %s 不会发送，因为 %s 是同一个请求头；请只保留一个", name, twins[name]),
		})
	}
	return list
}

// PastDate reports whether the job has a date that is past and still to be dealt with, and what becomes of it.
func (j *Job) PastDate(now Instant) (trigger.PastDate, bool) {
	at := j.Schedule.At
	if j.Schedule.Type != trigger.TypeDate || at == nil || *at >= now {
		return 0, false
	}
	grace := j.Policy.MisfireGraceTime
	switch {
	case j.Status == StatusPaused:
		return trigger.PastHeld, j.PausedFrom != nil
	case j.Status != StatusActive:
		return 0, false
	case grace != Unlimited && *at < now.Add(-time.Duration(grace)):
		return trigger.PastMissed, true
	}
	return trigger.PastCalled, true
}
