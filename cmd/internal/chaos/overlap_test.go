package chaos

import (
	"fmt"
	"slices"
	"time"
)

// overlaps checks what the job's policy says of an occurrence that meets an open run.
func (c *checker) overlaps(s *subject) {
	policy := s.policy["concurrency_policy"]
	if policy == "forbid" || policy == "queue" {
		c.oneAtATime(s)
	}
	for i := range c.runs[s.id] {
		r := &c.runs[s.id][i]
		if r.State == "skipped" && r.Reason == "overlap" && !c.stoodInTheWay(s, r) {
			c.wrong("%s: run %s for %s was skipped at %s, when no run was open:%s", s.id, r.ID,
				clock(r.ScheduledAt.UnixMilli()), clock(r.FinishedAt.UnixMilli()), c.around(s, r.ScheduledAt))
		}
	}
}

// stoodInTheWay reports whether a run was open when another was skipped for it.
// One that had ended before the occurrence does not count, however late its result
// was recorded, unless its worker could not yet report it.
func (c *checker) stoodInTheWay(s *subject, skipped *account) bool {
	for i := range c.runs[s.id] {
		r := &c.runs[s.id][i]
		if r.ID == skipped.ID || r.QueuedAt == nil || r.FinishedAt == nil || r.QueuedAt.After(*skipped.FinishedAt) {
			continue
		}
		finished := r.FinishedAt.UnixMilli()
		if c.delayed(finished+reported, finished, "redis", "worker") >= skipped.ScheduledAt.UnixMilli() {
			return true
		}
	}
	return false
}

// oneAtATime checks that no two runs of a job were called at once, unless by
// hand, or when a call of one of them was lost: its repeat may meet the next run.
func (c *checker) oneAtATime(s *subject) {
	var calls []*call
	for i := range c.runs[s.id] {
		if r := &c.runs[s.id][i]; r.Trigger == "schedule" {
			calls = append(calls, c.byRun[r.ID]...)
		}
	}
	for i, a := range calls {
		for _, b := range calls[i+1:] {
			if a.run != b.run && a.at < b.done && b.at < a.done && !c.lost(a.run, b.at) && !c.lost(b.run, a.at) {
				c.wrong("%s: the runs %s and %s were called at once, at %s and %s:%s", s.id, a.run, b.run, clock(a.at), clock(b.at),
					c.around(s, time.UnixMilli(a.due)))
			}
		}
	}
}

// lost reports whether a call of the run was lost before the moment.
func (c *checker) lost(run string, before int64) bool {
	return slices.ContainsFunc(c.byRun[run], func(k *call) bool { return k.at <= before && c.lostBy(k, before) != "" })
}

// around lists the job's runs of some seconds about a moment.
func (c *checker) around(s *subject, at time.Time) string {
	text := ""
	moment := func(t *time.Time) string {
		if t == nil {
			return "never"
		}
		return clock(t.UnixMilli())
	}
	for _, r := range c.runs[s.id] {
		if r.ScheduledAt.Sub(at).Abs() < 5*time.Second {
			text += fmt.Sprintf("\n    %s for %s queued %s finished %s: %s %s", r.ID, clock(r.ScheduledAt.UnixMilli()),
				moment(r.QueuedAt), moment(r.FinishedAt), r.State, r.Reason)
			text += c.told(r.ID)
		}
	}
	return text
}

// told lists the calls of a run.
func (c *checker) told(run string) string {
	text := ""
	for _, k := range c.byRun[run] {
		text += fmt.Sprintf("\n        attempt %d called %s to %s: %d", k.attempt, clock(k.at), clock(k.done), k.status)
	}
	return text
}
