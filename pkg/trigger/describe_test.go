package trigger

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
)

// testdata/describe.jsonl is a table to read: schedules beside their descriptions.
func TestDescribe(t *testing.T) {
	file, err := os.Open("testdata/describe.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := json.NewDecoder(file)
	for n := 0; ; n++ {
		var line struct {
			Schedule json.RawMessage
			EN, ZH   string
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			if n < 90 {
				t.Errorf("only %d lines", n)
			}
			return
		} else if err != nil {
			t.Fatal(err)
		}
		var spec Spec
		if err := json.Unmarshal(line.Schedule, &spec); err != nil {
			t.Fatalf("%s: %v", line.Schedule, err)
		}
		s, err := Parse(spec, "job")
		if err != nil {
			t.Fatalf("%s: %v", line.Schedule, err)
		}
		if got := s.Describe(English); got != line.EN {
			t.Errorf("%s\n got %s\nwant %s", line.Schedule, got, line.EN)
		}
		if got := s.Describe(Chinese); got != line.ZH {
			t.Errorf("%s\n got %s\nwant %s", line.Schedule, got, line.ZH)
		}
		if s.Describe("tlh") != line.EN {
			t.Errorf("an unknown language must be English")
		}
	}
}
