package trigger

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nights are one line for each rule of the clock: what a schedule does after a moment, in local time, with its notes.
func TestNights(t *testing.T) {
	for _, one := range []struct {
		expression, zone, after string
		want                    string
	}{
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "29 03:30 dst_gap, 30 02:30, 31 02:30"},
		{"30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "29 03:30, 30 02:30, 30 03:30"},
		{"15 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "29 03:15, 30 03:15, 31 03:15"},
		{"45 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "25 02:45 dst_fold, 26 02:45, 27 02:45"},
		{"45 * * * *", "Europe/Berlin", "2026-10-24T23:50:00Z", "25 02:45 dst_fold, 25 02:45 dst_fold, 25 03:45"},
		{"*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "30 02:00, 30 02:30, 31 02:00"},
		{"0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "29 03:00 dst_gap, 29 03:30 dst_gap, 30 02:00"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "04 02:45 dst_gap, 05 02:15, 06 02:15"},
		{"15,45 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "04 02:45, 05 02:15, 05 02:45"},
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "05 01:45 dst_fold, 06 01:45, 07 01:45"},
		{"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "04 01:00 dst_gap, 05 00:00, 06 00:00"},
		{"30 23 * * *", "America/Sao_Paulo", "2019-02-16T12:00:00Z", "16 23:30 dst_fold, 17 23:30, 18 23:30"},
		{"0 10 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", "29 10:00, 31 10:00, 01 10:00"},
		{"0 10 30 * *", "Pacific/Apia", "2011-12-01T12:00:00Z", "31 10:00 dst_gap, 30 10:00, 30 10:00"},
		{"0 */6 30 12 *", "Pacific/Apia", "2011-12-01T12:00:00Z", "30 00:00, 30 06:00, 30 12:00"},
		{"30 1 * 10 *", "Europe/Dublin", "2026-10-24T12:00:00Z", "25 01:30 dst_fold, 26 01:30, 27 01:30"},
	} {
		s := mustParse(t, cronSpec(one.expression, one.zone))
		at := instant(t, one.after)
		var got []string
		for range 3 {
			next, ok := s.Next(at)
			if !ok {
				t.Fatal(one)
			}
			got = append(got, strings.TrimSpace(next.Time().In(s.Location()).Format("02 15:04 ")+s.Note(next)))
			at = next
		}
		if diff := cmp.Diff(one.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", one.expression, one.zone, diff)
		}
	}
}

func TestBounds(t *testing.T) {
	start, end := instant(t, "2026-01-01T09:00:00Z"), instant(t, "2026-01-03T09:00:00Z")
	spec := cronSpec("0 9 * * *", "")
	spec.StartAt, spec.EndAt = &start, &end
	s := mustParse(t, spec)
	if first, ok := s.First(MinInstant); !ok || first != start {
		t.Errorf("first %v: both bounds belong to it", first)
	}
	if n, last := s.Through(start, MaxInstant, 100); n != 3 || last != end {
		t.Errorf("%d, %v", n, last)
	}
	if next, ok := s.Next(end); ok {
		t.Errorf("%v after the end", next)
	}
	anchor := instant(t, "2026-01-01T00:00:00.500Z")
	interval := Spec{Type: TypeInterval, Every: Duration(7 * time.Hour), Anchor: &anchor, StartAt: &start, EndAt: &end}
	s = mustParse(t, interval)
	if first, _ := s.First(MinInstant); first != anchor+14*3600_000 {
		t.Errorf("a start must not shift the phase: %v", first)
	}
	date := Spec{Type: TypeDate, At: &anchor, StartAt: &start}
	if next, ok := mustParse(t, date).First(MinInstant); ok {
		t.Errorf("a date before its start: %v", next)
	}
	date.StartAt = nil
	s = mustParse(t, date)
	if next, ok := s.Next(anchor - 1); !ok || next != anchor {
		t.Errorf("%v, %v", next, ok)
	}
	if next, ok := s.Next(anchor); ok {
		t.Errorf("a date comes once, not again at %v", next)
	}
	if n, last := s.Through(anchor, anchor-1, 5); n != 0 || last != anchor {
		t.Errorf("%d, %v", n, last)
	}
}

// The ends of time are answers, not overflows.
func TestEnds(t *testing.T) {
	for _, zone := range []string{"UTC", "Pacific/Kiritimati", "America/New_York"} {
		s := mustParse(t, cronSpec("* * * * * *", zone))
		if next, ok := s.Next(-1 << 63); !ok || next < MinInstant {
			t.Errorf("%s: %v, %v", zone, next, ok)
		}
		for _, after := range []Instant{1<<63 - 1, MaxInstant, MaxInstant - 999} {
			if next, ok := s.Next(after); ok {
				t.Errorf("%s: %v after %v", zone, next, after)
			}
		}
	}
	anchor := MinInstant
	s := mustParse(t, Spec{Type: TypeInterval, Every: 9223372036854 * 1_000_000, Anchor: &anchor})
	n := 0
	for at, ok := s.First(-1 << 63); ok; at, ok = s.Next(at) {
		n++
	}
	if n != 35 { // 292 years apart in 9999
		t.Errorf("%d occurrences", n)
	}
}

// What never fires is found so with little work, whatever the reason.
func TestNever(t *testing.T) {
	all := []Exclusion{{Weekdays: []string{"mon-sun"}}}
	for _, spec := range []Spec{
		cronSpec("0 0 31 2 *", "America/New_York"),
		cronSpec("0 0 30 2 *", "UTC"),
		cronSpec("* * * * * *", "Europe/Berlin"),
		cronSpec("30 2 * * *", "Europe/Berlin"),
		{Type: TypeCron, Fields: &Fields{Day: "1st tue", DayOfWeek: "*/4"}, TimeZone: "Australia/Lord_Howe"},
		{Type: TypeCron, Fields: &Fields{Year: "2010"}},
		{Type: TypeCron, Fields: &Fields{Week: "53", Month: "6"}, TimeZone: "Asia/Gaza"},
		{Type: TypeCron, Fields: &Fields{Week: "20", Day: "29", Month: "2"}},
	} {
		if spec.Expression != "" && !strings.HasPrefix(spec.Expression, "0 0") {
			spec.Exclude = all
		}
		s := mustParse(t, spec)
		if next, ok := s.Next(instant(t, "2021-03-01T00:00:00Z")); ok {
			t.Errorf("%+v fires at %v", spec, next)
		}
	}
	// The rarest: 29 February on a Monday, across 2100, which is no leap year.
	s := mustParse(t, Spec{Type: TypeCron, Fields: &Fields{Month: "2", Day: "29", DayOfWeek: "mon"}})
	var years []int
	for at, ok := s.Next(instant(t, "2080-01-01T00:00:00Z")); ok && len(years) < 3; at, ok = s.Next(at) {
		years = append(years, at.Time().Year())
	}
	var want []int
	for year := 2080; len(want) < 3; year++ {
		if d := time.Date(year, 2, 29, 0, 0, 0, 0, time.UTC); d.Day() == 29 && d.Weekday() == time.Monday {
			want = append(want, year)
		}
	}
	if diff := cmp.Diff(want, years); diff != "" {
		t.Error(diff)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	spec := cronSpec("*/5 9-17 * * 1-5", "America/New_York")
	spec.Exclude = []Exclusion{{Dates: []string{"12-25"}}, {Times: []TimeRange{{"12:00", "13:00"}}}}
	s := mustParse(t, spec)
	at := Instant(0)
	if n := testing.AllocsPerRun(1000, func() { at, _ = s.Next(at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestExclusions(t *testing.T) {
	for _, one := range []struct {
		exclude Exclusion
		want    string
	}{
		{Exclusion{Weekdays: []string{"sat-sun"}}, "2026-12-24 2026-12-25 2026-12-28"},
		{Exclusion{Dates: []string{"12-25"}}, "2026-12-24 2026-12-26 2026-12-27"},
		{Exclusion{Dates: []string{"2026-12-25/2026-12-31", "2027-01-01"}}, "2026-12-24 2027-01-02 2027-01-03"},
		{Exclusion{Dates: []string{"12-24/01-02"}}, "2027-01-03 2027-01-04 2027-01-05"},
		{Exclusion{Dates: []string{"12-24/01-02"}, Weekdays: []string{"fri"}}, "2026-12-24 2026-12-26 2026-12-27"},
		{Exclusion{Times: []TimeRange{{"09:00", "09:01"}}, Weekdays: []string{"thu"}}, "2026-12-25 2026-12-26 2026-12-27"},
		{Exclusion{Times: []TimeRange{{"22:00", "09:00"}}}, "2026-12-24 2026-12-25 2026-12-26"},
		{Exclusion{Times: []TimeRange{{"22:00", "09:00:01"}}, Dates: []string{"2026-12-24"}}, "2026-12-25 2026-12-26 2026-12-27"},
	} {
		spec := cronSpec("0 9 * * *", "Asia/Shanghai")
		spec.Exclude = []Exclusion{one.exclude}
		s := mustParse(t, spec)
		at := instant(t, "2026-12-23T12:00:00Z")
		var got []string
		for range 3 {
			at, _ = s.Next(at)
			got = append(got, at.Time().Format(time.DateOnly))
		}
		if diff := cmp.Diff(one.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", one.exclude, diff)
		}
	}
}

func TestWarnings(t *testing.T) {
	now := instant(t, "2026-11-18T07:00:00Z")
	for expression, want := range map[string]string{
		"0 9 * * *":                   "",
		"*/15 * * * *":                "",
		"*/7 * * * *":                 WarnUneven,
		"0 0 31 2 *":                  WarnNeverFires,
		"0 0 29 2 *":                  WarnLeapYears,
		"0 0 31 * *":                  WarnShortMonths,
		"30 2 * * *":                  WarnGap,
		"*/10 2 * * *":                WarnGap,
		"*/10 * * * * *":              WarnTimeout,
		"5/15 * * * *":                WarnOpenStep,
		"*/90 * * * *":                WarnWideStep,
		"0 0 * * sat-sun":             WarnWraps,
		"0 0 13 * 5":                  WarnEitherDay,
		"0 0 */2 * 5":                 WarnUneven + " " + WarnStarDay,
		"0 0 12 ? * 2-6":              WarnQuartzWeekday,
		"0 0 12 ? * MON-FRI":          "",
		"H H * * *":                   "",
		"0 0 * * */2":                 WarnUneven,
		"0 0 1 nov-feb *":             WarnWraps,
		"0 0 L * *":                   "",
		"0 0 28 * *":                  "",
		"59 59 23 31 12 *":            "",
		"30 2 8-14 3 sun":             WarnGap + " " + WarnEitherDay,
		"0 0 29 2 1,2,3,4,5,6,0":      WarnEitherDay,
		"30 2 * 4-12 *":               "",
		"15,45 * * * * mon":           "",
		"0 0,12 * * * mon-fri":        "",
		"0 0 1 jan,apr,jul,oct *":     "",
		"0 0 30 1-12 *":               WarnShortMonths,
		"*/2 * * * *":                 "",
		"0 */5 * * *":                 WarnUneven,
		"0 0 1 */5 *":                 WarnUneven,
		"1-59/2 * * * *":              "",
		"0-59/7 * * * *":              WarnUneven,
		"0 0 1 1 1#1":                 WarnEitherDay,
		"0 3 * * *":                   "",
		"0 0 1,31 * *":                "",
		"0 0 * * 5L":                  "",
		"0 0 12 ? * 6L":               WarnQuartzWeekday,
		"0 0 12 ? * FRIL":             "",
		"*/30 * * * * ?":              "",
		"*/20 * * * * ?":              WarnTimeout,
		"0 1,2 * * *":                 WarnGap,
		"0 0 */3 * *":                 WarnUneven,
		"0 22 * * fri-mon":            WarnWraps,
		"@hourly":                     "",
		"0/5 * * * *":                 WarnOpenStep,
		"0 0 * * 1/2":                 WarnOpenStep,
		"10-20/30 * * * *":            WarnWideStep,
		"0 0 1 * ?":                   "",
		"0 0 15W * *":                 "",
		"0 0 31 1,3,5,7,8,10,12 *":    "",
		"0 0 31 1,3,5,7,8,10,11,12 *": WarnShortMonths,
	} {
		s := mustParse(t, cronSpec(expression, "America/New_York"))
		var got []string
		for _, w := range s.Warnings(now, 30*time.Second) {
			got = append(got, w.Code)
			if w.Message == "" || w.MessageZH == "" {
				t.Errorf("%s: %+v", expression, w)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", expression, got, want)
		}
	}
	past := now - 1
	date := Spec{Type: TypeDate, At: &past}
	date.TimeZone = "Asia/Shanghai"
	got := mustParse(t, date).Warnings(now, 0)
	if moment := past.Time().In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04:05 -07:00"); len(got) != 1 || got[0].Code != WarnDateInPast ||
		!strings.HasPrefix(got[0].Message, moment+" is in the past") || !strings.HasPrefix(got[0].MessageZH, moment+" 已经过去") {
		t.Errorf("%v", got)
	}
	date.Exclude = []Exclusion{{Dates: []string{past.Time().In(time.FixedZone("", 8*3600)).Format(time.DateOnly)}}}
	if got := mustParse(t, date).Warnings(now, 0); len(got) != 1 || got[0].Code != WarnNeverFires {
		t.Errorf("a date that is excluded never fires: %v", got)
	}
	if got := mustParse(t, Spec{Type: TypeInterval, Every: Duration(time.Hour), Anchor: &past, EndAt: &past}).Warnings(now, 0); len(got) != 1 || got[0].Code != WarnNoMore {
		t.Errorf("%v", got)
	}
	interval := Spec{Type: TypeInterval, Every: Duration(10 * time.Second), Anchor: &past}
	if got := mustParse(t, interval).Warnings(now, 30*time.Second); len(got) != 1 || got[0].Code != WarnTimeout {
		t.Errorf("%v", got)
	}
}
