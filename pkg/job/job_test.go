package job_test

import (
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

func compile(t *testing.T, d *job.Definition) *trigger.Schedule {
	t.Helper()
	schedule, err := d.Compile(&trigger.Parser{})
	if err != nil {
		t.Fatal(err)
	}
	return schedule
}

func TestPlanPauseResume(t *testing.T) {
	in, err := decode(minimal)
	if err != nil {
		t.Fatal(err)
	}
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive}
	schedule := compile(t, &j.Definition)

	j.Plan(schedule, now)
	if *j.NextRunAt != now+10_000 || *j.DueAt != now+10_000 {
		t.Errorf("first occurrence %v, due %v", j.NextRunAt, j.DueAt)
	}
	until := now + 60_000
	j.Pause(&until, "deploy")
	if j.Status != job.StatusPaused || j.NextRunAt != nil || *j.DueAt != until || *j.PauseReason != "deploy" {
		t.Errorf("paused: %+v", j)
	}
	if *j.PausedFrom != now+10_000 {
		t.Errorf("the pause holds back %v first", j.PausedFrom)
	}
	j.Pause(nil, "longer")
	if *j.PausedFrom != now+10_000 {
		t.Errorf("a second pause forgets what the first held back: %v", j.PausedFrom)
	}
	j.Resume(schedule, now+25_000)
	if j.Status != job.StatusActive || *j.NextRunAt != now+30_000 || j.PauseReason != nil || j.PausedUntil != nil || j.PausedFrom != nil {
		t.Errorf("resumed off its phase: %+v", j)
	}
}

func TestPlanCompletes(t *testing.T) {
	in, err := decode(`{"id":"a","schedule":{"type":"date","at":"2026-11-23T05:00:00Z"},"request":{"url":"http://a/"}}`)
	if err != nil {
		t.Fatal(err)
	}
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive}
	schedule := compile(t, &j.Definition)
	j.Plan(schedule, *in.Schedule.At)
	if j.Status != job.StatusCompleted || j.NextRunAt != nil || j.DueAt != nil {
		t.Errorf("got %+v", j)
	}
}

func TestJitterMovesDueAndNotTheOccurrence(t *testing.T) {
	in, err := decode(minimal)
	if err != nil {
		t.Fatal(err)
	}
	in.Policy.Jitter = job.Duration(time.Hour)
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive}
	j.Plan(compile(t, &j.Definition), now)
	if *j.NextRunAt != now+10_000 {
		t.Errorf("the occurrence moved to %v", j.NextRunAt)
	}
	if late := *j.DueAt - *j.NextRunAt; late < 0 || late > 5000 {
		t.Errorf("the jitter is %d ms, at most half the gap of 10 s is allowed", late)
	}
}

func TestOccurrenceID(t *testing.T) {
	id := job.OccurrenceID("nightly", now)
	if id != job.OccurrenceID("nightly", now) {
		t.Error("the same occurrence has two ids")
	}
	if id == job.OccurrenceID("weekly", now) || id == job.OccurrenceID("nightly", now+1) {
		t.Error("two occurrences share an id")
	}
	if earlier := job.OccurrenceID("zzz", now-1); earlier >= id {
		t.Errorf("%s of an earlier moment does not sort before %s", earlier, id)
	}
	if a, b := job.NewID(now), job.NewID(now); a == b || len(a) != 26 {
		t.Errorf("new ids %s and %s", a, b)
	}
}
