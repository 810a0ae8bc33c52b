package trigger

// PastDate says what becomes of a date that is in the past.
type PastDate int

// The outcomes of a date in the past.
const (
	// PastUnsaved: no job has the schedule yet. One that gets it is called, or misses it, by its own policy.
	PastUnsaved PastDate = iota
	// PastCalled: the job is called immediately.
	PastCalled
	// PastMissed: the date is longer ago than the job's misfire_grace_time.
	PastMissed
	// PastHeld: the job is paused.
	PastHeld
)

// Warning returns the warning about the schedule's date.
func (p PastDate) Warning(s *Schedule, date Instant) Warning {
	text := date.Time().In(s.Location()).Format("2006-01-02 15:04:05 -07:00")
	w := Warning{Code: WarnDateInPast, Message: text + " is in the past", MessageZH: text + " 已经过去"}
	switch p {
	case PastCalled:
		w.Message += ": the job is called once, immediately"
		w.MessageZH += "：任务会立即调用一次"
	case PastMissed:
		w.Message += " by more than misfire_grace_time: it is recorded as missed, and nothing is called"
		w.MessageZH += "，且超过了 misfire_grace_time：记为错过，不会调用"
	case PastHeld:
		w.Message += " and the job is paused: resuming from the last occurrence calls it once, resuming from now ends it without a call"
		w.MessageZH += "，任务已暂停：从上次恢复会调用一次，从现在恢复则不调用而结束"
	default:
		w.Message += ": a job that is saved with this date is called once, immediately, unless the date is longer ago than its misfire_grace_time"
		w.MessageZH += "：以此时间保存的任务会立即调用一次；若已超过其 misfire_grace_time，则记为错过"
	}
	return w
}
