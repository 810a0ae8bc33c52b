package runlog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"schedule-server/pkg/job"
)

const begin = job.Instant(1_795_000_000_000)

// bench is a Log, the clock that it reads, and what it wrote.
type bench struct {
	*Log
	clock job.Instant
	out   bytes.Buffer
}

func newBench() *bench {
	b := &bench{clock: begin}
	b.Log = New(Options{Logger: slog.New(slog.NewJSONHandler(&b.out, nil)), Now: func() job.Instant { return b.clock }})
	return b
}

type line map[string]any

// lines are what was written since the last call.
func (b *bench) lines(t *testing.T) (all []line) {
	t.Helper()
	for text := range bytes.Lines(b.out.Bytes()) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatal(err)
		}
		delete(l, "time")
		all = append(all, l)
	}
	b.out.Reset()
	return all
}

func (b *bench) pass(d time.Duration) { b.clock = b.clock.Add(d) }

// run is a failed run of a job.
func run(id string) *job.Run {
	code := 503
	return &job.Run{ID: "run of " + id, JobID: id, Trigger: job.TriggerSchedule, State: job.StateFailed, Reason: job.StatusReason(503),
		ScheduledAt: begin, Attempts: []job.Attempt{{N: 1}, {N: 2, StatusCode: &code}}}
}

func (b *bench) fail(ids ...string) {
	for _, id := range ids {
		b.Recorded(&job.Recorded{Ended: []*job.Run{run(id)}})
	}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
		t.Errorf("%s:\n got %s\nwant %s", what, a, b)
	}
}

func TestAFailedRunIsOneLine(t *testing.T) {
	b := newBench()
	ended := run("a")
	without := run("b")
	without.Attempts, without.Reason = nil, job.ReasonCircuitOpen
	fine := run("c")
	fine.State = job.StateSucceeded
	stopped := run("d")
	stopped.State = job.StateCanceled
	reason := "5 failed runs in a row"
	b.Recorded(&job.Recorded{Ended: []*job.Run{ended, without, fine, stopped},
		Paused: []job.Job{{Definition: job.Definition{ID: "a"}, PauseReason: &reason}}})
	want(t, "lines", b.lines(t), []line{
		{"level": "WARN", "msg": "run failed", "job_id": "a", "run_id": "run of a", "reason": "status_503", "status_code": 503,
			"attempts": 2, "trigger": "schedule", "scheduled_at": "2026-11-18T11:06:40.000Z"},
		{"level": "WARN", "msg": "run failed", "job_id": "b", "run_id": "run of b", "reason": "circuit_open",
			"attempts": 0, "trigger": "schedule", "scheduled_at": "2026-11-18T11:06:40.000Z"},
		{"level": "WARN", "msg": "job paused", "job_id": "a", "pause_reason": reason},
	})
}

// A job that fails again and again is named a few times, then once a minute with the number of those left out.
func TestAJobThatFailsAgainAndAgain(t *testing.T) {
	b := newBench()
	for range 60 { // a failure every 10 s, for 10 minutes
		b.fail("a")
		b.pass(10 * time.Second)
		b.tick()
	}
	lines := b.lines(t)
	if len(lines) < jobBurst+8 || len(lines) > jobBurst+10 {
		t.Errorf("%d lines", len(lines))
	}
	told, left := 0, 0.0
	for _, l := range lines {
		told++
		if n, ok := l["suppressed"].(float64); ok {
			left += n
		}
		if l["msg"] != "run failed" {
			t.Errorf("a line %v", l)
		}
	}
	// Another job is not in its shadow.
	b.fail("b")
	want(t, "another job", len(b.lines(t)), 1)

	b.pass(quietFor)
	b.pass(sweepEvery)
	b.tick()
	for _, l := range b.lines(t) {
		want(t, "the rest", fmt.Sprint(l["msg"], l["job_id"]), "failed runs were not logged one by onea")
		left += l["runs"].(float64)
	}
	want(t, "failures told of", told+int(left), 60)
	want(t, "jobs remembered", len(b.jobs), 0)
}

// Hundreds of thousands of jobs that fail at once fill neither the log nor the memory, and their number is said.
func TestManyJobsThatFail(t *testing.T) {
	b := newBench()
	const jobs = 200_000
	for i := range jobs {
		b.fail(fmt.Sprint(i))
		if i%2_000 == 0 {
			b.pass(time.Second)
		}
	}
	if len(b.jobs) > maxJobs {
		t.Errorf("%d jobs are remembered", len(b.jobs))
	}
	b.pass(sweepEvery)
	b.tick()
	lines := b.lines(t)
	total, last := len(lines)-1, lines[len(lines)-1]
	want(t, "the last line", last["msg"], "failed runs were not logged one by one")
	total += int(last["runs"].(float64))
	want(t, "failures told of", total, jobs)
	if len(lines) > allBurst+101*allRate+1 {
		t.Errorf("%d lines", len(lines))
	}
}

