package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"schedule-server/internal/race"
	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// TestReaders_SeeNoCredentials: below the scope write, headers and parameters that speak of credentials are redacted
// in every place that shows a request or an answer, and no search finds parts of them.
func TestReaders_SeeNoCredentials(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.key = w.makeKey(access.Admin).Text
	w.call("PUT", v1+"/jobs/a", `{"schedule":{"type":"interval","every":"1h"},"request":{
		"url":"https://user:hunter2@example.com/p?a=1&token=tok-4711&key=key-4711",
		"headers":{"X-Session":"bear-4711","X-Api-Key":"api-4711","X-Plain":"plain"},
		"auth":{"type":"oauth2","token_url":"https://auth.example.com/t?sig=sig-4711","client_id":"i","client_secret":"s3cr3t"}}}`).is(201)
	var run job.Run
	w.call("POST", v1+"/jobs/a/run", "").is(202).into(&run)
	secrets := []string{"hunter2", "tok-4711", "key-4711", "bear-4711", "api-4711", "sig-4711", "s3cr3t"}
	reader, runner := w.makeKey(access.Read).Text, w.makeKey(access.Run).Text
	for _, call := range [][3]string{
		{"GET", "/jobs/a", reader}, {"GET", "/jobs", reader}, {"GET", "/jobs?include=recent,description", reader}, {"GET", "/jobs/export", reader},
		{"GET", "/runs/" + run.ID, reader}, {"GET", "/runs", reader}, {"GET", "/jobs/a/runs", reader},
		{"GET", "/runs/" + run.ID, runner}, {"POST", "/jobs/a/run", runner},
	} {
		body := w.call(call[0], v1+call[1], "", "Authorization", "Bearer "+call[2]).body
		for _, secret := range secrets {
			if strings.Contains(body, secret) {
				t.Errorf("%s %s shows %s: %s", call[0], call[1], secret, body)
			}
		}
	}
	var shown job.Job
	w.call("GET", v1+"/jobs/a", "", "Authorization", "Bearer "+reader).is(200).into(&shown)
	if shown.Request.Headers["X-Plain"] != "plain" || shown.Request.Headers["X-Api-Key"] != job.Redacted || !strings.Contains(shown.Request.URL, "a=1") {
		t.Errorf("a reader sees %+v", shown.Request)
	}
	for _, text := range []string{"tok-4711", "tok-", "hunter", "key-47"} {
		for _, key := range []string{reader, w.key} {
			var list jobList
			w.call("GET", v1+"/jobs?q="+text, "", "Authorization", "Bearer "+key).is(200).into(&list)
			if len(list.Jobs) != 0 {
				t.Errorf("a search for %q finds it", text)
			}
		}
	}
	var list jobList
	w.call("GET", v1+"/jobs?q=example.com/p", "", "Authorization", "Bearer "+reader).is(200).into(&list)
	if len(list.Jobs) != 1 {
		t.Error("a search for the visible part finds nothing")
	}
	if body := w.call("GET", v1+"/jobs/a", "").is(200).body; !strings.Contains(body, "bear-4711") || !strings.Contains(body, "tok-4711") {
		t.Errorf("who may write sees %s", body)
	}
}

