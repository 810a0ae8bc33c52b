package compat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// A date is there until its grace has run out, then unknown; paused it stays.
func TestDatesRunOut(t *testing.T) {
	b := setup(t)
	b.add(t, "date", `{"job_id":"d","url":"http://a.test/","year":2026,"month":11,"day":23,"hour":2,"minute":4,"second":50}`)
	at := *b.jobs.jobs["d"].NextRunAt
	b.now = at + 60_000
	if r := b.with(t, "GET", "get_job", "d"); !strings.Contains(r.body, `"next_run_time":"2026-11-23T02:04:50+00:00"`) {
		t.Errorf("at the end of its grace: %s", r.body)
	}
	b.now++
	for path, one := range map[string][2]string{
		"get_job": {"GET", unknown}, "remove_job": {"DELETE", `"code":"10010"`}, "pause_job": {"PUT", `"code":"10011"`},
		"resume_job": {"PUT", `"code":"10012"`}, "get_jobs": {"GET", `"total":0`},
	} {
		if r := b.with(t, one[0], path, "d"); r.StatusCode != 200 || !strings.Contains(r.body, one[1]) {
			t.Errorf("%s after its grace: %d %s", path, r.StatusCode, r.body)
		}
	}
	j := b.jobs.jobs["d"]
	j.Pause(nil, "")
	b.jobs.jobs["d"] = j
	if r := b.with(t, "GET", "get_jobs", "d"); !strings.Contains(r.body, `"status":"paused"`) {
		t.Errorf("paused: %s", r.body)
	}
}

// A completed job is not of this API, and remains for the native one.
func TestCompletedJobs(t *testing.T) {
	b := setup(t)
	b.add(t, "date", `{"job_id":"d","url":"http://a.test/","year":2027,"month":1,"day":1,"hour":0,"minute":0,"second":0}`)
	j := b.jobs.jobs["d"]
	j.Status, j.NextRunAt, j.DueAt = job.StatusCompleted, nil, nil
	b.jobs.jobs["d"] = j
	b.with(t, "DELETE", "remove_job", "d").want(t, 200, `{"success":false,"error":{"code":"10010","message":"删除Job ID不存在"},"data":{}}`)
	b.with(t, "PUT", "pause_job", "d").want(t, 200, `{"success":false,"error":{"code":"10011","message":"暂停Job ID不存在"},"data":{}}`)
	b.with(t, "PUT", "resume_job", "d").want(t, 200, `{"success":false,"error":{"code":"10012","message":"恢复Job ID不存在"},"data":{}}`)
	b.with(t, "GET", "get_job", "d").want(t, 200, unknown)
	if b.jobs.jobs["d"].Status != job.StatusCompleted {
		t.Error("the job is gone or changed")
	}
	b.add(t, "date", `{"job_id":"d","url":"http://a.test/","year":2028,"month":1,"day":1,"hour":0,"minute":0,"second":0}`)
	if r := b.with(t, "GET", "get_job", "d"); !strings.Contains(r.body, `"year":2028`) {
		t.Errorf("added again: %s", r.body)
	}
}

