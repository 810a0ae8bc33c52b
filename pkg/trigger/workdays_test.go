package trigger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// modelZones are zones of every kind of change: whole hours, half hours, at midnight, days without a midnight, none.
var modelZones = []string{"UTC", "Asia/Shanghai", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "Europe/London", "America/New_York",
	"America/Los_Angeles", "America/Santiago", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland",
	"Pacific/Chatham", "Africa/Cairo", "Africa/Casablanca"}

// modelMoment is when a zone's clock shows a time of a day, worked out by package time alone, minute by minute: the first
// moment of that day that shows it, or, where the clock skips it, as much later as it skips.
func modelMoment(day time.Time, clock time.Duration, zone *time.Location) time.Time {
	want := day.Add(clock)
	for t := want.Add(-30 * time.Hour); t.Before(want.Add(30 * time.Hour)); t = t.Add(time.Minute) {
		local := t.In(zone)
		_, offset := local.Zone()
		shown := t.Add(time.Duration(offset) * time.Second)
		if shown.Equal(want) {
			return t
		}
		if shown.After(want) {
			_, before := t.Add(-time.Minute).In(zone).Zone()
			return want.Add(-time.Duration(before) * time.Second)
		}
	}
	panic("no such moment")
}

// modelCalendar is a calendar as a list of days.
func modelWorked(spec CalendarSpec, day time.Time) bool {
	within := func(list []CalendarDay) bool {
		return slices.ContainsFunc(list, func(d CalendarDay) bool {
			first, last, ok := strings.Cut(d.Date, "/")
			if !ok {
				last = first
			}
			date := day.Format(time.DateOnly)
			return date >= first && date <= last
		})
	}
	if within(spec.Work) {
		return true
	}
	if within(spec.Off) {
		return false
	}
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
}

var (
	modelFrom = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	modelTo   = time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
)

// walk lists what a schedule says for 2024 to 2028, without a few days at both ends.
func walk(t *testing.T, s *Schedule) []Instant {
	t.Helper()
	var list []Instant
	for at := InstantOf(modelFrom.AddDate(0, 0, 40)); ; {
		next, ok := s.Next(at)
		if !ok || next >= InstantOf(modelTo.AddDate(0, 0, -40)) {
			return list
		}
		if next <= at {
			t.Fatalf("%s does not lie after %s", next, at)
		}
		list = append(list, next)
		at = next
	}
}

func within(list []time.Time) []Instant {
	var kept []Instant
	for _, at := range list {
		if i := InstantOf(at); i > InstantOf(modelFrom.AddDate(0, 0, 40)) && i < InstantOf(modelTo.AddDate(0, 0, -40)) {
			kept = append(kept, i)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

func differ(t *testing.T, what string, got, want []Instant) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			show := func(list []Instant) string {
				if i < len(list) {
					return list[i].String()
				}
				return "nothing"
			}
			t.Fatalf("%s: the occurrence %d is %s, want %s", what, i, show(got), show(want))
		}
	}
}

// TestCalendarModel holds every shift of every kind of calendar against a model that goes day by day.
func TestCalendarModel(t *testing.T) {
	for z, name := range modelZones {
		random := rand.New(rand.NewPCG(uint64(z), 17))
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 6 {
			spec := BuiltInCalendars()["cn"]
			if round%2 == 1 {
				spec = drawnCalendar(random)
			}
			rule := CalendarRule{ID: "x", On: []string{OnWorkday, OnRestday}[random.IntN(2)], Otherwise: []string{"", OtherwiseNext, OtherwisePrevious}[round%3]}
			days, clocks, expression := drawnDaily(random)
			got := walk(t, parsedOn(t, spec, Spec{Type: TypeCron, Expression: expression, TimeZone: name, Calendar: &rule}))
			var want []time.Time
			for day := modelFrom; day.Before(modelTo); day = day.AddDate(0, 0, 1) {
				if !days(day) {
					continue
				}
				target := day
				fits := func() bool { return modelWorked(spec, target) == (rule.On == OnWorkday) }
				if rule.Otherwise == "" && !fits() {
					continue
				}
				for !fits() {
					target = target.AddDate(0, 0, map[string]int{OtherwiseNext: 1, OtherwisePrevious: -1}[rule.Otherwise])
				}
				for _, clock := range clocks {
					want = append(want, modelMoment(target, clock, zone))
				}
			}
			differ(t, fmt.Sprintf("%s %s %+v", name, expression, rule), got, within(want))
		}
	}
}

