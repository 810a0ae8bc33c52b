package e2e

import (
	"strings"
	"testing"
	"time"
)

// trouble is a time in which something was broken.
type trouble struct {
	what       string
	from, till time.Time
}

// everySecond is a service with a job that is due each second, what the job
// calls, and what was broken meanwhile.
type everySecond struct {
	t        *testing.T
	s        *service
	tg       *target
	job      string
	troubles []trouble
	// slow is how long a call may be on its way and its result unrecorded.
	slow time.Duration
}

// newEverySecond registers the job and waits until it runs. Its policy is that
// of a job that names none, but for what policy says; its calls take so long.
func newEverySecond(t *testing.T, address string, takes time.Duration, policy object) *everySecond {
	t.Helper()
	x := &everySecond{t: t, s: &service{t: t, url: "http://" + address}, tg: newTarget(t), job: "every-second", slow: takes + time.Second}
	x.s.ready()
	x.s.must("POST", "/api/v1/jobs", object{
		"id": x.job, "schedule": object{"type": "interval", "every": "1s"},
		"request": object{"url": x.tg.URL + "?takes=" + takes.String()}, "policy": policy,
	}, nil)
	x.tg.wait(t, x.job, 2)
	return x
}

// suffer breaks something, lets time pass while it is broken, mends it, and
// measures how long it takes until the job is called again and until the service
// says that it is ready. Then it waits for everyday life to return.
func (x *everySecond) suffer(what string, breaks, meanwhile, mends func()) {
	x.t.Helper()
	from := time.Now()
	breaks()
	meanwhile()
	mends()
	mended := time.Now()
	called := x.calledAfter(mended)
	x.s.ready()
	x.t.Logf("%s: broken for %v; called again %v and ready %v after its end, %d occurrences called late", what,
		mended.Sub(from).Round(time.Millisecond), called.Sub(mended).Round(time.Millisecond),
		time.Since(mended).Round(time.Millisecond), x.late(from, called))
	x.troubles = append(x.troubles, trouble{what, from, called})
	x.tg.wait(x.t, x.job, len(x.tg.of(x.job))+2)
}

// calledAfter waits for a call that is made after the moment, and says when it was.
func (x *everySecond) calledAfter(moment time.Time) time.Time {
	x.t.Helper()
	for n := len(x.tg.of(x.job)); ; n++ {
		for _, h := range x.tg.wait(x.t, x.job, n) {
			if h.at.After(moment) {
				return h.at
			}
		}
	}
}

// late counts the occurrences of a time that were called, and not at once.
func (x *everySecond) late(from, till time.Time) int {
	n := 0
	for _, h := range x.tg.of(x.job) {
		if !h.due.Before(from) && !h.due.After(till) && h.at.Sub(h.due) > 500*time.Millisecond {
			n++
		}
	}
	return n
}

// unready waits until /readyz answers 503, and gives what it says.
func (x *everySecond) unready(says string) {
	x.t.Helper()
	x.s.until("/readyz says "+says, func() (bool, string) {
		status, answer := x.s.call("GET", "/readyz", nil)
		return status == 503 && strings.Contains(string(answer), says), string(answer)
	})
}

// finish pauses the job and holds its history against the target's log: every
// occurrence from the first to the last has exactly one account, every account
// an end with a reason, every success a call, every call an account, and every
// call that was made twice was in the hands of what was broken.
func (x *everySecond) finish() {
	x.t.Helper()
	x.s.must("POST", "/api/v1/jobs/"+x.job+"/pause", nil, nil)
	runs := x.s.settled(x.job)
	byID, states := map[string]account{}, map[string]int{}
	covered := map[time.Time]string{}
	first, last := runs[0].ScheduledAt, runs[0].ScheduledAt
	for _, r := range runs {
		byID[r.ID] = r
		states[r.State+" "+r.Reason]++
		if r.Reason == "" {
			x.t.Errorf("run %s is %s without a reason", r.ID, r.State)
		}
		if r.State == "failed" {
			x.t.Errorf("the run of %v failed: %s", r.ScheduledAt, r.Reason)
		}
		for i := range max(1, r.MissedCount) {
			at := r.ScheduledAt.Add(time.Duration(i) * time.Second)
			if other, twice := covered[at]; twice {
				x.t.Errorf("the occurrence of %v has the runs %s and %s", at, r.ID, other)
			}
			covered[at] = r.ID
			if at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
	}
	for at := first; !at.After(last); at = at.Add(time.Second) {
		if covered[at] == "" {
			x.t.Errorf("the occurrence of %v has no account", at)
		}
	}
	repeated := x.checkCalls(byID)
	x.t.Logf("%d occurrences: %v; %d calls made again", len(covered), states, repeated)
}

// checkCalls checks the target's log against the accounts, and counts the calls that were made again.
func (x *everySecond) checkCalls(byID map[string]account) (repeated int) {
	x.t.Helper()
	before := map[string]hit{}
	for _, h := range x.tg.of(x.job) {
		if _, known := byID[h.run]; !known {
			x.t.Errorf("the call for %v at %v has no run", h.due, h.at)
		}
		if earlier, again := before[h.run]; again && earlier.tries == h.tries {
			repeated++
			if !x.explains(earlier.at, h.at) {
				x.t.Errorf("the occurrence of %v was called at %v and again at %v; broken was %v", h.due, earlier.at, h.at, x.troubles)
			}
		}
		before[h.run] = h
	}
	for id, r := range byID {
		if _, called := before[id]; r.State == "succeeded" && !called {
			x.t.Errorf("the run of %v succeeded without a call", r.ScheduledAt)
		}
	}
	return repeated
}

// explains reports whether something was broken while a call was on its way, or
// its result not yet recorded, and before it was made again.
func (x *everySecond) explains(earlier, again time.Time) bool {
	for _, b := range x.troubles {
		if earlier.Before(b.till) && earlier.Add(x.slow).After(b.from) && again.After(b.from) {
			return true
		}
	}
	return false
}

// pass is how long something stays broken.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