// Jobs that go on failing do not take memory for all of them in the course of time.
func TestJobsThatGoOnFailing(t *testing.T) {
	b := newBench()
	total := 0
	for range 30 {
		for i := range 2 * maxJobs {
			b.fail(fmt.Sprint(i))
			total++
		}
		b.pass(time.Minute)
		b.tick()
		if len(b.jobs) > maxJobs {
			t.Fatalf("%d jobs are remembered", len(b.jobs))
		}
	}
	b.flush()
	told := 0
	for _, l := range b.lines(t) {
		if l["msg"] == "run failed" {
			told++
		}
		for _, name := range []string{"suppressed", "runs"} {
			if n, ok := l[name].(float64); ok {
				told += int(n)
			}
		}
	}
	want(t, "failures told of", told, total)
}

// missed is the account of n missed occurrences, one a second.
func missed(id string, n int, reason job.Reason) *job.Run {
	from, to := begin-job.Instant(n*1000), begin-1000
	return &job.Run{ID: "m", JobID: id, State: job.StateMissed, Reason: reason, ScheduledAt: from, MissedCount: n, MissedFrom: &from, MissedTo: &to}
}

// An outage is one line, whatever it made jobs miss and in however many claims that is found out.
func TestAnOutageIsOneLine(t *testing.T) {
	b := newBench()
	for i := range 7 {
		b.Claimed([]*job.Run{missed(fmt.Sprint(i), 86_340, job.ReasonMisfire), missed(fmt.Sprint(i), 59, job.ReasonCoalesced)})
		b.tick()
		b.pass(100 * time.Millisecond)
	}
	want(t, "written at once", b.lines(t), []line(nil))
	b.pass(settleFor)
	b.tick()
	b.tick()
	want(t, "lines", b.lines(t), []line{{"level": "WARN", "msg": "occurrences missed", "occurrences": 7 * 86_399, "coalesced": 7 * 59,
		"jobs": 7, "job_ids": []string{"0", "1", "2", "3", "4"},
		"first_scheduled_at": "2026-11-17T11:07:40.000Z", "last_scheduled_at": "2026-11-18T11:06:39.000Z"}})

	// The next line is a minute away, and has what came meanwhile.
	for range 70 {
		b.Claimed([]*job.Run{missed("a", 1, job.ReasonCoalesced)})
		b.pass(time.Second)
		b.tick()
	}
	lines := b.lines(t)
	if len(lines) != 1 || lines[0]["level"] != "INFO" || lines[0]["occurrences"] != lines[0]["coalesced"] {
		t.Errorf("lines: %v", lines)
	}
}

func TestSkippedOccurrencesAreSummedUp(t *testing.T) {
	b := newBench()
	skipped := func() *job.Run {
		return &job.Run{JobID: "a", State: job.StateSkipped, Reason: job.ReasonOverlap, ScheduledAt: b.clock}
	}
	canceled := &job.Run{JobID: "b", State: job.StateCanceled, Reason: job.ReasonReplaced, ScheduledAt: b.clock}
	b.Claimed(nil)
	for range 125 {
		b.Claimed([]*job.Run{skipped(), canceled})
		b.pass(time.Second)
		b.tick()
	}
	b.flush()
	sum, lines := 0, b.lines(t)
	for _, l := range lines {
		want(t, "line", fmt.Sprint(l["level"], l["msg"], l["reason"], l["jobs"]), "INFOoccurrences skippedoverlap1")
		sum += int(l["occurrences"].(float64))
	}
	if sum != 125 || len(lines) > 4 {
		t.Errorf("%d occurrences in %d lines", sum, len(lines))
	}
}

// A clock that was set back by a day does not keep what is to be said until then.
func TestAClockThatWasSetBack(t *testing.T) {
	b := newBench()
	for range 2 {
		b.Claimed([]*job.Run{missed("a", 5, job.ReasonMisfire)})
		b.pass(settleFor)
		b.tick()
		want(t, "lines", len(b.lines(t)), 1)
		b.pass(-24 * time.Hour)
		b.tick() // notes the step
		b.pass(sumEvery)
	}
}

func TestRunWritesTheRestAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		b.Claimed([]*job.Run{missed("a", 5, job.ReasonMisfire)})
		for range jobBurst + 3 {
			b.fail("a")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		var messages []string
		for _, l := range b.lines(t)[jobBurst:] {
			messages = append(messages, fmt.Sprint(l["msg"], l["runs"]))
		}
		if !slices.Equal(messages, []string{"occurrences missed<nil>", "failed runs were not logged one by one3"}) {
			t.Errorf("at the end: %q", messages)
		}
	})
}
