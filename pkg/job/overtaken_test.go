package job_test

import (
	"fmt"
	"testing"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// overtaken is a job, due at its 10th second, with a change of it that drops what is due at some later second.
type overtaken struct {
	name, schedule string
	now            int // seconds after the job was made
	after          string
	want           string
}

func TestOvertaken(t *testing.T) {
	const every10 = `{"type":"interval","every":"10s","anchor":"2026-11-23T04:00:00Z"}`
	const every20 = `{"type":"interval","every":"20s","anchor":"2026-11-23T04:00:00Z"}`
	date := func(seconds int) string {
		return fmt.Sprintf(`{"type":"date","at":%q}`, now+job.Instant(seconds)*1000)
	}
	tests := []overtaken{
		{"nothing is due", every10, 9, "paused", ""},
		{"one, paused", every10, 10, "paused", "canceled(paused)@10x1..10 held back 20"},
		{"several, paused", every10, 45, "paused", "canceled(paused)@10x4..40 held back 50"},
		{"deleted", every10, 45, "deleted", "canceled(job_deleted)@10x4..40"},
		{"another schedule", every10, 45, every20, "canceled(rescheduled)@10x4..40"},
		{"the plan stands", every10, 45, every10, ""},
		{"a date of the past", every10, 45, date(20), "canceled(rescheduled)@10x1..10 canceled(rescheduled)@30x2..40"},
		{"a date of the past between two", every10, 45, date(25), "canceled(rescheduled)@10x2..20 canceled(rescheduled)@30x2..40"},
		{"a date of the past, the first", every10, 45, date(10), "canceled(rescheduled)@20x3..40"},
		{"a date", date(10), 45, "paused", "canceled(paused)@10x1..10"},
		{"a date for the same moment", date(10), 45, `{"type":"date","at":"2026-11-23T05:00:10+01:00"}`, ""},
		{"more than are walked through", `{"type":"cron","expression":"* * * * * *"}`, 2_000_000, "deleted",
			"canceled(job_deleted)@1x1000000..1000000 canceled(job_deleted)@1000001x1000000..2000000"},
	}
	for _, test := range tests {
		t.Run(test.name, test.check)
	}
}

func (x *overtaken) check(t *testing.T) {
	parser := &trigger.Parser{}
	made := func(schedule string) *job.Job {
		in, err := job.DecodeInput([]byte(`{"id":"a","schedule":`+schedule+`,"request":{"url":"http://a/"}}`), "", parser, now)
		if err != nil {
			t.Fatal(err)
		}
		j := &job.Job{Definition: in.Definition, Status: job.StatusActive, Version: 3}
		j.Plan(compile(t, &j.Definition), now)
		return j
	}
	before, at := made(x.schedule), now+job.Instant(x.now)*1000
	var after *job.Job
	switch x.after {
	case "deleted":
	case "paused":
		paused := *before
		after = &paused
		after.Pause(nil, "")
	case x.schedule:
		after = made(x.after)
	default:
		after = made(x.after)
		if after.Schedule.Type != trigger.TypeDate {
			after.Plan(compile(t, &after.Definition), at)
		} else {
			after.Plan(compile(t, &after.Definition), *after.Schedule.At-1)
		}
	}
	got := ""
	for _, r := range before.Overtaken(parser, after, at) {
		got += fmt.Sprintf(" %s(%s)@%dx%d..%d", r.State, r.Reason, (r.ScheduledAt-now)/1000, r.MissedCount, (*r.MissedTo-now)/1000)
		if r.ID != job.OccurrenceID("a", r.ScheduledAt) || *r.MissedFrom != r.ScheduledAt || *r.FinishedAt != at || r.JobVersion != 3 || r.QueuedAt != nil {
			t.Errorf("the account is %+v", r)
		}
	}
	if got != "" && after != nil && after.PausedFrom != nil {
		got += fmt.Sprintf(" held back %d", (*after.PausedFrom-now)/1000)
	}
	if got != "" {
		got = got[1:]
	}
	if got != x.want {
		t.Errorf("got %q, want %q", got, x.want)
	}
}

// Of a schedule that cannot be read, the planned occurrence is known.
func TestOvertakenUnreadable(t *testing.T) {
	at := now - 5
	j := &job.Job{Status: job.StatusActive, NextRunAt: &at, DueAt: &at}
	j.ID, j.Schedule.Type = "a", "unreadable"
	runs := j.Overtaken(&trigger.Parser{}, nil, now)
	if len(runs) != 1 || runs[0].Reason != job.ReasonJobDeleted || runs[0].ScheduledAt != at || runs[0].MissedCount != 1 {
		t.Errorf("got %+v", runs)
	}
}

// Jitter holds back the last occurrence, and with it nothing of what came before.
func TestOvertakenWithJitter(t *testing.T) {
	in, err := job.DecodeInput([]byte(`{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://a/"},"policy":{"jitter":"5s"}}`),
		"", &trigger.Parser{}, now)
	if err != nil {
		t.Fatal(err)
	}
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive}
	schedule := compile(t, &j.Definition)
	j.Plan(schedule, now)
	third := now + 30_000
	due := third + j.Policy.JitterAt(schedule, "a", third)
	for at, want := range map[job.Instant]int{due - 1: 2, due: 3} {
		if runs := j.Overtaken(&trigger.Parser{}, nil, at); len(runs) != 1 || runs[0].MissedCount != want {
			t.Errorf("at %v, the third being due at %v: %+v", at, due, runs)
		}
	}
}

func TestAsOf(t *testing.T) {
	in, err := decode(minimal)
	if err != nil {
		t.Fatal(err)
	}
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive}
	j.Plan(compile(t, &j.Definition), now)
	until := now + 60_000
	j.Pause(&until, "deploy")
	if early := j.AsOf(&trigger.Parser{}, until-1); early.Status != job.StatusPaused {
		t.Errorf("before the end of its pause it is %s", early.Status)
	}
	ended := j.AsOf(&trigger.Parser{}, until+25_000)
	if ended.Status != job.StatusActive || *ended.NextRunAt != until || ended.PausedUntil != nil {
		t.Errorf("after the end of its pause: %+v", ended)
	}
	if j.Status != job.StatusPaused {
		t.Error("the job itself was changed")
	}
}
