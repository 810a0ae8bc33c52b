package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// history is a small one in which all is well: a job of every second, from
// second 1.5 to 5.5, then paused.
func history() *checker {
	s := &subject{id: "a", policy: object{"concurrency_policy": "forbid", "retry": object{"max_attempts": 2}}, manual: map[string]bool{"byhand": true},
		epochs:   []epoch{{moments: moments{every: 1000}, begun: window{1500, 1510}, ended: window{5500, 5600}}},
		requests: []change{{window{1400, 1510}, 1}, {window{3100, 3200}, 2}}}
	c := &checker{jobs: []*subject{s}, runs: map[string][]account{}, found: newFigures()}
	for t := int64(2000); t <= 5000; t += 1000 {
		gen := 1
		if t > 3200 {
			gen = 2
		}
		c.put(fmt.Sprint("run", t), "schedule", t, gen)
	}
	c.put("byhand", "manual", 6100, 2)
	return c
}

// put adds a run that succeeded, and its call.
func (c *checker) put(id, trigger string, at int64, gen int) {
	queued, finished := time.UnixMilli(at+1), time.UnixMilli(at+20)
	c.runs["a"] = append(c.runs["a"], account{ID: id, JobID: "a", Trigger: trigger, State: "succeeded", Reason: "ok",
		ScheduledAt: time.UnixMilli(at), QueuedAt: &queued, FinishedAt: &finished, Attempts: []attempt{{N: 1}}})
	c.calls = append(c.calls, call{at: at + 10, done: at + 20, job: "a", run: id, key: id, attempt: 1, due: at, gen: gen, status: 200})
}

func (c *checker) drop(run int) {
	c.runs["a"] = append(c.runs["a"][:run:run], c.runs["a"][run+1:]...)
	c.calls = append(c.calls[:run:run], c.calls[run+1:]...)
}

// missed turns a run into one that was not made, for a number of occurrences.
func (c *checker) missed(run, count int, from, to int64) {
	first, last := time.UnixMilli(from), time.UnixMilli(to)
	c.drop(run)
	c.runs["a"] = append(c.runs["a"], account{ID: "missed", JobID: "a", Trigger: "schedule", State: "missed", Reason: "misfire",
		ScheduledAt: first, MissedCount: count, MissedFrom: &first, MissedTo: &last})
}

// overtaken does the same with a run that a pause overtook.
func (c *checker) overtaken(run, count int, from, to int64) {
	c.missed(run, count, from, to)
	r := &c.runs["a"][len(c.runs["a"])-1]
	r.State, r.Reason = "canceled", "paused"
}

// skip turns a run into one that was skipped for overlap.
func (c *checker) skip(run int, at int64) {
	r, when := c.runs["a"][run], time.UnixMilli(at)
	c.drop(run)
	r.State, r.Reason, r.QueuedAt, r.FinishedAt, r.Attempts = "skipped", "overlap", nil, &when, nil
	c.runs["a"] = append(c.runs["a"], r)
}

