package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// subject is a job of the test with what is known of its life.
type subject struct {
	id   string
	as   string // how its target behaves
	kind string // interval, cron, date
	// seconds between its moments; for a date its moment.
	seconds int64
	at      time.Time
	policy  object

	// What the actor knows, and what the checker reads in the end.
	epochs   []epoch
	requests []change
	deletes  []window
	manual   map[string]bool // ids of the runs by hand that were acknowledged
	unsure   int             // runs by hand that may have been made
	exists   bool
	active   bool
	gen      int
	anchor   int64
	busyTill int64 // a pause with an end is under way
}

// policies that the mix goes through; the zero one is the default.
func policies(kinds []string) []object {
	retry := func(attempts int, backoff string) object {
		return object{"max_attempts": attempts, "min_backoff": backoff, "max_backoff": "2s"}
	}
	all := []object{
		{"concurrency_policy": "forbid", "retry": retry(3, "100ms")},
		{"concurrency_policy": "allow", "coalesce": "all", "retry": retry(4, "500ms")},
		{"concurrency_policy": "forbid", "coalesce": "earliest", "misfire_grace_time": "2s", "retry": retry(2, "100ms")},
		{"concurrency_policy": "allow", "coalesce": "latest", "misfire_grace_time": "1s", "retry": retry(3, "100ms")},
		{"concurrency_policy": "forbid", "coalesce": "all", "retry": retry(1, "100ms")},
	}
	for _, kind := range kinds {
		all = append(all, object{"concurrency_policy": kind, "coalesce": "all", "misfire_grace_time": "5s", "retry": retry(3, "100ms")},
			object{"concurrency_policy": kind, "retry": retry(2, "500ms")})
	}
	return all
}

// mix makes the jobs of one storm: about 20 calls a second.
func mix(random *rand.Rand, kinds []string, storm time.Duration) []*subject {
	behaviours := []string{"fast", "slow", "flaky", "fast", "broken", "slow", "dropping"}
	all := policies(kinds)
	var jobs []*subject
	for i := range 20 {
		s := &subject{id: fmt.Sprintf("interval-%d", i), kind: "interval", seconds: int64(1 + i%2), as: behaviours[i%len(behaviours)], policy: all[i%len(all)]}
		if i%3 == 2 {
			s.id, s.kind = fmt.Sprintf("cron-%d", i), "cron"
		}
		jobs = append(jobs, s)
	}
	for i := range 12 {
		at := time.Now().Add(time.Second + time.Duration(random.Int64N(int64(storm)))).Truncate(time.Millisecond)
		jobs = append(jobs, &subject{id: fmt.Sprintf("date-%d", i), kind: "date", at: at, as: behaviours[random.IntN(len(behaviours))], policy: all[i%len(all)]})
	}
	for _, s := range jobs {
		s.manual = map[string]bool{}
	}
	return jobs
}

// definition is the job as the API takes it.
func (s *subject) definition(target string) object {
	schedule := object{"type": s.kind}
	switch s.kind {
	case "interval":
		schedule["every"] = fmt.Sprintf("%ds", s.seconds)
	case "cron":
		schedule["expression"] = fmt.Sprintf("*/%d * * * * *", s.seconds)
	case "date":
		schedule["at"] = s.at.UTC().Format(time.RFC3339Nano)
	}
	return object{"id": s.id, "schedule": schedule, "request": s.request(target), "policy": s.policy}
}

func (s *subject) request(target string) object {
	return object{"url": fmt.Sprintf("%s/?as=%s&gen=%d", target, s.as, s.gen)}
}

// moments is the schedule as it is now.
func (s *subject) moments() moments {
	switch s.kind {
	case "cron":
		return wholeSeconds(s.seconds)
	case "date":
		return moments{every: 1, anchor: s.at.UnixMilli(), count: 1}
	}
	return moments{every: s.seconds * 1000, anchor: s.anchor}
}

// begin and end note a change of the schedule that took effect within the window.
func (s *subject) begin(w window) {
	if s.kind == "date" {
		w = window{s.at.UnixMilli(), s.at.UnixMilli() - 1} // also one that is over already: the misfire policy judges it
	}
	s.epochs = append(s.epochs, epoch{moments: s.moments(), begun: w, ended: window{forever, forever}})
	s.active = true
}

func (s *subject) end(w window) {
	if n := len(s.epochs); n > 0 && s.epochs[n-1].ended.till == forever {
		s.epochs[n-1].ended = w
	}
	s.active = false
}

// life tells the times of the job's schedules.
func (s *subject) life() string {
	text := ""
	for _, e := range s.epochs {
		text += fmt.Sprintf("\n    every %d ms from %s: since %s to %s, until %s to %s", e.moments.every, clock(e.moments.anchor),
			clock(e.begun.from), clock(e.begun.till), clock(e.ended.from), clock(e.ended.till))
	}
	return text
}