// TestRedacted_SentBack keeps what is stored, for the same destination only.
func TestRedacted_SentBack(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.key = w.makeKey(access.Admin).Text
	reader := w.makeKey(access.Read).Text
	const schedule = `"schedule":{"type":"interval","every":"1h"}`
	original := `"url":"https://example.com/p?token=tok-4711","headers":{"X-Api-Key":"api-4711"},"auth":{"type":"bearer","token":"bear-4711"}`
	w.call("PUT", v1+"/jobs/a", `{`+schedule+`,"request":{`+original+`}}`).is(201)
	exported := w.call("GET", v1+"/jobs/export", "", "Authorization", "Bearer "+reader).is(200).body

	// What a reader exported keeps what is there, and cannot be imported where it is not.
	w.call("POST", v1+"/jobs/import", exported).is(200)
	var kept job.Job
	w.call("GET", v1+"/jobs/a", "").is(200).into(&kept)
	if kept.Version != 1 || kept.Request.URL != "https://example.com/p?token=tok-4711" || kept.Request.Headers["X-Api-Key"] != "api-4711" {
		t.Errorf("after an import the request is %+v, version %d", kept.Request, kept.Version)
	}
	w.call("POST", v1+"/jobs/import", strings.ReplaceAll(exported, `"id":"a"`, `"id":"b"`)).is(422)
	w.call("PUT", v1+"/jobs/c", `{`+schedule+`,"request":{"url":"https://example.com/?token=redacted","headers":{"X-Api-Key":"[redacted]"}}}`).
		problem(422, "invalid", "request.url", "request.headers.X-Api-Key")

	// Nothing follows a job to another host, or to one that is checked less.
	for _, change := range []string{
		`{"url":"https://thief.example/"}`, `{"url":"https://example.com:8443/p"}`, `{"url":"http://example.com/p"}`, `{"insecure_tls":true}`,
		`{"url":"https://example.com.thief.example/p"}`, `{"url":"https://example.com@thief.example/p"}`,
	} {
		w.call("PATCH", v1+"/jobs/a", `{"request":`+change+`}`).problem(422, "invalid", "request.auth.token")
	}
	w.call("PATCH", v1+"/jobs/a", `{"request":{"url":"https://example.com/other?q={{ run_id }}"}}`).is(200)
	w.call("PATCH", v1+"/jobs/a", `{"request":{"url":"https://other.example/","auth":{"token":"new"}}}`).is(200)

	// Nor the client's secret to another server of tokens.
	w.call("PUT", v1+"/jobs/o", `{`+schedule+`,"request":{"url":"https://example.com/",
		"auth":{"type":"oauth2","token_url":"https://auth.example.com/t","client_id":"i","client_secret":"s"}}}`).is(201)
	w.call("PATCH", v1+"/jobs/o", `{"request":{"auth":{"token_url":"https://thief.example/t"}}}`).problem(422, "invalid", "request.auth.client_secret")
	w.call("PATCH", v1+"/jobs/o", `{"request":{"auth":{"token_url":"https://auth.example.com/v2"}}}`).is(200)
}

// TestLists_EndAtTheirSize: a page of large jobs ends before its limit, and the pages hold each job once.
func TestLists_EndAtTheirSize(t *testing.T) {
	if race.Enabled {
		t.Skip("with the race detector each call takes seconds; the run without it has this test")
	}
	w := newWorld(t, worldOptions{})
	const jobs, size = 12, 900 << 10
	for i := range jobs {
		w.call("PUT", fmt.Sprintf("%s/jobs/j%02d", v1, i), `{"schedule":{"type":"interval","every":"1h"},"request":{"method":"POST",
			"url":"https://example.com/","body":"`+strings.Repeat("x", size)+`"}}`).is(201)
	}
	for _, sort := range []string{"id", "-name", "next_run_at", "-updated_at"} {
		seen, pages := map[string]bool{}, 0
		for cursor := ""; ; pages++ {
			a := w.call("GET", v1+"/jobs?limit=500&sort="+sort+"&cursor="+cursor, "").is(200)
			if len(a.body) > 6<<20 {
				t.Fatalf("a page of %d bytes", len(a.body))
			}
			var page jobList
			a.into(&page)
			if page.Total != jobs {
				t.Errorf("the total is %d", page.Total)
			}
			for _, j := range page.Jobs {
				if seen[j.ID] {
					t.Errorf("%s: %s is listed twice", sort, j.ID)
				}
				seen[j.ID] = true
			}
			if page.NextCursor == nil {
				break
			}
			cursor = *page.NextCursor
		}
		if len(seen) != jobs || pages < 2 {
			t.Errorf("%s: %d jobs on %d pages", sort, len(seen), pages+1)
		}
	}
	var all struct{ Jobs []json.RawMessage }
	w.call("GET", v1+"/jobs/export", "").is(200).into(&all)
	if len(all.Jobs) != jobs {
		t.Errorf("%d jobs are exported", len(all.Jobs))
	}
}