// A checker that finds nothing proves nothing: each break of a promise must be found, and only such.
func TestTheCheckerFindsWhatIsWrong(t *testing.T) {
	again := func(c *checker) {
		k := c.calls[1]
		k.at, k.done = k.at+900, k.done+900
		c.calls = append(c.calls, k)
	}
	tests := []struct {
		name string
		harm func(c *checker)
		want string // in the violation; empty: none
	}{
		{"nothing", func(*checker) {}, ""},
		{"two runs", func(c *checker) { c.put("other", "schedule", 3000, 1) }, "accounted for by"},
		{"lost", func(c *checker) { c.drop(1) }, "has no account"},
		{"lost before the pause", func(c *checker) { c.drop(3); c.drop(2); c.drop(1); c.drop(0) }, "00:00:02.000 has no account"},
		{"not claimed before the pause", func(c *checker) {
			c.drop(3)
			c.faults = []fault{{"kill -9 beat", "beat-1", 4900, 5500}}
		}, "has no account"},
		{"overtaken by the pause", func(c *checker) { c.drop(3); c.overtaken(2, 2, 4000, 5000) }, ""},
		{"overtaken and called", func(c *checker) { c.runs["a"][3].State, c.runs["a"][3].MissedCount = "canceled", 1 }, "and was called"},
		{"lost in an outage that is over", func(c *checker) {
			c.drop(1)
			c.faults = []fault{{"kill -9 beat", "beat-1", 2900, 3500}}
		}, "has no account"},
		{"after the pause", func(c *checker) { c.put("late", "schedule", 7000, 2) }, "no occurrence"},
		{"off its phase", func(c *checker) { c.put("off", "schedule", 2500, 1) }, "no occurrence"},
		{"summary", func(c *checker) { c.drop(1); c.missed(1, 2, 3000, 4000) }, ""},
		{"summary with a wrong count", func(c *checker) { c.drop(1); c.missed(1, 3, 3000, 4000) }, "stands for 3"},
		{"summary over a run", func(c *checker) { c.missed(1, 2, 3000, 4000) }, "accounted for by"},
		{"summary beyond the pause", func(c *checker) { c.missed(3, 3, 5000, 7000) }, "stands for 3"},
		{"open", func(c *checker) { c.runs["a"][0].State = "queued" }, "is queued"},
		{"no reason", func(c *checker) { c.runs["a"][0].Reason = "" }, `reason ""`},
		{"success without a call", func(c *checker) { c.calls = c.calls[1:] }, "answered 200 to none"},
		{"success without a good answer", func(c *checker) { c.calls[0].status = 500 }, "answered 200 to none"},
		{"skipped and called", func(c *checker) { c.runs["a"][0].State = "skipped" }, "and was called"},
		{"canceled with a job that is there", func(c *checker) {
			c.runs["a"][0].State, c.runs["a"][0].Reason = "canceled", "job_deleted"
		}, "was not deleted"},
		{"failed without an attempt", func(c *checker) { c.runs["a"][0].State, c.runs["a"][0].Attempts = "failed", nil }, "without an attempt"},
		{"call without a run", func(c *checker) { c.calls[0].run = "nobody" }, "has no run"},
		{"call of another moment", func(c *checker) { c.calls[0].due += 1000 }, "is not that of its run"},
		{"other key", func(c *checker) { c.calls[0].key = "other" }, "is not that of its run"},
		{"old request", func(c *checker) { c.calls[3].gen = 1 }, "by request 1"},
		{"too many attempts", func(c *checker) { c.calls[0].attempt = 3 }, "attempt 3 of at most 2"},
		{"call without an attempt", func(c *checker) { c.calls[0].attempt = 2 }, "has no attempt 2"},
		{"repeat", again, "nothing explains it"},
		{"repeat after a worker died", func(c *checker) {
			again(c)
			c.faults = []fault{{"kill -9 worker", "worker-1", 3015, 3100}}
		}, ""},
		{"repeat long after a worker died", func(c *checker) {
			again(c)
			c.faults = []fault{{"kill -9 worker", "worker-1", 1000, 1100}}
		}, "nothing explains it"},
		{"repeat before a worker died", func(c *checker) {
			again(c)
			c.faults = []fault{{"kill -9 worker", "worker-1", 3990, 4000}}
		}, "nothing explains it"},
		{"repeat after a beat died", func(c *checker) {
			again(c)
			c.faults = []fault{{"kill -9 beat", "beat-1", 3015, 3100}}
		}, "nothing explains it"},
		{"repeat after Redis was emptied", func(c *checker) {
			again(c)
			c.faults = []fault{{"FLUSHALL", "redis", 3100, 3101}}
		}, ""},
		{"two at once", func(c *checker) { c.calls[1].done = 4500 }, "were called at once"},
		{"two at once, the first by a dead worker", func(c *checker) {
			c.calls[1].done = 4500
			c.faults = []fault{{"kill -9 worker", "worker-1", 3015, 3100}}
		}, ""},
		{"skipped for nothing", func(c *checker) { c.skip(2, 4005) }, "when no run was open"},
		{"skipped for an open run", func(c *checker) {
			c.skip(2, 4005)
			*c.runs["a"][1].FinishedAt = time.UnixMilli(4001)
		}, ""},
		{"run by hand lost", func(c *checker) { c.drop(4) }, "was acknowledged"},
		{"run by hand that nobody asked for", func(c *checker) { c.put("odd", "manual", 6200, 2) }, "nobody asked for"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := history()
			test.harm(c)
			c.check()
			all := strings.Join(c.violations, "\n")
			if (all == "") != (test.want == "") || !strings.Contains(all, test.want) {
				t.Errorf("found %q, want %q", all, test.want)
			}
		})
	}
}
