package api

import (
	"encoding/json"
	"net/url"
	"testing"
)

// FuzzBodies sends hostile bodies: none may be answered with a 5xx or with something undocumented.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", "{", `{"schedule":{}}`, cronJob, intervalJob, dateJob("d", begin),
		`{"schedule":{"type":"cron","expression":"*/5 9-17 * * mon-fri","time_zone":"Europe/Berlin"},"count":3}`,
		`{"name":null,"policy":{"retry":{"max_attempts":5}},"request":{"headers":{"X-A":null}}}`,
		`{"status":"paused","paused_until":"2030-01-01T00:00:00Z","pause_reason":"x"}`,
		`{"until":"2030-01-01T00:00:00+14:00","reason":"x"}`, `{"resume_from":"now"}`, `{"force":true}`,
		`{"schedule":{"exclude":[{"dates":["2026-12-25"],"times":[{"from":"22:00","to":"06:00"}]},"sat,sun"]}}`,
		`{"schedule":{"type":"interval","every":"106751d","anchor":"9999-12-31T23:59:59Z"}}`,
		`{"tags":["b","a","a"],"request":{"url":"http://[::1]:99999/","body":{"a":[1]}}}`,
	} {
		f.Add(seed)
	}
	w := newWorld(f, worldOptions{})
	w.call("PUT", "/api/v1/jobs/i", intervalJob).is(201)
	f.Fuzz(func(t *testing.T, body string) {
		w.t = t
		for _, c := range [][2]string{
			{"POST", "/api/v1/jobs"}, {"PUT", "/api/v1/jobs/f"}, {"PATCH", "/api/v1/jobs/i?dry_run=true"}, {"PATCH", "/api/v1/jobs/i"},
			{"POST", "/api/v1/schedules/preview"}, {"POST", "/api/v1/jobs/i/pause"}, {"POST", "/api/v1/jobs/i/resume"},
			{"POST", "/scheduler/cron/add_job"}, {"POST", "/scheduler/interval/add_job"}, {"POST", "/scheduler/date/add_job"},
		} {
			a := w.call(c[0], c[1], body)
			if a.status >= 500 {
				t.Errorf("%s %s answers %d: %s", c[0], c[1], a.status, a.body)
			}
			if a.body != "" && !json.Valid([]byte(a.body)) {
				t.Errorf("%s %s answers what is no JSON: %s", c[0], c[1], a.body)
			}
		}
	})
}

// FuzzQuery sends hostile queries and paths.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "limit=1", "sort=-id&q=%25_", "cursor=e30", "tag=a&tag=b", "since=2026-01-01T00:00:00Z", "%zz", "a=%00", "job=%FF"} {
		f.Add(seed, "a%2Fb")
	}
	w := newWorld(f, worldOptions{})
	w.call("PUT", "/api/v1/jobs/i", intervalJob).is(201)
	f.Fuzz(func(t *testing.T, query, id string) {
		w.t = t
		for i := range len(query) {
			if query[i] <= ' ' || query[i] >= 0x7f || query[i] == '#' {
				t.Skip() // no client can send it
			}
		}
		for i := range len(id) {
			if id[i] <= ' ' || id[i] >= 0x7f || id[i] == '/' || id[i] == '?' || id[i] == '#' || id[i] == '%' && i+2 >= len(id) {
				t.Skip()
			}
		}
		for _, path := range []string{"/api/v1/jobs", "/api/v1/runs", "/api/v1/jobs/i/runs"} {
			if a := w.call("GET", path+"?"+query, ""); a.status >= 500 {
				t.Errorf("GET %s?%s answers %d: %s", path, query, a.status, a.body)
			}
		}
		if _, err := url.Parse(w.url + "/api/v1/jobs/" + id); err != nil {
			t.Skip()
		}
		if a := w.call("GET", "/api/v1/jobs/"+id, ""); a.status >= 500 {
			t.Errorf("GET of the id %q answers %d: %s", id, a.status, a.body)
		}
	})
}
