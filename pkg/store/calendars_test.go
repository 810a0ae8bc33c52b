package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// testCalendars changes a calendar under jobs that go by it.
func testCalendars(t *testing.T, b *bundle) {
	const at = job.Instant(1_801_267_200_000) // Saturday 30 January 2027, midnight in UTC
	put := func(now job.Instant, spec trigger.CalendarSpec) {
		t.Helper()
		c := &job.Calendar{ID: "plant", CalendarSpec: spec}
		if err := c.Complete(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PutCalendar(t.Context(), c, now); err != nil {
			t.Fatal(err)
		}
	}
	plan := func(now job.Instant) {
		t.Helper()
		for place, steps := "", 0; ; steps++ {
			step, err := b.PlanCalendars(t.Context(), now, place)
			if err != nil || steps > 100 {
				t.Fatal(step, err)
			}
			if step.Done {
				return
			}
			place = step.Place
		}
	}
	put(at-1000, trigger.CalendarSpec{})
	plan(at - 500)
	const many = plannedAtOnce + 20
	parser := &trigger.Parser{Calendars: b.Calendars()}
	for i := range many {
		j := newJob(fmt.Sprintf("j%04d", i))
		j.Schedule = trigger.Spec{Type: trigger.TypeCron, Expression: "0 9 * * *", Calendar: &trigger.CalendarRule{ID: "plant", On: trigger.OnWorkday}}
		j.CreatedAt, j.UpdatedAt = at-900, at-900
		schedule, err := j.Compile(parser)
		if err != nil {
			t.Fatal(err)
		}
		j.Plan(schedule, at)
		b.create(j)
	}
	next := func(id string) string {
		t.Helper()
		j, err := b.GetJob(t.Context(), id)
		if err != nil || j.NextRunAt == nil || *j.NextRunAt != *j.DueAt || j.Version != 1 {
			t.Fatal(j, err)
		}
		return j.NextRunAt.Time().Format("01-02 15:04")
	}
	if got := next("j0000"); got != "02-01 09:00" {
		t.Fatalf("the first working day is %s", got)
	}
	if err := b.DeleteCalendar(t.Context(), "plant", at); job.CodeOf(err) != job.CodeConflict || !strings.Contains(err.Error(), fmt.Sprint(many)) {
		t.Errorf("a calendar in use: %v", err)
	}

	// The Saturday becomes a working day, some hours before 9:00; the chore comes to it at noon.
	put(at+1000, trigger.CalendarSpec{Work: []trigger.CalendarDay{{Date: "2027-01-30"}}})
	plan(at.Add(12 * time.Hour))
	for i := range many {
		if got := next(fmt.Sprintf("j%04d", i)); got != "01-30 09:00" {
			t.Fatalf("job %d is planned for %s", i, got)
		}
	}
	if step, err := b.PlanCalendars(t.Context(), at.Add(12*time.Hour), ""); err != nil || !step.Done {
		t.Errorf("a chore that is done goes on: %+v, %v", step, err)
	}

	// It becomes a day off again after 9:00: what was due then, and nobody claimed, stays.
	put(at.Add(13*time.Hour), trigger.CalendarSpec{})
	plan(at.Add(13*time.Hour + 1000))
	if got := next("j0000"); got != "01-30 09:00" {
		t.Errorf("what was due is planned for %s", got)
	}
	// One that fell due after the change by the calendar before is accounted for when it goes.
	put(at-800, trigger.CalendarSpec{Off: []trigger.CalendarDay{{Date: "2027-02-01"}}})
	plan(at.Add(13*time.Hour + 2000))
	if got := next("j0001"); got != "02-02 09:00" {
		t.Errorf("planned for %s", got)
	}
	if got := b.tellRuns("j0001"); !strings.HasPrefix(got, "canceled(rescheduled)@") {
		t.Errorf("its account is %q", got)
	}
	list, err := b.ListCalendars(t.Context())
	if err != nil || len(list) != 3 || list[1].ID != "plant" || list[1].UsedBy != many {
		t.Errorf("got %+v, %v", list, err)
	}
}
