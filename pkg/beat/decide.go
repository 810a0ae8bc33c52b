package beat

import (
	"slices"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

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
		reason := "its schedule cannot be read: " + err.Error()
		if j.Unreadable {
			reason = "its stored definition cannot be read"
		}
		j.Pause(nil, reason)
		return job.Verdict{Job: j, Runs: due.Job.Overtaken(nil, &j, d.now)}
	}
	j.EndPause(schedule, d.now)
	if j.Status == job.StatusPaused {
		j.DueAt = j.PausedUntil
		return job.Verdict{Job: j}
	}
	if j.NextRunAt == nil || j.DueAt == nil || *j.DueAt > d.now {
		return job.Verdict{Job: j}
	}
	o := job.Occurrences{Schedule: schedule, Job: &j}
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
func (d *decider) runs(o *job.Occurrences, r room) (runs []job.Run, last job.Instant, deferred bool) {
	first := *o.Job.NextRunAt
	if grace := o.Job.Policy.MisfireGraceTime; grace != job.Unlimited {
		late := d.now - job.Instant(time.Duration(grace).Milliseconds()) - 1
		if n, until := o.DueThrough(first, late, late); n > 0 {
			runs = append(runs, o.Job.Summary(job.StateMissed, job.ReasonMisfire, n, first, until, d.now))
			last = until
			next, ok := o.Next(until)
			if !ok || n == o.Limit() {
				return runs, last, false
			}
			first = next
		}
	}
	n, until := o.DueThrough(first, d.now, d.now)
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
func (d *decider) mustSettle(o *job.Occurrences, open int, last job.Instant) bool {
	return o.Job.Policy.ConcurrencyPolicy != job.ConcurrencyAllow && open > 0 && d.settledAt < o.Due(last)
}

// coalesce picks which of n occurrences from first to last run, and accounts
// for the others in one row.
func (d *decider) coalesce(o *job.Occurrences, n int, first, last job.Instant) (chosen []job.Instant, others *job.Run) {
	from, until := first, last
	var left int
	switch o.Job.Policy.Coalesce {
	case job.CoalesceAll:
		if left = n - job.MaxCatchUp; left > 0 {
			_, until = o.Through(first, last, left)
			first, _ = o.Next(until)
		}
		chosen = o.List(first, last)
	case job.CoalesceEarliest:
		chosen = []job.Instant{first}
		if left = n - 1; left > 0 {
			from, _ = o.Next(first)
		}
	default:
		chosen = []job.Instant{last}
		if left = n - 1; left > 0 {
			_, until = o.Through(first, last, left)
		}
	}
	if left > 0 {
		run := o.Job.Summary(job.StateMissed, job.ReasonCoalesced, left, from, until, d.now)
		others = &run
	}
	return chosen, others
}

// start queues one occurrence, or does with it what the policy says when
// another run is open. Only the newest of several that fall due together
// replaces what is open: the others would be replaced at once.
func (d *decider) start(o *job.Occurrences, at job.Instant, r *room, newest bool) job.Run {
	run := o.Job.Account(at)
	if changed := o.Job.UpdatedAt; changed > at {
		run.DueSince = &changed // before that the job was not there, paused, or another
	}
	policy := o.Job.Policy.ConcurrencyPolicy
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