// drawnDaily draws a cron of some clock times on some days, neither in the hours in which clocks change.
func drawnDaily(random *rand.Rand) (days func(time.Time) bool, clocks []time.Duration, expression string) {
	hours := []int{4 + random.IntN(8), 12 + random.IntN(11)}
	minute := random.IntN(60)
	for _, hour := range hours {
		clocks = append(clocks, time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute)
	}
	clock := fmt.Sprintf("%d %d,%d", minute, hours[0], hours[1])
	switch random.IntN(3) {
	case 0:
		return func(time.Time) bool { return true }, clocks, clock + " * * *"
	case 1:
		weekday := random.IntN(7)
		return func(d time.Time) bool { return int(d.Weekday()) == weekday }, clocks, fmt.Sprintf("%s * * %d", clock, weekday)
	default:
		day := 1 + random.IntN(28)
		return func(d time.Time) bool { return d.Day() == day || d.Day() == 1 }, clocks, fmt.Sprintf("%s 1,%d * *", clock, day)
	}
}

func drawnCalendar(random *rand.Rand) (spec CalendarSpec) {
	for range 60 {
		day := modelFrom.AddDate(0, 0, random.IntN(1826))
		last := day.AddDate(0, 0, random.IntN(12))
		spec.Off = append(spec.Off, CalendarDay{Date: day.Format(time.DateOnly) + "/" + last.Format(time.DateOnly), Name: "off"})
		spec.Work = append(spec.Work, CalendarDay{Date: modelFrom.AddDate(0, 0, random.IntN(1826)).Format(time.DateOnly), Name: "work"})
	}
	return spec
}

func parsedOn(t *testing.T, calendar CalendarSpec, spec Spec) *Schedule {
	t.Helper()
	c, err := CompileCalendar("x", 1, calendar)
	if err != nil {
		t.Fatal(err)
	}
	p := Parser{Calendars: new(Calendars)}
	p.Calendars.Set(map[string]*Calendar{"x": c})
	s, err := p.Parse(spec, "job")
	if err != nil {
		t.Fatalf("%+v: %v", spec, err)
	}
	return s
}

// TestCalendarIntervalModel holds every period against a model that goes day by day, in the hours of the changes too.
func TestCalendarIntervalModel(t *testing.T) {
	for z, name := range modelZones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(uint64(z), 18))
		for unit, days := range modelPeriods(random) {
			clock := time.Duration(random.IntN(24*60)) * time.Minute
			start := modelFrom.AddDate(0, 0, random.IntN(400))
			n, overflow := 1+random.IntN(3), []string{"", OverflowLast, OverflowSkip}[random.IntN(3)]
			spec := Spec{Type: TypeCalendarInterval, TimeZone: name, Clock: fmt.Sprintf("%02d:%02d", int(clock.Hours()), int(clock.Minutes())%60)}
			weekdays := []time.Weekday(nil)
			switch unit {
			case "days":
				spec.Period.Days = n
			case "weeks":
				spec.Period.Weeks = n
				if random.IntN(2) == 0 {
					spec.Weekdays, weekdays = []string{"mon", "thu", "sun"}, []time.Weekday{time.Monday, time.Thursday, time.Sunday}
				}
			case "months":
				spec.Period.Months, spec.Overflow = n, overflow
				start = start.AddDate(0, 0, 31-start.Day()) // the end of a month
			case "years":
				n = 1
				spec.Period.Years, spec.Overflow = n, overflow
				start = time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
			}
			from := InstantOf(modelMoment(start, 0, zone))
			spec.StartAt = &from
			s, err := Parse(spec, "job")
			if err != nil {
				t.Fatalf("%+v: %v", spec, err)
			}
			var want []time.Time
			for _, day := range days(start, n, weekdays, overflow == OverflowSkip) {
				if at := modelMoment(day, clock, zone); InstantOf(at) >= from {
					want = append(want, at)
				}
			}
			differ(t, fmt.Sprintf("%s %+v from %s", name, spec, start.Format(time.DateOnly)), walk(t, s), within(want))
		}
	}
}

type modelPeriod func(start time.Time, n int, weekdays []time.Weekday, skip bool) []time.Time

