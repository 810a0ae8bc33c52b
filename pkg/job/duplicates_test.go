package job_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"schedule-server/pkg/job"
)

func TestMembersThatStandTwice(t *testing.T) {
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf(`"H%d":"1"`, i)
	}
	for text, want := range map[string]string{
		`{"name":"a","name":"b"}`:                                      "name",
		`{"name":"a","n\u0061me":"b"}`:                                 "name",
		`{"schedule":{"every":"1s","type":"interval","every":"2s"}}`:   "schedule.every",
		`{"request":{"headers":{"A":"1","A":"2"}}}`:                    "request.headers.A",
		`{"request":{"body":{"x":[1,{"y":1,"y":2}]}}}`:                 "request.body.x[1].y",
		`{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}],"x":1,"d":""}`: "",
		`{"x":"x","y":"x","z":["x","x"]}`:                              "",
		`{"a\"b":1,"a\"b":2}`:                                          `a"b`,
		`{ "name" : "a" , "name" : "b" }`:                              "name",
		`{` + strings.Join(many, ",") + `,"H39":"2"}`:                  "H39",
		`{` + strings.Join(many, ",") + `}`:                            "",
	} {
		_, err := job.Members([]byte(text))
		got := strings.TrimSuffix(faultsOf(err), " duplicate")
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if _, err := decode(`{"id":"a","id":"b","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://a/"}}`); faultsOf(err) != "id duplicate" {
		t.Error(err)
	}
}

// What encoding/json writes of maps has no member twice, whatever is in it; and with one more copy of its first member it has.
func TestMembersOfAnyDocument(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		value := rapid.MapOfN(rapid.String(), rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())), 1, 30).Draw(r, "value")
		text, err := json.Marshal(value)
		if err != nil {
			r.Fatal(err)
		}
		if _, err := job.Members(text); err != nil {
			r.Fatalf("%s: %v", text, err)
		}
		for name, inner := range value {
			one, err := json.Marshal(map[string]any{name: inner})
			if err != nil {
				r.Fatal(err)
			}
			twice := string(one[:len(one)-1]) + "," + string(text[1:])
			if _, err := job.Members([]byte(twice)); !strings.HasSuffix(faultsOf(err), " duplicate") {
				r.Fatalf("%s: %v", twice, err)
			}
		}
	})
}