// Jobs of the native API are shown as truly as the form allows.
func TestNativeJobs(t *testing.T) {
	cron := func(values ...string) string {
		data, _ := json.Marshal(values)
		var out strings.Builder
		var list []string
		_ = json.Unmarshal(data, &list)
		for i, name := range []string{"year", "month", "day", "week", "day_of_week", "hour", "minute", "second"} {
			fmt.Fprintf(&out, `,%q:%q`, name, list[i])
		}
		return `{` + out.String()[1:] + `}`
	}
	at := trigger.InstantOf(time.Date(2030, 1, 2, 3, 4, 5, 53_000_000, time.UTC))
	for name, one := range map[string]struct {
		schedule trigger.Spec
		data     string
	}{
		"five fields": {trigger.Spec{Type: "cron", Expression: "*/5  2 * JAN\t5#2"}, cron("*", "JAN", "*", "*", "5#2", "2", "*/5", "0")},
		"six fields":  {trigger.Spec{Type: "cron", Expression: "30 0 12 L * ?"}, cron("*", "*", "L", "*", "?", "12", "0", "30")},
		"macro":       {trigger.Spec{Type: "cron", Expression: "@weekly"}, cron("*", "*", "*", "*", "0", "0", "0", "0")},
		"year given":  {trigger.Spec{Type: "cron", Fields: &trigger.Fields{Year: "2030", Day: "LAST"}}, cron("2030", "*", "last", "*", "*", "0", "0", "0")},
		"interval":    {trigger.Spec{Type: "interval", Every: job.Duration(90*24*time.Hour + 61500*time.Millisecond), Anchor: &at}, `{"hour":2160,"minute":1,"second":1.5}`},
		"short":       {trigger.Spec{Type: "interval", Every: job.Duration(1001 * time.Millisecond), Anchor: &at}, `{"hour":0,"minute":0,"second":1.001}`},
		"date":        {trigger.Spec{Type: "date", At: &at}, `{"year":2030,"month":1,"day":2,"hour":3,"minute":4,"second":5}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			if _, err := trigger.Parse(one.schedule, "n"); err != nil {
				t.Fatal(err)
			}
			b.jobs.jobs["n"] = job.Job{Definition: job.Definition{ID: "n", Name: "Nightly", Schedule: one.schedule,
				Request: job.Request{Method: "POST", URL: "http://a.test/"}, Policy: job.Policy{MisfireGraceTime: job.Unlimited}}, Status: job.StatusActive, NextRunAt: &at}
			want := `{"job_id":"n","name":"requests_url","type":"` + one.schedule.Type + `","data":` + one.data +
				`,"request_url":"http://a.test/","next_run_time":"2030-01-02T03:04:05.053000+00:00","status":"running"}`
			b.with(t, "GET", "get_job", "n").want(t, 200, strings.Replace(ok, "{}}", want+"}", 1))
			b.with(t, "GET", "get_jobs", "").want(t, 200, strings.Replace(ok, "{}}", `{"task_list":[`+want+`],"total":1}}`, 1))
		})
	}
}

// All pages are read, and a job that fires between them shows once, at its new place.
func TestGetJobsReadsAllPages(t *testing.T) {
	b := setup(t)
	for i := range 1203 {
		b.add(t, "interval", fmt.Sprintf(`{"job_id":"j%d","url":"http://a.test/","seconds":%d}`, i, 5000-i/2))
	}
	b.with(t, "PUT", "pause_job", "j7").want(t, 200, ok)
	b.jobs.pages = 0
	late := b.now + 6_000_000
	b.jobs.between = func() {
		j := b.jobs.jobs["j1202"] // the first of all
		j.NextRunAt = &late
		b.jobs.jobs["j1202"] = j
	}
	var list struct {
		Data struct {
			Tasks []struct {
				ID   string  `json:"job_id"`
				Next *string `json:"next_run_time"`
			} `json:"task_list"`
			Total int `json:"total"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(b.with(t, "GET", "get_jobs", "j").body), &list); err != nil {
		t.Fatal(err)
	}
	tasks := list.Data.Tasks
	// The cursor of memory counts places, so one job slips past it when j1202 leaves the first page; that of a database does not.
	if list.Data.Total != len(tasks) || len(tasks) < 1202 || b.jobs.pages != 3 {
		t.Errorf("total %d, listed %d, pages %d", list.Data.Total, len(tasks), b.jobs.pages)
	}
	last, seen := "", map[string]bool{}
	for i, one := range tasks[:len(tasks)-1] {
		if one.Next == nil || *one.Next < last || seen[one.ID] {
			t.Fatalf("%d: %s at %v after %s", i, one.ID, one.Next, last)
		}
		last, seen[one.ID] = *one.Next, true
	}
	if one := tasks[len(tasks)-2]; one.ID != "j1202" {
		t.Errorf("%s stands where the moved one belongs", one.ID)
	}
	if one := tasks[len(tasks)-1]; one.ID != "j7" || one.Next != nil {
		t.Errorf("the paused one is not the last: %+v", one)
	}
}

// The fields that a macro shows mean what it means.
func TestMacrosShowTheirFields(t *testing.T) {
	for _, name := range []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"} {
		b := setup(t)
		b.jobs.jobs["n"] = job.Job{Definition: job.Definition{ID: "n", Schedule: trigger.Spec{Type: "cron", Expression: name}}, Status: job.StatusActive}
		var one struct {
			Data struct {
				Data map[string]string `json:"data"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(b.with(t, "GET", "get_job", "n").body), &one); err != nil {
			t.Fatal(err)
		}
		f := one.Data.Data
		shown, err := trigger.Parse(trigger.Spec{Type: "cron", Expression: strings.Join(
			[]string{f["second"], f["minute"], f["hour"], f["day"], f["month"], f["day_of_week"]}, " ")}, "n")
		if err != nil {
			t.Fatalf("%s shows %v: %v", name, f, err)
		}
		meant, err := trigger.Parse(trigger.Spec{Type: "cron", Expression: name}, "n")
		if err != nil {
			t.Fatal(err)
		}
		a, _ := shown.Next(b.now)
		if m, _ := meant.Next(b.now); a != m {
			t.Errorf("%s shows %v: %s, not %s", name, f, a, m)
		}
	}
}

func TestQuery(t *testing.T) {
	b := setup(t)
	b.add(t, "interval", `{"job_id":"a b","url":"http://a.test/","seconds":5}`)
	for target, want := range map[string]string{
		"/scheduler/get_job?job_id=x&job_id=a+b":                  `"job_id":"a b"`,
		"/scheduler/get_job?other=1&job_id=a%20b&":                `"job_id":"a b"`,
		"/scheduler/get_job?job_id":                               `"code":"10013"`,
		"/scheduler/get_job?job_id=%00":                           `"code":"10013"`,
		"/scheduler/get_job?job_id=%ff":                           `"code":"10013"`,
		"/scheduler/get_job?JOB_ID=a":                             `"loc":["query","job_id"]`,
		"/scheduler/get_jobs?job_id=%00":                          `"task_list":[],"total":0`,
		"/scheduler/get_jobs?job_id=%zz":                          `"task_list":[],"total":0`,
		"/scheduler/get_jobs?job_id=a+b":                          `"total":1`,
		"/scheduler/get_jobs?job_id=":                             `"total":1`,
		"/scheduler/get_jobs?job_id=" + strings.Repeat("a", 3000): `"task_list":[],"total":0`,
	} {
		if r := b.call(t, "GET", target, ""); !strings.Contains(r.body, want) {
			t.Errorf("%.60s answers %d %s, want %s", target, r.StatusCode, r.body, want)
		}
	}
}
