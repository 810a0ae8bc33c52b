package trigger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// corpusLine is a line of any of the corpora in testdata.
type corpusLine struct {
	Fields    json.RawMessage   `json:"fields"`
	Expr      string            `json:"expr"`
	Timezone  string            `json:"timezone"`
	Start     time.Time         `json:"start"`
	StartDate time.Time         `json:"start_date"`
	Now       time.Time         `json:"now"`
	Next      []time.Time       `json:"next"`
	Canon     map[string]string `json:"canon"`
	Error     bool              `json:"error"`
	DST       bool              `json:"dst"`
}

func corpus(t *testing.T, name string, each func(t *testing.T, line corpusLine)) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var line corpusLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s:%d: %v", name, n, err)
		}
		each(t, line)
		if t.Failed() {
			t.Fatalf("%s:%d: %.400s", name, n, lines.Text())
		}
	}
}

// ceil turns a time into the first Instant at or after it.
func ceil(t time.Time) Instant { return InstantOf(t.Add(time.Millisecond - time.Nanosecond)) }

// expectRun checks the first occurrences at or after from. A corpus line with fewer than a dozen has no more.
func expectRun(t *testing.T, s *Schedule, from Instant, want []time.Time, complete bool) {
	t.Helper()
	got := []time.Time{}
	next, ok := s.First(from)
	for ; ok && len(got) < len(want); next, ok = s.Next(next) {
		got = append(got, next.Time())
	}
	if complete && len(want) < 12 && ok {
		t.Errorf("has a further occurrence at %v", next)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
}

func TestCorpusFields(t *testing.T) {
	var parser Parser
	corpus(t, "cron_fields.jsonl", func(t *testing.T, line corpusLine) {
		var s *Schedule
		var fields Fields
		err := json.Unmarshal(line.Fields, &fields)
		if err == nil {
			s, err = parser.Parse(Spec{Type: TypeCron, Fields: &fields, TimeZone: line.Timezone}, "id")
		}
		if line.Error {
			if err == nil {
				t.Error("must be refused")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		expectRun(t, s, ceil(line.Start), line.Next, true)
		canon, got := fields.Canon(), map[string]string{}
		for i, info := range fieldInfos {
			got[info.name] = *canon.member(i)
		}
		if diff := cmp.Diff(line.Canon, got); diff != "" {
			t.Errorf("canon (-want +got):\n%s", diff)
		}
	})
}

func TestCorpusCrontab(t *testing.T) {
	var parser Parser
	corpus(t, "crontab.jsonl", func(t *testing.T, line corpusLine) {
		s, err := parser.Parse(Spec{Type: TypeCron, Expression: line.Expr, TimeZone: line.Timezone}, "id")
		if line.Error {
			if err == nil {
				t.Error("must be refused")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		expectRun(t, s, InstantOf(line.Start)+1, line.Next, true)
	})
}

func TestCorpusInterval(t *testing.T) {
	corpus(t, "interval.jsonl", func(t *testing.T, line corpusLine) {
		var units map[string]int64
		if err := json.Unmarshal(line.Fields, &units); err != nil {
			t.Fatal(err)
		}
		sizes := map[string]time.Duration{
			"weeks": week, "days": day, "hours": time.Hour, "minutes": time.Minute, "seconds": time.Second,
		}
		every := time.Duration(0)
		for unit, n := range units {
			every += time.Duration(n) * sizes[strings.TrimSpace(unit)]
		}
		anchor := InstantOf(line.StartDate)
		// The original took an interval of nothing for one second.
		spec := Spec{Type: TypeInterval, Every: Duration(max(every, time.Second)), Anchor: &anchor, TimeZone: line.Timezone}
		s, err := Parse(spec, "id")
		if err != nil {
			t.Fatal(err)
		}
		expectRun(t, s, ceil(line.Now), line.Next, false) // the original stopped some of these at an end it did not record
	})
}
