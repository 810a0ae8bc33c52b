package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The examples of RFC 7386, appendix A, whose patch is an object.
func TestMergePatch(t *testing.T) {
	for _, one := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"n":1}`, `{"n":12345678901234567890.10}`, `{"n":12345678901234567890.10}`},
		{`{"a":[1]}`, `{"a":[null, {"b":null}]}`, `{"a":[null,{"b":null}]}`},
	} {
		var patch map[string]json.RawMessage
		if err := json.Unmarshal([]byte(one.patch), &patch); err != nil {
			t.Fatal(err)
		}
		got, err := mergePatch(json.RawMessage(one.target), patch)
		if err != nil {
			t.Fatal(err)
		}
		var have, want any
		if json.Unmarshal(got, &have) != nil || json.Unmarshal([]byte(one.want), &want) != nil || !cmp.Equal(have, want) {
			t.Errorf("%s with %s gives %s, want %s", one.target, one.patch, got, one.want)
		}
	}
}

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
