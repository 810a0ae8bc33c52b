package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestHostilePatches(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	deep := func(opening, closing string) string {
		return strings.Repeat(opening, 9000) + `"` + strings.Repeat("y", 100_000) + `"` + strings.Repeat(closing, 9000)
	}
	var flat, headers strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&flat, `,"unknown%d":1`, i)
	}
	for i := range 60_000 {
		fmt.Fprintf(&headers, `,"X-%d":"1"`, i)
	}
	for what, one := range map[string]struct {
		patch string
		want  int
	}{
		"deep objects":     {deep(`{"x":`, "}"), 400},
		"deep lists":       {`{"x":` + deep("[", "]") + "}", 400},
		"unknown members":  {"{" + flat.String()[1:] + "}", 422},
		"headers":          {`{"request":{"headers":{` + headers.String()[1:] + "}}}", 422},
		"no end":           {`{"name":"\`, 400},
		"brackets in text": {`{"name":"` + strings.Repeat("[{", 50) + `"}`, 200},
	} {
		if a := w.call("PATCH", "/api/v1/jobs/i", one.patch); a.status != one.want {
			t.Errorf("%s: %d, want %d: %.200s", what, a.status, one.want, a.body)
		}
	}
}

// Patches of different members that come at once are all kept.
func TestPatchesAtOnce(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.call("POST", "/api/v1/jobs", intervalJob).is(201)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			w.call("PATCH", "/api/v1/jobs/i", fmt.Sprintf(`{"request":{"headers":{"X-Of-%d":"yes"}}}`, i)).is(200)
		})
	}
	all.Wait()
	var j struct {
		Request struct {
			Headers map[string]string `json:"headers"`
		} `json:"request"`
	}
	w.call("GET", "/api/v1/jobs/i", "").is(200).into(&j)
	if len(j.Request.Headers) != 12 {
		t.Errorf("kept are %v", j.Request.Headers)
	}
}