// modelPeriods list the days of a series, each in the plainest way there is.
func modelPeriods(*rand.Rand) map[string]modelPeriod {
	months := func(start time.Time, n int, skip bool) (days []time.Time) {
		for i := 0; i < 12*6; i += n {
			first := time.Date(start.Year(), start.Month()+time.Month(i), 1, 0, 0, 0, 0, time.UTC)
			day := first.AddDate(0, 0, start.Day()-1)
			if day.Month() != first.Month() {
				if skip {
					continue
				}
				day = first.AddDate(0, 1, -1)
			}
			days = append(days, day)
		}
		return days
	}
	return map[string]modelPeriod{
		"days": func(start time.Time, n int, _ []time.Weekday, _ bool) (days []time.Time) {
			for day := start; day.Before(modelTo); day = day.AddDate(0, 0, n) {
				days = append(days, day)
			}
			return days
		},
		"weeks": func(start time.Time, n int, weekdays []time.Weekday, _ bool) (days []time.Time) {
			if weekdays == nil {
				weekdays = []time.Weekday{start.Weekday()}
			}
			monday := start
			for monday.Weekday() != time.Monday {
				monday = monday.AddDate(0, 0, -1)
			}
			for ; monday.Before(modelTo); monday = monday.AddDate(0, 0, 7*n) {
				for i := range 7 {
					if day := monday.AddDate(0, 0, i); !day.Before(start) && slices.Contains(weekdays, day.Weekday()) {
						days = append(days, day)
					}
				}
			}
			return days
		},
		"months": func(start time.Time, n int, _ []time.Weekday, skip bool) []time.Time { return months(start, n, skip) },
		"years": func(start time.Time, n int, _ []time.Weekday, skip bool) []time.Time {
			return months(start, 12*n, skip)
		},
	}
}

// TestMakeUpSaturday is the whole point: every working day at 9:00 in Shanghai.
func TestMakeUpSaturday(t *testing.T) {
	s, err := Parse(Spec{Type: TypeCron, Expression: "0 9 * * *", TimeZone: "Asia/Shanghai", Calendar: &CalendarRule{ID: "cn", On: OnWorkday}}, "job")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for at := moment("2026-09-17T12:00:00+08:00"); len(got) < 20; {
		next, ok := s.Next(at)
		if !ok {
			t.Fatal("no more")
		}
		note, _ := s.CalendarNote(next)
		got = append(got, strings.TrimSpace(next.Time().In(s.Location()).Format("01-02 15:04 ")+note))
		at = next
	}
	want := []string{"09-18 09:00", "09-20 09:00 workday:国庆节", "09-21 09:00", "09-22 09:00", "09-23 09:00", "09-24 09:00", "09-28 09:00", "09-29 09:00", "09-30 09:00",
		"10-08 09:00", "10-09 09:00", "10-10 09:00 workday:国庆节", "10-12 09:00", "10-13 09:00"}
	if !slices.Equal(got[:len(want)], want) {
		t.Errorf("got %v\nwant %v", got[:len(want)], want)
	}
	if text := s.Describe(English); text != "every working day (cn) at 09:00, Asia/Shanghai" {
		t.Errorf("got %q", text)
	}
	if text := s.Describe(Chinese); text != "每个工作日 09:00（cn 日历），Asia/Shanghai" {
		t.Errorf("got %q", text)
	}
	warned := func(now string) bool {
		return slices.ContainsFunc(s.Warnings(moment(now), 0), func(w Warning) bool { return w.Code == WarnCalendarEnds })
	}
	if warned("2026-01-02T00:00:00Z") || !warned("2026-12-20T00:00:00Z") || !warned("2027-05-01T00:00:00Z") {
		t.Error("calendar_ends is warned of when the calendar ends soon or has ended, and not before")
	}
}

func TestMovedFrom(t *testing.T) {
	s, err := Parse(Spec{Type: TypeCron, Expression: "0 9 1 10 *", TimeZone: "Asia/Shanghai", Calendar: &CalendarRule{ID: "cn", On: OnWorkday, Otherwise: OtherwiseNext}}, "job")
	if err != nil {
		t.Fatal(err)
	}
	next, ok := s.Next(moment("2026-09-01T00:00:00Z"))
	if note, from := s.CalendarNote(next); !ok || next != moment("2026-10-08T09:00:00+08:00") || note != "" || from != "2026-10-01" {
		t.Errorf("got %s %q %q", next, note, from)
	}
}

