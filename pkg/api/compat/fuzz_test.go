package compat_test

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzAddJob: whatever is sent, the answer is one of the known ones, in JSON; never a 500 or a panic.
func FuzzAddJob(f *testing.F) {
	for _, body := range []string{
		`{"job_id":"a","url":"http://a.test/","year":2030,"month":"2","day":3.0,"hour":4,"minute":5,"second":true}`,
		`{"job_id":"","url":"http://a.test/%","hours":1e18,"minutes":-1,"seconds":"1_0"}`,
		`{"job_id":"a","url":"http://a.test/","second":"*/7","minute":"1,2-5/2","day":"last sun","day_of_week":"mon-fri","month":"feb"}`,
		`{"job_id":"\ud800","url":NaN,"hours":1e999,"second":[[{"a":Infinity}]]}`, `null`, ``, `{"job_id":`,
	} {
		f.Add(body, "application/json")
	}
	f.Add("a=\xff", "text/plain; x")
	b := setup(f)
	f.Fuzz(func(t *testing.T, body, contentType string) {
		for _, kind := range []string{"date", "interval", "cron"} {
			request := httptest.NewRequest("POST", "/scheduler/"+kind+"/add_job", strings.NewReader(body))
			if !strings.ContainsFunc(contentType, func(r rune) bool { return r < ' ' || r > '~' }) {
				request.Header.Set("Content-Type", contentType)
			}
			response, err := b.app.Test(request, -1)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(response.Body)
			response.Body.Close()
			switch response.StatusCode {
			case 200, 400, 413, 422:
			default:
				t.Fatalf("%s %q (%q) answers %d %s", kind, body, contentType, response.StatusCode, text)
			}
			if !json.Valid(text) {
				t.Fatalf("%s %q answers %q", kind, body, text)
			}
		}
		if r := b.call(t, "GET", "/scheduler/get_jobs", ""); r.StatusCode != 200 || !json.Valid([]byte(r.body)) {
			t.Fatalf("the list answers %d %s", r.StatusCode, r.body)
		}
		clear(b.jobs.jobs)
	})
}
