package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
	"schedule-server/pkg/trigger"
)

// codesOf lists the codes of warnings.
func codesOf(list []trigger.Warning) []string {
	codes := []string{}
	for _, w := range list {
		codes = append(codes, w.Code)
	}
	return codes
}

// wantPast wants the warning about a date in the past, with what is to become of it.
func wantPast(t *testing.T, what string, list []trigger.Warning, fate string) {
	t.Helper()
	if len(list) != 1 || list[0].Code != trigger.WarnDateInPast {
		t.Errorf("%s: %+v", what, list)
		return
	}
	moment := (begin - 1000).Time().Format("2006-01-02 15:04:05 -07:00")
	if w := list[0]; !strings.HasPrefix(w.Message, moment) || !strings.Contains(w.Message, fate) || !strings.HasPrefix(w.MessageZH, moment) {
		t.Errorf("%s: %+v; want %s and %q", what, w, moment, fate)
	}
}

// Preview, answer and plan agree on what becomes of a date in the past, and say it.
func TestDateInThePast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	const at = begin - 1000
	schedule := `{"type":"date","at":"` + at.String() + `"}`
	var shown service.Preview
	w.call("POST", "/api/v1/schedules/preview", `{"schedule":`+schedule+`}`).is(200).into(&shown)
	if len(shown.Next) != 0 {
		t.Errorf("nothing comes after now: %+v", shown.Next)
	}
	wantPast(t, "a preview", shown.Warnings, "is called once, immediately")

	created := w.call("POST", "/api/v1/jobs", dateJob("d", at)).is(201)
	wantPast(t, "POST", created.job().Warnings, "the job is called once, immediately")
	if j := created.job(); j.Status != job.StatusActive || *j.NextRunAt != at {
		t.Errorf("it is planned for its moment: %+v", j)
	}
	wantPast(t, "GET", w.call("GET", "/api/v1/jobs/d", "").job().Warnings, "the job is called once, immediately")
	wantPast(t, "PUT", w.call("PUT", "/api/v1/jobs/d", created.body).is(200).job().Warnings, "the job is called once, immediately")
	strict := w.call("PATCH", "/api/v1/jobs/d", `{"policy":{"misfire_grace_time":"1s"}}`).is(200).job()
	if len(strict.Warnings) != 1 || !strings.Contains(strict.Warnings[0].Message, "the job is called once, immediately") {
		t.Errorf("within its grace: %+v", strict.Warnings)
	}
	w.pass(time.Millisecond)
	strict = w.call("GET", "/api/v1/jobs/d", "").is(200).job()
	wantPast(t, "beyond its grace", strict.Warnings, "it is recorded as missed, and nothing is called")
	if paused := w.call("PATCH", "/api/v1/jobs/d", `{"status":"paused"}`).is(200).job(); len(paused.Warnings) != 0 {
		t.Errorf("what was due is canceled by the pause: %+v", paused.Warnings)
	}
	paused := w.call("POST", "/api/v1/jobs", strings.Replace(dateJob("h", at), `"id":"h"`, `"id":"h","status":"paused"`, 1)).is(201).job()
	wantPast(t, "paused", paused.Warnings, "the job is paused")

	var dry service.Comparison
	w.call("PUT", "/api/v1/jobs/e", dateJob("e", begin+60_000)).is(201)
	w.call("PATCH", "/api/v1/jobs/e?dry_run=true", `{"schedule":`+schedule+`}`).is(200).into(&dry)
	wantPast(t, "a dry run", dry.Warnings, "the job is called once, immediately")
	if len(dry.After.Next) != 1 || dry.After.Next[0].At != at {
		t.Errorf("it shows what is to come: %+v", dry.After)
	}

	for _, query := range []string{"?dry_run=true", ""} {
		var done struct{ Warnings []importer.Warning }
		w.call("POST", "/api/v1/jobs/import"+query, `{"jobs":[`+dateJob("f", at)+`,`+dateJob("g", begin+60_000)+`]}`).is(200).into(&done)
		if len(done.Warnings) != 1 || done.Warnings[0].ID != "f" || !strings.Contains(done.Warnings[0].Message, "is called once, immediately") {
			t.Errorf("import%s: %+v", query, done)
		}
	}
	var list struct{ Jobs []map[string]json.RawMessage }
	w.call("GET", "/api/v1/jobs", "").is(200).into(&list)
	for _, j := range list.Jobs {
		if _, there := j["warnings"]; there {
			t.Errorf("lists have no warnings: %s", j["id"])
		}
	}
}

// What was dealt with is no warning any more, and what is in the future none at all.
func TestNoWarningOfOtherDates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	if j := w.call("POST", "/api/v1/jobs", dateJob("d", begin)).is(201).job(); j.Warnings == nil || len(j.Warnings) != 0 {
		t.Errorf("now: %+v", j.Warnings)
	}
	done := strings.Replace(dateJob("e", begin-1000), `"id":"e"`, `"id":"e","status":"completed"`, 1)
	w.call("POST", "/api/v1/jobs/import", `{"jobs":[`+done+`]}`).is(200)
	if j := w.call("GET", "/api/v1/jobs/e", "").is(200).job(); j.Status != job.StatusCompleted || len(j.Warnings) != 0 {
		t.Errorf("completed: %+v", j)
	}
	fast := strings.Replace(intervalJob, `"every":"10s"`, `"every":"1s"`, 1)
	if j := w.call("POST", "/api/v1/jobs", fast).is(201).job(); !slices.Equal(codesOf(j.Warnings), []string{trigger.WarnTimeout}) {
		t.Errorf("other warnings of the schedule: %+v", j.Warnings)
	}
}

// A job that an earlier version saved may have headers whose names differ only in case.
func TestTwinsOfAnOlderJobAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	_, _, err := w.store.ChangeJob(t.Context(), "a", w.clock, func(old *job.Job, _ job.Instant) (*job.Job, error) {
		j := *old
		j.Request.Headers = map[string]string{"Authorization": "NEW", "authorization": "OLD"}
		return &j, nil
	})
	must(t, err)
	j := w.call("GET", "/api/v1/jobs/a", "").is(200).job()
	if !slices.Equal(codesOf(j.Warnings), []string{job.WarnDuplicateHeader}) ||
		j.Warnings[0].Message != "the header authorization is not sent, because Authorization is the same header; keep one of them" {
		t.Errorf("%+v", j.Warnings)
	}
	w.call("POST", "/api/v1/jobs/a/pause", "").is(200)
	w.call("PATCH", "/api/v1/jobs/a", `{"name":"x"}`).problem(422, "invalid", "request.headers.authorization")
}
