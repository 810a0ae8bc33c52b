package beat

import (
	"math"
	"slices"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// maxCount bounds how many occurrences of a job one verdict walks through. What
// is beyond is accounted for by the next claim of the same job. Those of a plain
// interval are computed, not walked through.
const maxCount = 1_000_000

// decider judges due jobs as of one moment. It is pure.
type decider struct {
	parser *trigger.Parser
	now    job.Instant
	// settledAt is the moment up to which every reported result is recorded: only
	// what fell due before it can be skipped for overlap.
	settledAt job.Instant
}

func (d *decider) all(due []job.Due) []job.Verdict {
	verdicts := make([]job.Verdict, len(due))
	for i := range due {
		verdicts[i] = d.one(&due[i])
	}
	return verdicts
}

// one decides what happens to one due job.
func (d *decider) one(due *job.Due) job.Verdict {
	j := due.Job
	schedule, err := j.Compile(d.parser)
	if err != nil {
		// It was readable when it was stored: the time zone database or the rules changed.
		j.Pause(nil, "its schedule cannot be read: "+err.Error())
		return job.Verdict{Job: j}
	}
	if j.Status == job.StatusPaused {
		if j.PausedUntil == nil || *j.PausedUntil > d.now {
			j.DueAt = j.PausedUntil
			return job.Verdict{Job: j}
		}
		j.Resume(schedule, *j.PausedUntil-1) // an occurrence at the very end of the pause runs
	}
	if j.NextRunAt == nil || j.DueAt == nil || *j.DueAt > d.now {
		return job.Verdict{Job: j}
	}
	o := occurrences{schedule: schedule, job: &j}
	runs, last, deferred := d.runs(&o, room{open: due.Open, waiting: due.Waiting})
	if deferred {
		return job.Verdict{Defer: true}
	}
	j.Plan(schedule, last)
	d.boundRetries(&j, runs)
	replace := j.Policy.ConcurrencyPolicy == job.ConcurrencyReplace && due.Open > 0 && anyQueued(runs)
	return job.Verdict{Job: j, Runs: runs, Replace: replace}
}

// room is how many runs of the job have not ended, as the verdict goes on.
type room struct{ open, waiting int }

// runs accounts for every occurrence that is due: missed, coalesced, skipped or
// queued. Last is the latest of them.
func (d *decider) runs(o *occurrences, r room) (runs []job.Run, last job.Instant, deferred bool) {
	first := *o.job.NextRunAt
	if grace := o.job.Policy.MisfireGraceTime; grace != job.Unlimited {
		late := d.now - job.Instant(time.Duration(grace).Milliseconds()) - 1
		if n, until := o.dueThrough(first, late); n > 0 {
			runs = append(runs, d.missed(o, job.ReasonMisfire, n, first, until))
			last = until
			next, ok := o.schedule.Next(until)
			if !ok || n == o.limit() {
				return runs, last, false
			}
			first = next
		}
	}
	n, until := o.dueThrough(first, d.now)
	if n == 0 {
		return runs, last, false
	}
	if d.mustSettle(o, r.open, until) {
		return nil, 0, true
	}
	chosen, coalesced := d.coalesce(o, n, first, until)
	if coalesced != nil {
		runs = append(runs, *coalesced)
	}
	for i, at := range chosen {
		runs = append(runs, d.start(o, at, &r, i == len(chosen)-1))
	}
	return runs, until, false
}

// mustSettle reports whether an occurrence would be judged by a run whose
// result may be under way.
func (d *decider) mustSettle(o *occurrences, open int, last job.Instant) bool {
	return o.job.Policy.ConcurrencyPolicy != job.ConcurrencyAllow && open > 0 && d.settledAt < o.due(last)
}

// coalesce picks which of n occurrences from first to last run, and accounts
// for the others in one row.
func (d *decider) coalesce(o *occurrences, n int, first, last job.Instant) (chosen []job.Instant, others *job.Run) {
	from, until := first, last
	var left int
	switch o.job.Policy.Coalesce {
	case job.CoalesceAll:
		if left = n - job.MaxCatchUp; left > 0 {
			_, until = o.schedule.Through(first, last, left)
			first, _ = o.schedule.Next(until)
		}
		chosen = o.list(first, last)
	case job.CoalesceEarliest:
		chosen = []job.Instant{first}
		if left = n - 1; left > 0 {
			from, _ = o.schedule.Next(first)
		}
	default:
		chosen = []job.Instant{last}
		if left = n - 1; left > 0 {
			_, until = o.schedule.Through(first, last, left)
		}
	}
	if left > 0 {
		run := d.missed(o, job.ReasonCoalesced, left, from, until)
		others = &run
	}
	return chosen, others
}

// start queues one occurrence, or does with it what the policy says when
// another run is open. Only the newest of several that fall due together
// replaces what is open: the others would be replaced at once.
func (d *decider) start(o *occurrences, at job.Instant, r *room, newest bool) job.Run {
	run := d.account(o, at)
	policy := o.job.Policy.ConcurrencyPolicy
	switch {
	case policy == job.ConcurrencyReplace && !newest:
		run.State, run.Reason, run.FinishedAt = job.StateCanceled, job.ReasonReplaced, &d.now
		return run
	case policy == job.ConcurrencyQueue && r.open > 0 && r.waiting == 0:
		r.waiting++
		run.State = job.StateWaiting
		return run
	case policy == job.ConcurrencyForbid && r.open > 0, policy == job.ConcurrencyQueue && r.open > 0:
		run.State, run.Reason, run.FinishedAt = job.StateSkipped, job.ReasonOverlap, &d.now
		return run
	}
	r.open++
	run.State, run.QueuedAt = job.StateQueued, &d.now
	return run
}

func anyQueued(runs []job.Run) bool {
	return slices.ContainsFunc(runs, func(r job.Run) bool { return r.State == job.StateQueued })
}

func (d *decider) missed(o *occurrences, reason job.Reason, n int, from, to job.Instant) job.Run {
	run := d.account(o, from)
	run.State, run.Reason, run.FinishedAt = job.StateMissed, reason, &d.now
	run.MissedCount, run.MissedFrom, run.MissedTo = n, &from, &to
	return run
}

func (d *decider) account(o *occurrences, at job.Instant) job.Run {
	return job.Run{
		ID: job.OccurrenceID(o.job.ID, at), JobID: o.job.ID, Trigger: job.TriggerSchedule,
		ScheduledAt: at, JobVersion: o.job.Version, Queue: o.job.Policy.Queue,
	}
}

// boundRetries ends the retries of runs before the job's next occurrence, unless two may run at once.
func (d *decider) boundRetries(j *job.Job, runs []job.Run) {
	if j.Policy.ConcurrencyPolicy == job.ConcurrencyAllow {
		return
	}
	for i := range runs {
		if state := runs[i].State; state == job.StateQueued || state == job.StateWaiting {
			runs[i].RetryUntil = j.NextRunAt
		}
	}
}

// occurrences are the moments of one job, seen with their jitter.
type occurrences struct {
	schedule *trigger.Schedule
	job      *job.Job
}

// due is when the occurrence is to be claimed.
func (o *occurrences) due(at job.Instant) job.Instant {
	return at + o.job.Policy.JitterAt(o.schedule, o.job.ID, at)
}

// limit is how many occurrences are counted at once.
func (o *occurrences) limit() int {
	if spec := &o.job.Schedule; spec.Type == "interval" && len(spec.Exclude) == 0 {
		return math.MaxInt
	}
	return maxCount
}

// dueThrough counts the occurrences from first on, at most limit of them, that
// are due by the moment, and names the last. Jitter is at most half the gap, so
// that it can hold back none but the last.
func (o *occurrences) dueThrough(first, by job.Instant) (n int, last job.Instant) {
	if first > by {
		return 0, 0
	}
	n, last = o.schedule.Through(first, by, o.limit())
	if o.job.Policy.Jitter > 0 && o.due(last) > by {
		n, last = o.schedule.Through(first, last-1, o.limit())
	}
	return n, last
}

// list names the occurrences from first to last, both included.
func (o *occurrences) list(first, last job.Instant) []job.Instant {
	moments := []job.Instant{first}
	for at := first; at < last; {
		next, ok := o.schedule.Next(at)
		if !ok {
			break
		}
		moments = append(moments, next)
		at = next
	}
	return moments
}
