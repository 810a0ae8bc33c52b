package trigger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawList draws a list of *, */n, a, a-b, a-b/n within the bounds, valid in both dialects.
func drawList(t *rapid.T, label string, low, high int, star int) string {
	if rapid.IntRange(0, 99).Draw(t, label+" star") < star {
		return "*"
	}
	elements := make([]string, rapid.IntRange(1, 3).Draw(t, label+" count"))
	for i := range elements {
		a := rapid.IntRange(low, high).Draw(t, label)
		b := rapid.IntRange(a, high).Draw(t, label+" end")
		switch rapid.IntRange(0, 9).Draw(t, label+" form") {
		case 0:
			elements[i] = fmt.Sprintf("*/%d", rapid.IntRange(1, high-low).Draw(t, label+" step"))
		case 1, 2:
			elements[i] = fmt.Sprintf("%d-%d", a, b)
		case 3:
			if b > a {
				elements[i] = fmt.Sprintf("%d-%d/%d", a, b, rapid.IntRange(1, b-a).Draw(t, label+" step"))
				break
			}
			fallthrough
		default:
			elements[i] = fmt.Sprint(a)
		}
	}
	return strings.Join(elements, ",")
}

var (
	drawnDays     = []string{"*", "L", "L-2", "LW", "15W", "1W", "31W", "13", "1-7", "*/2", "?", "1,L", "30,LW", "31"}
	drawnWeekdays = []string{"*", "5", "fri", "mon-fri", "0", "7", "5L", "friL", "5#2", "sun#1", "1#5", "*/2", "?", "6-7", "2,4L", "sat,sun"}
	drawnPlaces   = []string{"*", "last", "2nd fri", "last sun", "5th mon", "13", "1-7", "*/3", "1st mon,last", "31", "last wed,15"}
	drawnNames    = []string{"*", "0", "6", "mon-fri", "sun", "sat,sun", "*/2", "1-5", "2-6/3"}
)

// drawCron draws a cron of either dialect, and the same as the model reads it. dates says how much the days vary.
func drawCron(t *rapid.T, dates bool) (Spec, *modelCron) {
	m := &modelCron{texts: [fieldCount]string{"*", "*", "*", "*", "*", "0", "0", "0"}}
	m.texts[atHour] = drawList(t, "hour", 0, 23, 35)
	m.texts[atMinute] = drawList(t, "minute", 0, 59, 15)
	if rapid.IntRange(0, 3).Draw(t, "with seconds") == 0 {
		m.texts[atSecond] = drawList(t, "second", 0, 59, 10)
	}
	if rapid.Bool().Draw(t, "fields") {
		m.dialect = apscheduler
	}
	if dates {
		m.texts[atMonth] = drawList(t, "month", 1, 12, 40)
		m.texts[atDay] = rapid.SampledFrom(drawnDays).Draw(t, "day")
		m.texts[atDayOfWeek] = rapid.SampledFrom(drawnWeekdays).Draw(t, "weekday")
		if m.dialect == apscheduler {
			m.texts[atDay] = rapid.SampledFrom(drawnPlaces).Draw(t, "day")
			m.texts[atDayOfWeek] = rapid.SampledFrom(drawnNames).Draw(t, "weekday")
			m.texts[atWeek] = drawList(t, "week", 1, 53, 70)
			m.texts[atYear] = rapid.SampledFrom([]string{"*", "*/2", "2019-2024", "2020", "2000-2099/3"}).Draw(t, "year")
		}
	}
	spec := Spec{Type: TypeCron}
	if m.dialect == apscheduler {
		spec.Fields = new(Fields)
		for i, text := range m.texts {
			*spec.Fields.member(i) = text
		}
		return spec, m
	}
	spec.Expression = strings.Join([]string{m.texts[atSecond], m.texts[atMinute], m.texts[atHour], m.texts[atDay], m.texts[atMonth], m.texts[atDayOfWeek]}, " ")
	if m.texts[atSecond] == "0" && rapid.Bool().Draw(t, "five fields") {
		spec.Expression = spec.Expression[2:]
	}
	return spec, m
}

var drawnExclusions = []Exclusion{
	{Weekdays: []string{"sat", "sun"}},
	{Times: []TimeRange{{"22:00", "06:00"}}},
	{Times: []TimeRange{{"02:10", "02:50"}, {"12:00:30", "12:30:00"}}},
	{Weekdays: []string{"sun"}, Times: []TimeRange{{"01:00", "03:00"}}},
	{Dates: []string{"12-25", "03-31", "10-26/11-02"}},
	{Dates: []string{"2011-12-29/2012-01-01", "2026-03-29"}, Times: []TimeRange{{"00:00", "12:00"}}},
	{Dates: []string{"12-24/01-02"}, Weekdays: []string{"mon", "fri"}},
}

func drawExclusions(t *rapid.T) []Exclusion {
	if rapid.IntRange(0, 2).Draw(t, "with exclusions") > 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(drawnExclusions), 1, 2).Draw(t, "exclude")
}

// drawChange draws a moment at which a zone changes its offset, as package time has it.
func drawChange(t *rapid.T, loc *time.Location) int64 {
	from := time.Date(rapid.IntRange(1880, 2150).Draw(t, "year"), 1, 1, 0, 0, 0, 0, loc)
	for range rapid.IntRange(1, 3).Draw(t, "change") {
		if _, end := from.ZoneBounds(); !end.IsZero() {
			from = end
		}
	}
	return from.Unix()
}

