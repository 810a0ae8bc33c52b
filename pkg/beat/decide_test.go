package beat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

const second = job.Instant(1000)

// start is the moment at which the test's jobs were created.
const start = job.Instant(1_795_406_400_000) // 2026-11-23T04:00:00Z

func newJob(t *testing.T, schedule string, policy string) job.Job {
	t.Helper()
	text := fmt.Sprintf(`{"id":"a","schedule":%s,"request":{"url":"http://example.com/"},"policy":{%s}}`, schedule, policy)
	in, err := job.DecodeInput([]byte(text), "", &trigger.Parser{}, start)
	if err != nil {
		t.Fatal(err)
	}
	j := job.Job{Definition: in.Definition, Status: job.StatusActive, Version: 7}
	compiled, err := j.Compile(&trigger.Parser{})
	if err != nil {
		t.Fatal(err)
	}
	j.Plan(compiled, start)
	return j
}

// tell writes runs as "state(reason)@seconds", with "xN..last" for several.
func tell(runs []job.Run) string {
	var parts []string
	for _, r := range runs {
		text := fmt.Sprintf("%s@%d", r.State, (r.ScheduledAt-start)/second)
		if r.Reason != "" {
			text = fmt.Sprintf("%s(%s)@%d", r.State, r.Reason, (r.ScheduledAt-start)/second)
		}
		if r.MissedCount > 0 {
			text += fmt.Sprintf("x%d..%d", r.MissedCount, (*r.MissedTo-start)/second)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func TestDecide(t *testing.T) {
	const every10 = `{"type":"interval","every":"10s"}`
	tests := []struct {
		name, schedule, policy string
		now                    int // seconds after the start
		open, waiting          int
		replace                bool
		settled                int
		want                   string
		next                   int // -1: completed
	}{
		{name: "on the dot", schedule: every10, now: 10, want: "queued@10", next: 20},
		{name: "late within grace", schedule: every10, now: 19, want: "queued@10", next: 20},
		{name: "several: latest", schedule: every10, now: 45, want: "missed(coalesced)@10x3..30 queued@40", next: 50},
		{name: "several: earliest", schedule: every10, policy: `"coalesce":"earliest"`, now: 45, want: "missed(coalesced)@20x3..40 queued@10", next: 50},
		{name: "several: all", schedule: every10, policy: `"coalesce":"all","concurrency_policy":"allow"`, now: 45,
			want: "queued@10 queued@20 queued@30 queued@40", next: 50},
		{name: "all, but two are forbidden", schedule: every10, policy: `"coalesce":"all"`, now: 25,
			want: "queued@10 skipped(overlap)@20", next: 30},
		{name: "exactly at the end of grace", schedule: `{"type":"interval","every":"1h"}`, now: 3660, want: "queued@3600", next: 7200},
		{name: "just after grace", schedule: `{"type":"interval","every":"1h"}`, now: 3661, want: "missed(misfire)@3600x1..3600", next: 7200},
		{name: "an outage", schedule: every10, now: 205, want: "missed(misfire)@10x14..140 missed(coalesced)@150x5..190 queued@200", next: 210},
		{name: "unlimited grace", schedule: every10, policy: `"misfire_grace_time":"unlimited"`, now: 205,
			want: "missed(coalesced)@10x19..190 queued@200", next: 210},
		{name: "a day of a job of each second", schedule: `{"type":"interval","every":"1s"}`, policy: `"misfire_grace_time":"1s"`, now: 86400,
			want: "missed(misfire)@1x86398..86398 missed(coalesced)@86399x1..86399 queued@86400", next: 86401},
		{name: "a year of cron", schedule: `{"type":"cron","expression":"* * * * *"}`, now: 365 * 86400,
			want: "missed(misfire)@60x525598..31535880 missed(coalesced)@31535940x1..31535940 queued@31536000", next: 31536060},
		{name: "overlap not settled", schedule: every10, now: 10, open: 1, want: "deferred"},
		{name: "overlap settled before it was due", schedule: every10, now: 10, open: 1, settled: 9, want: "deferred"},
		{name: "overlap settled", schedule: every10, now: 10, open: 1, settled: 10, want: "skipped(overlap)@10", next: 20},
		{name: "overlap allowed", schedule: every10, policy: `"concurrency_policy":"allow"`, now: 10, open: 3, want: "queued@10", next: 20},
		{name: "replace", schedule: every10, policy: `"concurrency_policy":"replace"`, now: 10, open: 1, settled: 10, want: "queued@10", next: 20, replace: true},
		{name: "replace not settled", schedule: every10, policy: `"concurrency_policy":"replace"`, now: 10, open: 1, want: "deferred"},
		{name: "replace nothing", schedule: every10, policy: `"concurrency_policy":"replace"`, now: 10, want: "queued@10", next: 20},
		{name: "replace several", schedule: every10, policy: `"concurrency_policy":"replace","coalesce":"all"`, now: 35,
			want: "canceled(replaced)@10 canceled(replaced)@20 queued@30", next: 40},
		{name: "queue", schedule: every10, policy: `"concurrency_policy":"queue"`, now: 10, open: 1, settled: 10, want: "waiting@10", next: 20},
		{name: "queue is full", schedule: every10, policy: `"concurrency_policy":"queue"`, now: 10, open: 2, waiting: 1, settled: 10,
			want: "skipped(overlap)@10", next: 20},
		{name: "queue several", schedule: every10, policy: `"concurrency_policy":"queue","coalesce":"all"`, now: 35,
			want: "queued@10 waiting@20 skipped(overlap)@30", next: 40},
		{name: "all missed needs no settling", schedule: `{"type":"interval","every":"1h"}`, now: 4000, open: 1, want: "missed(misfire)@3600x1..3600", next: 7200},
		{name: "a date", schedule: `{"type":"date","at":"2026-11-23T04:00:10Z"}`, now: 500, want: "queued@10", next: -1},
		{name: "a date beyond its grace", schedule: `{"type":"date","at":"2026-11-23T04:00:10Z"}`, policy: `"misfire_grace_time":"60s"`, now: 500,
			want: "missed(misfire)@10x1..10", next: -1},
		{name: "the end of the schedule", schedule: `{"type":"interval","every":"10s","end_at":"2026-11-23T04:00:25Z"}`, now: 30,
			want: "missed(coalesced)@10x1..10 queued@20", next: -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := newJob(t, test.schedule, test.policy)
			d := decider{parser: &trigger.Parser{}, now: start + job.Instant(test.now)*second, settledAt: start + job.Instant(test.settled)*second}
			v := d.one(&job.Due{Job: j, Open: test.open, Waiting: test.waiting})
			if v.Replace != test.replace {
				t.Errorf("replaces open runs: %v", v.Replace)
			}
			if v.Defer {
				if test.want != "deferred" {
					t.Fatal("the job was deferred")
				}
				return
			}
			if got := tell(v.Runs); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			switch {
			case test.next < 0 && (v.Job.Status != job.StatusCompleted || v.Job.DueAt != nil):
				t.Errorf("the job is %s, due %v", v.Job.Status, v.Job.DueAt)
			case test.next >= 0 && (*v.Job.NextRunAt-start)/second != job.Instant(test.next):
				t.Errorf("next at %d, want %d", (*v.Job.NextRunAt-start)/second, test.next)
			}
		})
	}
}

func TestDecideCatchUpIsBounded(t *testing.T) {
	j := newJob(t, `{"type":"interval","every":"1s"}`, `"coalesce":"all","concurrency_policy":"allow","misfire_grace_time":"unlimited"`)
	d := decider{parser: &trigger.Parser{}, now: start + 250*second}
	runs := d.one(&job.Due{Job: j}).Runs
	if len(runs) != 1+job.MaxCatchUp || tell(runs[:2]) != "missed(coalesced)@1x150..150 queued@151" || tell(runs[100:]) != "queued@250" {
		t.Errorf("got %d: %s … %s", len(runs), tell(runs[:2]), tell(runs[len(runs)-1:]))
	}
}

func TestDecideBoundsRetries(t *testing.T) {
	d := decider{parser: &trigger.Parser{}, now: start + 10*second}
	forbid := d.one(&job.Due{Job: newJob(t, `{"type":"interval","every":"10s"}`, ``)}).Runs[0]
	if forbid.RetryUntil == nil || *forbid.RetryUntil != start+20*second {
		t.Errorf("retries may go on until %v, past the next occurrence", forbid.RetryUntil)
	}
	allow := d.one(&job.Due{Job: newJob(t, `{"type":"interval","every":"10s"}`, `"concurrency_policy":"allow"`)}).Runs[0]
	if allow.RetryUntil != nil {
		t.Errorf("retries end at %v although two runs are allowed", *allow.RetryUntil)
	}
	if forbid.JobVersion != 7 || forbid.ID != job.OccurrenceID("a", start+10*second) || *forbid.QueuedAt != d.now {
		t.Errorf("got %+v", forbid)
	}
}

// Jitter only delays: every occurrence is accounted for once, whenever it is looked at.
func TestDecideWithJitter(t *testing.T) {
	j := newJob(t, `{"type":"interval","every":"10s"}`, `"jitter":"5s","concurrency_policy":"allow"`)
	seen := map[job.Instant]int{}
	for now := start; now < start+500*second; now += 137 {
		if *j.DueAt > now {
			continue
		}
		d := decider{parser: &trigger.Parser{}, now: now}
		v := d.one(&job.Due{Job: j})
		for _, r := range v.Runs {
			if r.State != job.StateQueued {
				t.Fatalf("unexpected %s", tell(v.Runs))
			}
			if late := now - r.ScheduledAt; late < 0 || late > 5000+137 {
				t.Errorf("%d was claimed %d ms after its moment", r.ScheduledAt, late)
			}
			seen[r.ScheduledAt]++
		}
		j = v.Job
	}
	for at := start + 10*second; at < start+490*second; at += 10 * second {
		if seen[at] != 1 {
			t.Errorf("%d has %d runs", (at-start)/second, seen[at])
		}
	}
}

func TestDecideEndsAPause(t *testing.T) {
	j := newJob(t, `{"type":"interval","every":"10s"}`, ``)
	until := start + 30*second
	j.Pause(&until, "deploy")

	d := decider{parser: &trigger.Parser{}, now: until}
	v := d.one(&job.Due{Job: j})
	if got := tell(v.Runs); got != "queued@30" || v.Job.Status != job.StatusActive || v.Job.PauseReason != nil {
		t.Errorf("at the end of the pause: %s, job %s", got, v.Job.Status)
	}
	d.now = until - 1
	if v := d.one(&job.Due{Job: j}); len(v.Runs) > 0 || v.Job.Status != job.StatusPaused || *v.Job.DueAt != until {
		t.Errorf("before the end of the pause: %+v", v)
	}
}

// What becomes due after its moment, because its job is changed after that, is late from then on.
func TestDecideNotesSinceWhenItIsDue(t *testing.T) {
	j := newJob(t, `{"type":"date","at":"2026-01-01T00:00:00Z"}`, ``)
	at := *j.Schedule.At
	j.Status, j.NextRunAt, j.DueAt, j.UpdatedAt = job.StatusActive, &at, &at, start
	d := decider{parser: &trigger.Parser{}, now: start + 20}
	runs := d.one(&job.Due{Job: j}).Runs
	if len(runs) != 1 || runs[0].State != job.StateQueued || runs[0].ScheduledAt != at || runs[0].DueSince == nil || *runs[0].DueSince != start {
		t.Errorf("got %+v", runs)
	}
	registry := prometheus.NewRegistry()
	newMetrics(registry).claimed(job.Claimed{Tasks: []job.Task{job.TaskOf(&runs[0], &j.Request, &j.Policy)}}, d.now)
	if sum := sumOf(t, registry, "schedule_claim_lateness_seconds"); sum != 0.02 {
		t.Errorf("the claim was late by %v s", sum)
	}
	punctual := newJob(t, `{"type":"interval","every":"10s"}`, ``)
	punctual.UpdatedAt = start
	d.now = start + 10*second
	if runs := d.one(&job.Due{Job: punctual}).Runs; runs[0].DueSince != nil {
		t.Errorf("got %+v", runs)
	}
}

// sumOf is the sum of what a histogram observed.
func sumOf(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetHistogram().GetSampleSum()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

func TestDecidePausesWhatItCannotRead(t *testing.T) {
	j := newJob(t, `{"type":"interval","every":"10s"}`, ``)
	j.Schedule.TimeZone = "Gone/Away"
	v := (&decider{parser: &trigger.Parser{}, now: start + 10*second}).one(&job.Due{Job: j})
	if v.Job.Status != job.StatusPaused || v.Job.PauseReason == nil || !strings.Contains(*v.Job.PauseReason, "Gone/Away") || v.Job.DueAt != nil {
		t.Errorf("got %+v", v.Job)
	}
}

func BenchmarkDecide(b *testing.B) {
	text := `{"id":"a","schedule":{"type":"cron","expression":"*/5 * * * *","time_zone":"Europe/Berlin"},"request":{"url":"http://example.com/"}}`
	in, err := job.DecodeInput([]byte(text), "", &trigger.Parser{}, start)
	if err != nil {
		b.Fatal(err)
	}
	j := job.Job{Definition: in.Definition, Status: job.StatusActive}
	next := start + 300*second
	j.NextRunAt, j.DueAt = &next, &next
	d := decider{parser: &trigger.Parser{}, now: next + job.Instant(time.Second.Milliseconds())}
	b.ReportAllocs()
	for b.Loop() {
		d.one(&job.Due{Job: j})
	}
}