func TestCalendarRefusals(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"de","on":"workday"}`:                   "there is no calendar",
		`{"id":"cn"}`:                                  "calendar.on",
		`{"id":"cn","on":"holiday"}`:                   "workday or restday",
		`{"id":"cn","on":"workday","otherwise":"run"}`: "skip, next or previous",
		`{"id":"cn","on":"workday","more":1}`:          "calendar.more",
		`"cn"`:                                         "must be an object",
	} {
		_, _, err := readSpec(`{"type":"cron","expression":"@daily","calendar":`+text+`}`, 0)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	for _, spec := range []CalendarSpec{
		{Weekend: []string{"mon-sun"}}, {Weekend: []string{"sa"}}, {Off: []CalendarDay{{Date: "2026-13-01"}}}, {Off: []CalendarDay{{Date: "2026-02-01/2026-01-01"}}},
		{Work: []CalendarDay{{Date: "2026-01-01/2028-01-01"}}}, {Off: []CalendarDay{{Date: ""}}},
	} {
		if _, err := CompileCalendar("x", 1, spec); err == nil {
			t.Errorf("%+v: accepted", spec)
		}
	}
}

// TestOneDescriptionOneSchedule: schedules with the same words fire at the same moments, in both languages.
func TestOneDescriptionOneSchedule(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 3))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	type known struct{ expression, moments string }
	seen := map[string]known{}
	for range 6000 {
		expression := strings.Join([]string{
			pick("0", "0", "*/15", "30", "5,35", "10-20"), pick("0", "9", "*", "*/6", "8-17", "0,12"),
			pick("*", "1", "15", "1-31", "1,15", "L", "LW", "*/2", "1/1", "1-31/2", "15W", "1,*", "28-31"), pick("*", "*", "1", "1-6", "*/3"),
			pick("*", "1", "mon-fri", "0-6", "sun-sat", "mon-sun", "5L", "1#2", "0,6", "1,*", "*/2", "2-4"),
		}, " ")
		spec := Spec{Type: TypeCron, Expression: expression}
		if random.IntN(4) == 0 {
			spec.Calendar = &CalendarRule{ID: pick("cn", "weekdays"), On: pick(OnWorkday, OnRestday), Otherwise: pick("", OtherwiseNext, OtherwisePrevious)}
		}
		s, err := Parse(spec, "job")
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		var b strings.Builder
		at := moment("2026-01-01T00:00:00Z")
		for range 60 {
			next, ok := s.Next(at)
			if !ok {
				break
			}
			fmt.Fprintln(&b, next)
			at = next
		}
		for _, language := range []Language{English, Chinese} {
			words := s.Describe(language)
			if before, ok := seen[words]; ok && before.moments != b.String() {
				t.Errorf("%q and %q (%+v) are both described as %q", before.expression, expression, spec.Calendar, words)
			}
			seen[words] = known{expression, b.String()}
		}
	}
}

func TestPeriodRefusals(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"calendar_interval","at":"09:00"}`:                                         "every",
		`{"type":"calendar_interval","every":{"weeks":2}}`:                                  "at: is missing",
		`{"type":"calendar_interval","every":{"weeks":2,"days":1},"at":"09:00"}`:            "one of days",
		`{"type":"calendar_interval","every":{"weeks":0},"at":"09:00"}`:                     "every.weeks",
		`{"type":"calendar_interval","every":{"hours":2},"at":"09:00"}`:                     "every.hours",
		`{"type":"calendar_interval","every":{"months":1},"at":"25:00"}`:                    "not a time of day",
		`{"type":"calendar_interval","every":{"months":1},"at":"09:00","weekdays":["mon"]}`: "weekdays",
		`{"type":"calendar_interval","every":{"months":1},"at":"09:00","overflow":"first"}`: "last or skip",
		`{"type":"calendar_interval","every":"2w","at":"09:00"}`:                            "every",
		`{"type":"cron","expression":"@daily","weekdays":["mon"]}`:                          "weekdays",
		`{"type":"interval","every":{"weeks":2}}`:                                           "calendar_interval",
		`{"type":"date","at":"09:00"}`:                                                      "a time of day belongs",
	} {
		_, _, err := readSpec(text, 0)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// BenchmarkNextOnCalendar is what a calendar costs.
func BenchmarkNextOnCalendar(b *testing.B) {
	s, err := Parse(Spec{Type: TypeCron, Expression: "0 9 * * *", TimeZone: "Asia/Shanghai", Calendar: &CalendarRule{ID: "cn", On: OnWorkday, Otherwise: OtherwiseNext}}, "job")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	at := moment("2026-01-01T00:00:00Z")
	for b.Loop() {
		if next, ok := s.Next(at); ok && next < moment("2027-01-01T00:00:00Z") {
			at = next
		} else {
			at = moment("2026-01-01T00:00:00Z")
		}
	}
}
