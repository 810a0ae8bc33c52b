package trigger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exercise asks a schedule everything and checks what must hold of any.
func exercise(t *testing.T, s *Schedule) {
	t.Helper()
	for _, from := range []Instant{MinInstant, 0, 1_793_000_000_000, 4_107_542_400_000, MaxInstant - 86_400_000} {
		at, ok := s.Next(from)
		for i := 0; ok && i < 5; i++ {
			if at <= from || at < s.start || at > s.end {
				t.Fatalf("Next(%v) = %v", from, at)
			}
			if same, ok := s.First(at); !ok || same != at {
				t.Fatalf("First(%v) = %v", at, same)
			}
			s.Note(at)
			from = at
			at, ok = s.Next(from)
		}
	}
	if s.Describe(English) == "" || s.Describe(Chinese) == "" {
		t.Fatal("no words")
	}
	s.Warnings(1_793_000_000_000, 30*time.Second)
}

func checkErrors(t *testing.T, err error) {
	t.Helper()
	found := AsErrors(err)
	if len(found) == 0 {
		t.Fatalf("%v is no Errors", err)
	}
	for _, one := range found {
		if one.Field == "" || one.Code == "" || one.Message == "" || len(one.Message) > 600 {
			t.Fatalf("%+v", one)
		}
	}
}

func FuzzCrontab(f *testing.F) {
	for _, seed := range []string{"* * * * *", "*/7 0-5,9 L-3W 1-12/5 5#2,friL", "H H(0-3)/2 * * ?", "@daily", "TZ=UTC * * * * *", "59 59 23 31 12 7", "0 0 29 2 1", "5/15 22-23 15W nov-feb sat-mon"} {
		f.Add(seed, "America/New_York")
	}
	f.Add("0 0 31 2 *", "Pacific/Apia")
	var parser Parser
	f.Fuzz(func(t *testing.T, expression, zone string) {
		s, err := parser.Parse(cronSpec(expression, zone), expression)
		if err != nil {
			checkErrors(t, err)
			return
		}
		exercise(t, s)
	})
}

func FuzzFields(f *testing.F) {
	f.Add("*", "*", "2nd fri,last", "*", "mon-fri", "*/3", "5/7", "0")
	f.Add("2026-2030/2", "feb", "29", "53", "6", "", "", "")
	f.Add("*/2", "6", "*", "53", "*", "*", "*", "*")
	var parser Parser
	f.Fuzz(func(t *testing.T, year, month, day, week, weekday, hour, minute, second string) {
		fields := Fields{year, month, day, week, weekday, hour, minute, second}
		s, err := parser.Parse(Spec{Type: TypeCron, Fields: &fields, TimeZone: "Europe/Dublin"}, "id")
		canon := fields.Canon()
		if err != nil {
			checkErrors(t, err)
			return
		}
		exercise(t, s)
		if again := canon.Canon(); again != canon {
			t.Fatalf("%+v becomes %+v", canon, again)
		}
		same, err := parser.Parse(Spec{Type: TypeCron, Fields: &canon, TimeZone: "Europe/Dublin"}, "id")
		if err != nil {
			t.Fatal(err)
		}
		a, aok := s.Next(0)
		b, bok := same.Next(0)
		if a != b || aok != bok {
			t.Fatalf("%+v fires at %v, its canonical form at %v", fields, a, b)
		}
	})
}

func FuzzSpecJSON(f *testing.F) {
	f.Add(`{"type":"cron","expression":"0 2 * * *","time_zone":"Asia/Shanghai","exclude":["sat,sun",{"name":"x","dates":["12-25","2026-01-01/2026-02-01"],"times":[{"from":"22:00","to":"06:00"}]}]}`)
	f.Add(`{"type":"interval","every":"1h30m","anchor":"2026-11-18T07:00:00Z","start_at":null,"end_at":"9999-12-31T00:00:00Z"}`)
	f.Add(`{"type":"date","at":"2026-11-18T07:00:00+08:00"}`)
	f.Add(`{"type":"cron","fields":{"minute":5,"day":"last"},"exclude":["mon-sun"]}`)
	var parser Parser
	f.Fuzz(func(t *testing.T, data string) {
		var spec Spec
		if err := json.Unmarshal([]byte(data), &spec); err != nil {
			return
		}
		out, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var again Spec
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		twice, _ := json.Marshal(again)
		if diff := cmp.Diff(string(out), string(twice)); diff != "" {
			t.Fatal(diff)
		}
		s, err := parser.Parse(spec, "id")
		if err != nil {
			checkErrors(t, err)
			return
		}
		exercise(t, s)
	})
}

// dearest are the inputs that cost the most: no one may take 10 ms in one step.
func dearest() map[string]Spec {
	days := make([]string, 0, 366)
	for d := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == 2024; d = d.AddDate(0, 0, 1) {
		days = append(days, d.Format("01-02"))
	}
	var rules []Exclusion
	for range maxExclusions {
		rules = append(rules, Exclusion{Dates: days[:5], Times: []TimeRange{{"01:00", "02:00"}}})
	}
	rules[maxExclusions-1] = Exclusion{Times: []TimeRange{{"00:00", "24:00"}}, Dates: []string{"01-01/12-31"}}
	return map[string]Spec{
		"long_list":        cronSpec(strings.Repeat("*/1,", 253)+"* * * * *", "UTC"),
		"every_day_out":    {Type: TypeCron, Expression: "* * * * * *", TimeZone: "America/New_York", Exclude: []Exclusion{{Dates: days}}},
		"hundred_rules":    {Type: TypeCron, Expression: "* * * * * *", TimeZone: "America/New_York", Exclude: rules},
		"never_in_week_53": {Type: TypeCron, Fields: &Fields{Year: "*/2", Month: "2-11", Week: "53", Day: "*"}, TimeZone: "America/New_York"},
		"far_year":         {Type: TypeCron, Fields: &Fields{Year: "9998", Month: "2", Day: "28"}, TimeZone: "America/New_York"},
		"odd_leap_years":   {Type: TypeCron, Fields: &Fields{Year: "1971-9999/2", Month: "2", Day: "29"}, TimeZone: "America/New_York"},
	}
}

func TestDearest(t *testing.T) {
	for name, spec := range dearest() {
		t.Run(name, func(t *testing.T) { exercise(t, mustParse(t, spec)) })
	}
}

func BenchmarkDearest(b *testing.B) {
	var parser Parser
	for name, spec := range dearest() {
		b.Run(name+"/parse", func(b *testing.B) {
			for b.Loop() {
				if _, err := parser.Parse(spec, "id"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/next", func(b *testing.B) {
			s := mustParse(b, spec)
			for b.Loop() {
				s.Next(0)
			}
		})
	}
}