// Next finds, second for second, what the model finds, around changes of the clock.
func TestNextAgainstModel(t *testing.T) {
	var parser Parser
	rapid.Check(t, func(t *rapid.T) {
		spec, model := drawCron(t, rapid.IntRange(0, 3).Draw(t, "with dates") == 0)
		spec.TimeZone = rapid.SampledFrom(oddZones).Draw(t, "zone")
		spec.Exclude = drawExclusions(t)
		s, err := parser.Parse(spec, "id")
		if err != nil {
			t.Fatalf("%+v: %v", spec, err)
		}
		change := drawChange(t, s.Location())
		if spec.TimeZone == "Pacific/Apia" && rapid.Bool().Draw(t, "lost day") {
			change = time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC).Unix()
		}
		from, to := change-18*3600, change+18*3600
		want := []Instant{}
		for _, at := range model.occurrences(s.Location(), from, to) {
			if !modelExcluded(spec.Exclude, s.Location(), at) {
				want = append(want, Instant(at*1000))
			}
		}
		got := []Instant{}
		for at, ok := s.First(Instant(from * 1000)); ok && at < Instant(to*1000); at, ok = s.Next(at) {
			if n := len(got); n > 0 && at <= got[n-1] {
				t.Fatalf("%v follows %v", at, got[n-1])
			}
			got = append(got, at)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v around %v (-model +got):\n%s", spec, time.Unix(change, 0).In(s.Location()), diff)
		}
		checkAnyStart(t, s, want, Instant(from*1000), Instant(to*1000))
	})
}

// checkAnyStart asks from moments between the occurrences, whole seconds or not.
func checkAnyStart(t *rapid.T, s *Schedule, all []Instant, from, to Instant) {
	for range 20 {
		start := Instant(rapid.Int64Range(int64(from), int64(to)-1).Draw(t, "start"))
		if len(all) > 0 && rapid.Bool().Draw(t, "near one") {
			start = rapid.SampledFrom(all).Draw(t, "one") + Instant(rapid.IntRange(-1, 1).Draw(t, "off"))
		}
		i := 0
		for i < len(all) && all[i] <= start {
			i++
		}
		next, ok := s.Next(start)
		if ok && next <= start {
			t.Fatalf("Next(%v) = %v", start, next)
		}
		if i < len(all) && (!ok || next != all[i]) {
			t.Fatalf("Next(%v) = %v, %v; want %v", start, next, ok, all[i])
		}
		if i == len(all) && ok && next < to {
			t.Fatalf("Next(%v) = %v; want none before %v", start, next, to)
		}
		if n, last := s.Through(start, to, 7); i < len(all) && start == all[max(0, i-1)] {
			if want := min(7, len(all)-max(0, i-1)); n < want || n == want && last != all[max(0, i-1)+want-1] {
				t.Fatalf("Through(%v) = %d, %v", start, n, last)
			}
		}
	}
}

// Over years, the days found are those the model finds day by day.
func TestDaysAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, model := drawCron(t, true)
		s, err := Parse(spec, "id")
		if err != nil {
			t.Fatalf("%+v: %v", spec, err)
		}
		from := time.Date(rapid.IntRange(1950, 2120).Draw(t, "from"), 1, 1, 0, 0, 0, 0, time.UTC)
		if rapid.IntRange(0, 1).Draw(t, "recent") == 0 {
			from = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		until := from.AddDate(7, 0, 0)
		var want, got []string
		for d := from; d.Before(until); d = d.AddDate(0, 0, 1) {
			if model.date(d) {
				want = append(want, d.Format(time.DateOnly))
			}
		}
		for at, ok := s.First(InstantOf(from)); ok && at < InstantOf(until); {
			d := at.Time().Truncate(24 * time.Hour)
			got = append(got, d.Format(time.DateOnly))
			at, ok = s.First(InstantOf(d.AddDate(0, 0, 1)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-model +got):\n%s", spec, diff)
		}
	})
}

// An interval's occurrences are the anchor and its multiples, whatever the zone does.
func TestIntervalAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anchor := Instant(rapid.Int64Range(-1e13, 1e13).Draw(t, "anchor"))
		every := rapid.Int64Range(1000, 1e10).Draw(t, "every")
		spec := Spec{Type: TypeInterval, Every: Duration(every * int64(time.Millisecond)), Anchor: &anchor, TimeZone: "Europe/Berlin"}
		s, err := Parse(spec, "id")
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.Int64Range(-3, 1000).Draw(t, "n")
		after := anchor + Instant(n*every+rapid.Int64Range(0, every-1).Draw(t, "off"))
		next, ok := s.Next(after)
		want := anchor + Instant(max(0, n+1)*every)
		if !ok || next != want {
			t.Fatalf("Next(%v) = %v, %v; want %v", after, next, ok, want)
		}
		to := next + Instant(rapid.Int64Range(0, 40*every).Draw(t, "to"))
		most := rapid.IntRange(1, 50).Draw(t, "most")
		count, last := s.Through(next, to, most)
		step, reached := 1, next
		for step < most && reached+Instant(every) <= to {
			step, reached = step+1, reached+Instant(every)
		}
		if count != step || last != reached {
			t.Fatalf("Through = %d, %v; want %d, %v", count, last, step, reached)
		}
	})
}
