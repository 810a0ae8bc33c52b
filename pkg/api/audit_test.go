package api

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"schedule-server/pkg/access"
)

// TestAudit changes jobs by every way in which they can be changed, and finds each change once.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.call("POST", v1+"/jobs", cronJob).is(201)
	w.key = w.makeKey(access.Admin).Text
	operator := w.makeKey(access.Write)
	w.pass(time.Minute)
	w.key, operator.Text = operator.Text, w.key // operator.Text is the admin's from here on
	w.call("PATCH", v1+"/jobs/a", `{"name":"new"}`, "X-Request-Id", "ticket-7").is(200)
	w.call("PATCH", v1+"/jobs/a?dry_run=true", `{"name":"other"}`).is(200)
	w.call("PATCH", v1+"/jobs/a", `{"name":7}`).is(422)
	w.call("POST", v1+"/jobs/a/pause", `{"reason":"x"}`).is(200)
	w.call("POST", v1+"/jobs/a/resume", "").is(200)
	w.call("POST", v1+"/jobs/a/run", "").is(202)
	w.call("PUT", "/scheduler/pause_job?job_id=a", "").is(200)
	w.call("POST", v1+"/jobs/bulk", `{"action":"tag","ids":["a"],"tag":"t"}`).is(200)
	w.call("POST", v1+"/jobs/import", `{"jobs":[`+cronJob+`]}`).is(200)
	w.call("DELETE", v1+"/jobs/a", "").is(204)
	w.call("GET", v1+"/audit", "").problem(403, "forbidden")

	w.key = operator.Text
	log := func(query string) []access.Entry {
		t.Helper()
		var page entryList
		w.call("GET", v1+"/audit"+query, "").is(200).into(&page)
		return page.Entries
	}
	var got []string
	for _, e := range log("?target=a") {
		got = append(got, e.Action+" by "+e.Actor.Name)
	}
	want := []string{"job.delete", "job.update", "job.update", "job.pause", "job.run", "job.resume", "job.pause", "job.update"}
	for i := range want {
		want[i] += " by the write"
	}
	want = append(want, "job.create by ")
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the log is\n%v, not\n%v", got, want)
	}
	first := log("?actor=" + operator.ID + "&action=job.update&limit=500")
	update := first[len(first)-1]
	if update.Address != "127.0.0.1" || update.RequestID != "ticket-7" || len(update.Diff) != 1 || update.Diff[0].Field != "name" ||
		string(update.Diff[0].After) != `"new"` || update.At != begin.Add(time.Minute) {
		t.Errorf("the update is %+v", update)
	}
	if created := log("?actor=anonymous"); len(created) != 2 || created[1].Action != access.ActionCreateJob {
		t.Errorf("an open server's log is %+v", created)
	}
	if late := log("?since=" + url.QueryEscape(begin.Add(time.Hour).String())); len(late) != 0 {
		t.Errorf("the future holds %v", late)
	}
	w.call("GET", v1+"/audit?cursor=x", "").problem(422, "invalid", "cursor")
	w.call("GET", v1+"/audit?limit=501&actors=x", "").problem(422, "invalid", "limit", "actors")
}
