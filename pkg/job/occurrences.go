package job

import (
	"math"

	"schedule-server/pkg/trigger"
)

// maxCount bounds how many occurrences are walked through at once. Those of a
// plain interval are computed, not walked through.
const maxCount = 1_000_000

// Occurrences are the moments of one job's schedule, each due later than itself by its jitter.
type Occurrences struct {
	// Schedule is the job's own, compiled.
	*trigger.Schedule
	Job *Job
}

// Due is when an occurrence is to be claimed.
func (o *Occurrences) Due(at Instant) Instant {
	return at + o.Job.Policy.JitterAt(o.Schedule, o.Job.ID, at)
}

// Limit is the most occurrences that DueThrough counts at once.
func (o *Occurrences) Limit() int {
	if spec := &o.Job.Schedule; spec.Type == trigger.TypeInterval && len(spec.Exclude) == 0 {
		return math.MaxInt
	}
	return maxCount
}

// DueThrough counts the occurrences from first, itself one, up to a moment that
// are due by another, at most Limit of them, and names the last. Jitter is at most
// half the gap, so that it can hold back none but the last.
func (o *Occurrences) DueThrough(first, to, by Instant) (n int, last Instant) {
	if first > to {
		return 0, 0
	}
	n, last = o.Through(first, to, o.Limit())
	if o.Job.Policy.Jitter > 0 && o.Due(last) > by {
		n, last = o.Through(first, last-1, o.Limit())
	}
	return n, last
}

// List names the occurrences from first to last, both included.
func (o *Occurrences) List(first, last Instant) []Instant {
	moments := []Instant{first}
	for at := first; at < last; {
		next, ok := o.Next(at)
		if !ok {
			break
		}
		moments = append(moments, next)
		at = next
	}
	return moments
}

// Account is the run of one occurrence, without a state.
func (j *Job) Account(at Instant) Run {
	return Run{
		ID: OccurrenceID(j.ID, at), JobID: j.ID, Trigger: TriggerSchedule,
		ScheduledAt: at, JobVersion: j.Version, Queue: j.Policy.Queue,
	}
}

// Summary is the row that stands for n occurrences from one to another that are not to run.
func (j *Job) Summary(state State, reason Reason, n int, from, to, now Instant) Run {
	run := j.Account(from)
	run.State, run.Reason, run.FinishedAt = state, reason, &now
	run.MissedCount, run.MissedFrom, run.MissedTo = n, &from, &to
	return run
}
