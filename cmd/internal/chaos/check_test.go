package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// checker holds the history against the log of the target. It knows of the
// service only what the API told, and of the schedules what package moments says.
type checker struct {
	jobs   []*subject
	runs   map[string][]account // by job
	calls  []call
	faults []fault

	byID       map[string]*account
	byRun      map[string][]*call
	violations []string
	found      figures
}

func (c *checker) wrong(format string, args ...any) {
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// check does all of it.
func (c *checker) check() {
	c.byID, c.byRun = map[string]*account{}, map[string][]*call{}
	for _, s := range c.jobs {
		for i := range c.runs[s.id] {
			c.byID[c.runs[s.id][i].ID] = &c.runs[s.id][i]
		}
	}
	for i := range c.calls {
		c.byRun[c.calls[i].run] = append(c.byRun[c.calls[i].run], &c.calls[i])
	}
	for _, s := range c.jobs {
		c.occurrences(s)
		c.byHand(s)
		for i := range c.runs[s.id] {
			c.run(s, &c.runs[s.id][i])
		}
		c.overlaps(s)
	}
	c.everyCall()
	for _, calls := range c.byRun {
		c.repeats(calls)
	}
}

// occurrences checks that each is accounted for exactly once, and none that is not one.
func (c *checker) occurrences(s *subject) {
	covered := map[int64]string{}
	for i := range c.runs[s.id] {
		r := &c.runs[s.id][i]
		if r.Trigger != "schedule" {
			continue
		}
		for _, t := range c.covers(s, r) {
			if other := covered[t]; other != "" {
				c.wrong("%s: the occurrence of %s is accounted for by %s and by %s", s.id, clock(t), other, r.ID)
			}
			covered[t] = r.ID
			if !slices.ContainsFunc(s.epochs, func(e epoch) bool { return e.allows(t) }) {
				c.wrong("%s: run %s (%s %s) is for %s, when the schedule had no occurrence: %s", s.id, r.ID, r.State, r.Reason, clock(t), s.life())
			}
		}
	}
	c.found.occurrences += len(covered)
	for i := range s.epochs {
		c.demanded(s, &s.epochs[i], covered)
	}
}

// covers lists the moments that a run accounts for.
func (c *checker) covers(s *subject, r *account) []int64 {
	at := r.ScheduledAt.UnixMilli()
	if r.MissedCount == 0 {
		return []int64{at}
	}
	if r.MissedFrom == nil || r.MissedTo == nil || at != r.MissedFrom.UnixMilli() {
		c.wrong("%s: run %s stands for %d occurrences without saying which", s.id, r.ID, r.MissedCount)
		return []int64{at}
	}
	from, to := r.MissedFrom.UnixMilli(), r.MissedTo.UnixMilli()
	for i := range s.epochs {
		e := &s.epochs[i]
		if all := e.moments.between(from, to); len(all) == r.MissedCount && e.allows(from) && e.allows(to) {
			return all
		}
	}
	c.wrong("%s: run %s stands for %d occurrences from %s to %s, which no schedule of the job has: %s", s.id, r.ID, r.MissedCount, clock(from), clock(to), s.life())
	return []int64{at}
}

// demanded checks that every occurrence of an epoch has an account, also where
// the job was changed before anybody claimed it.
func (c *checker) demanded(s *subject, e *epoch, covered map[int64]string) {
	for _, t := range e.demanded() {
		if covered[t] == "" {
			c.wrong("%s: the occurrence of %s has no account: %s", s.id, clock(t), s.life())
		}
	}
}

// byHand checks the runs that were asked for.
func (c *checker) byHand(s *subject) {
	others := 0
	for i := range c.runs[s.id] {
		if r := &c.runs[s.id][i]; r.Trigger == "manual" && !s.manual[r.ID] {
			others++
		}
	}
	if others > s.unsure {
		c.wrong("%s: %d runs by hand that nobody asked for", s.id, others-s.unsure)
	}
	for id := range s.manual {
		if c.byID[id] == nil {
			c.wrong("%s: the run by hand %s was acknowledged and is not there", s.id, id)
		}
	}
}

// run checks the account of one run.
func (c *checker) run(s *subject, r *account) {
	c.found.states[r.State]++
	if r.open() || r.Reason == "" {
		c.wrong("%s: run %s is %s, reason %q", s.id, r.ID, r.State, r.Reason)
	}
	c.found.reasons[r.State+" "+r.Reason]++
	calls := c.byRun[r.ID]
	answered := slices.ContainsFunc(calls, func(k *call) bool { return k.status == 200 })
	switch r.State {
	case "succeeded":
		if !answered {
			c.wrong("%s: run %s succeeded, and its target answered 200 to none of %d calls", s.id, r.ID, len(calls))
		}
	case "failed":
		if len(r.Attempts) == 0 {
			c.wrong("%s: run %s failed (%s) without an attempt", s.id, r.ID, r.Reason)
		}
	case "skipped", "missed":
		if len(calls) > 0 {
			c.wrong("%s: run %s is %s and was called", s.id, r.ID, r.State)
		}
	case "canceled":
		if r.Reason == "job_deleted" && len(s.deletes) == 0 {
			c.wrong("%s: run %s is canceled with its job, which was not deleted", s.id, r.ID)
		}
		if r.MissedCount > 0 && len(calls) > 0 {
			c.wrong("%s: run %s was %s before it was claimed, and was called", s.id, r.ID, r.Reason)
		}
	}
	for _, a := range r.Attempts {
		if !slices.ContainsFunc(calls, func(k *call) bool { return k.attempt == a.N }) && a.StatusCode != nil {
			c.wrong("%s: run %s has an answer to attempt %d, which its target never saw", s.id, r.ID, a.N)
		}
	}
}

// everyCall checks that each call belongs to a run, and to its time.
func (c *checker) everyCall() {
	jobs := map[string]*subject{}
	for _, s := range c.jobs {
		jobs[s.id] = s
	}
	for i := range c.calls {
		k := &c.calls[i]
		s, r := jobs[k.job], c.byID[k.run]
		if s == nil || r == nil {
			c.wrong("%s: the call at %s for %s has no run %s", k.job, clock(k.at), clock(k.due), k.run)
			continue
		}
		if k.key != k.run || r.JobID != k.job || r.ScheduledAt.UnixMilli() != k.due {
			c.wrong("%s: the call at %s (Idempotency-Key %s, for %s) is not that of its run %s", k.job, clock(k.at), k.key, clock(k.due), r.ID)
		}
		if r.Trigger == "schedule" {
			c.definition(s, k)
		}
		if most := s.policy["retry"].(object)["max_attempts"].(int); k.attempt < 1 || k.attempt > most {
			c.wrong("%s: run %s was called as attempt %d of at most %d", s.id, k.run, k.attempt, most)
		}
		if !slices.ContainsFunc(r.Attempts, func(a attempt) bool { return a.N == k.attempt }) {
			c.unaccounted(r, k)
		}
	}
}

// definition checks that nothing due after a change returned is called as it was before.
func (c *checker) definition(s *subject, k *call) {
	if !slices.ContainsFunc(s.epochs, func(e epoch) bool { return e.allows(k.due) }) {
		c.wrong("%s: called at %s for %s, when it was paused, deleted or scheduled otherwise: %s", s.id, clock(k.at), clock(k.due), s.life())
	}
	for _, change := range s.requests {
		if k.due > change.till && k.gen < change.gen {
			c.wrong("%s: called at %s for %s by request %d, which %d had replaced by %s", s.id, clock(k.at), clock(k.due), k.gen, change.gen, clock(change.till))
		}
	}
}

// unaccounted is a call of which no attempt tells: it was cut off, or whoever made it died.
func (c *checker) unaccounted(r *account, k *call) {
	if r.State == "canceled" && (r.Reason == "replaced" || r.Reason == "canceled") {
		c.found.cut++
		return
	}
	if why := c.lostBy(k, forever); why != "" {
		c.found.unaccounted[why]++
		return
	}
	c.wrong("%s: run %s (%s %s) has no attempt %d, but it was called at %s", k.job, r.ID, r.State, r.Reason, k.attempt, clock(k.at))
}

// repeats explains the calls of one run that were made more than once.
func (c *checker) repeats(calls []*call) {
	slices.SortFunc(calls, func(a, b *call) int { return cmp.Compare(a.at, b.at) })
	last := map[int]*call{}
	for _, k := range calls {
		before := last[k.attempt]
		last[k.attempt] = k
		if before == nil {
			continue
		}
		if why := c.lostBy(before, k.at); why != "" {
			c.found.repeats[why]++
			c.found.waits[why] = append(c.found.waits[why], time.Duration(k.at-before.at)*time.Millisecond)
			continue
		}
		c.wrong("%s: attempt %d of run %s was called at %s and at %s, and nothing explains it:%s", k.job, k.attempt, k.run,
			clock(before.at), clock(k.at), c.told(k.run))
	}
}
