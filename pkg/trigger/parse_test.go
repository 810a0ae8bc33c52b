package trigger

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, spec Spec) *Schedule {
	t.Helper()
	s, err := Parse(spec, "job")
	if err != nil {
		t.Fatalf("%+v: %v", spec, err)
	}
	return s
}

func cronSpec(expression, zone string) Spec {
	return Spec{Type: TypeCron, Expression: expression, TimeZone: zone}
}

func instant(t testing.TB, s string) Instant {
	t.Helper()
	i, err := ParseInstant(s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Each refusal names the field, the part of it and what would be right.
func TestCrontabErrors(t *testing.T) {
	for expression, want := range map[string]string{
		"61 * * * *":                  "minute: 61 is outside 0-59",
		"5,61 * * * *":                `minute: 61 is outside 0-59 (in "5,61")`,
		"* 25 * * *":                  "hour: 25 is outside 0-23",
		"* * 0 * *":                   "day of month: 0 is outside 1-31",
		"* * * 13 *":                  "month: 13 is outside 1-12",
		"* * * * 8":                   "day of week: 8 is outside 0-7",
		"60 * * * * *":                "second: 60 is outside 0-59",
		"*/0 * * * *":                 `minute: the step in "*/0" is 0; write 1 or more`,
		"*/x * * * *":                 `minute: "x" is not a step; write a number such as */5`,
		"*/ * * * *":                  "minute: the step after / is missing; write like */5",
		"/5 * * * *":                  `minute: "/5" has no start; write */5`,
		"1,,2 * * * *":                `minute: an element of the list is empty; take out the extra comma (in "1,,2")`,
		"5- * * * *":                  `minute: "5-" has no end; write like 5-59`,
		"-5 * * * *":                  `minute: "-5" has no start; write like 1-5`,
		"* * 31-1 * *":                `day of month: "31-1" runs backwards; write 31,1`,
		"* * * * 6-0":                 `day of week: "6-0" runs backwards; write 6-7`,
		"* * * * monday":              `day of week: "monday" is not a name of this field; write mon`,
		"* * * foo *":                 `month: "foo" is not a name of this field; write jan feb mar apr may jun jul aug sep oct nov dec`,
		"* * L * L":                   "day of week: L alone means Saturday to some and the last day to others; write 6, or 5L for the last Friday",
		"* * 5L * *":                  `day of month: "5L" belongs in the day of week: 5L is the last Friday; the last day is L`,
		"* * 5#2 * *":                 `day of month: "5#2" belongs in the day of week: 5#2 is the second Friday`,
		"* * * * 15W":                 `day of week: "15W" belongs in the day of month: 15W is the weekday nearest to the 15th`,
		"* * L-31 * *":                `day of month: "L-31" is not a day; write L, LW, or L-1 to L-30`,
		"* * * * 5#6":                 `day of week: "5#6" is not a position; write like 5#2 or fri#2, the second Friday, with 1 to 5`,
		"? * * * *":                   "minute: ? stands for any day only; write *",
		"* * ?/2 * *":                 "day of month: ? takes no step; write *",
		"H(5-1) * * * *":              `minute: "H(5-1)" runs backwards; write H(1-5)`,
		"H/61 * * * *":                "minute: the step in H/61 is wider than its range; the widest is 60",
		"Hx * * * *":                  `minute: "Hx" is not a hash; write H, H/15, H(0-29) or H(0-29)/10`,
		"0 2 * *":                     "has 4 fields; a cron expression has 5 (minute hour day-of-month month day-of-week), or 6 with seconds first",
		"0 2 * * * /bin/true":         "the command does not belong here; write the first five fields alone",
		"0 0 12 * * ? 2026":           `7 fields with a year last are Quartz's; a year can be one, a range or *; leave 2026 out and set start_at and end_at, or write {"fields": {"year": "2026", …}}; mind that Quartz counts its weekdays from 1 = Sunday`,
		"@every 5m":                   `@every is an interval; write {"type": "interval", "every": "5m"}`,
		"@Daily":                      `"@Daily": macros are written in lower case: @daily`,
		"@":                           `"@" is no macro; write @yearly @annually @monthly @weekly @daily @midnight or @hourly`,
		"TZ=Asia/Tokyo 0 2 * * *":     `a zone is not part of the expression; leave "TZ=Asia/Tokyo" out and set time_zone to "Asia/Tokyo"`,
		"CRON_TZ=Asia/Tokyo 0 2 * * ": `a zone is not part of the expression; leave "CRON_TZ=Asia/Tokyo" out and set time_zone to "Asia/Tokyo"`,
		"rate(5 minutes)":             `this is the EventBridge form; write {"type": "interval", "every": "5m"}`,
		strings.Repeat("1,", 600):     "is longer than 1024 bytes",
	} {
		_, err := Parse(cronSpec(expression, ""), "job")
		found := AsErrors(err)
		if len(found) != 1 || found[0].Field != "expression" || found[0].Message != want {
			t.Errorf("%q:\n got %v\nwant %s", expression, found, want)
		}
	}
}

func TestFieldsErrors(t *testing.T) {
	for _, one := range []struct {
		fields      Fields
		field, want string
	}{
		{Fields{Minute: "61"}, "fields.minute", "minute: 61 is outside 0-59"},
		{Fields{Minute: "1, 61"}, "fields.minute", `minute: 61 is outside 0-59 (in "1, 61")`},
		{Fields{DayOfWeek: "7"}, "fields.day_of_week", "day_of_week: 7 is outside 0-6; here 0 is Monday and 6 is Sunday"},
		{Fields{DayOfWeek: "monday"}, "fields.day_of_week", `day_of_week: "monday" is not a name of this field; write mon`},
		{Fields{DayOfWeek: "sun-mon"}, "fields.day_of_week", `day_of_week: "sun-mon" runs backwards; write sun,mon`},
		{Fields{DayOfWeek: "mon-fri/2"}, "fields.day_of_week", `day_of_week: "mon-fri/2" has a step on names; write it with numbers, 0-4/2`},
		{Fields{DayOfWeek: "mon-"}, "fields.day_of_week", `day_of_week: "mon-" lacks a name; write like mon-fri`},
		{Fields{DayOfWeek: "5#2"}, "fields.day_of_week", `day_of_week: "5#2" is not a number; write the position in day: "2nd fri"`},
		{Fields{Day: "lastx"}, "fields.day", `day: "lastx" is not a number in 1-31; write "last"`},
		{Fields{Day: "L"}, "fields.day", `day: "L" is not a number in 1-31; write "last"`},
		{Fields{Day: "first mon"}, "fields.day", `day: "first" is not a position; write 1st, 2nd, 3rd, 4th, 5th or last`},
		{Fields{Day: "?"}, "fields.day", `day: "?" is not a number in 1-31; write "*"`},
		{Fields{Minute: "*/60"}, "fields.minute", `minute: "*/60" steps by more than its range; the widest step is 59`},
		{Fields{Minute: "7-7/1"}, "fields.minute", `minute: "7-7/1" steps over a range of one value; leave out /1`},
		{Fields{Minute: "H"}, "fields.minute", `minute: "H" is not a number in 0-59; H is known in expression only`},
		{Fields{Hour: " "}, "fields.hour", `hour: is empty; leave it out or write "*"`},
	} {
		_, err := Parse(Spec{Type: TypeCron, Fields: &one.fields}, "job")
		if diff := cmp.Diff(Errors{{one.field, CodeInvalid, one.want}}, AsErrors(err)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", one.fields, diff)
		}
	}
}

// All faults come at once, in the order of the members.
func TestParseCollects(t *testing.T) {
	early, late := Instant(5), Instant(3)
	_, err := Parse(Spec{
		Type: TypeCron, Expression: "61 25 * * *", TimeZone: "Mars/Base", At: &early, StartAt: &early, EndAt: &late,
		Exclude: []Exclusion{{Dates: []string{"2026-02-30"}}, {}, {Times: []TimeRange{{"9", "25:00"}}}},
	}, "job")
	var fields []string
	for _, one := range AsErrors(err) {
		fields = append(fields, one.Field+" "+one.Code)
	}
	want := []string{
		"time_zone invalid", "at invalid", "expression invalid", "expression invalid", "end_at invalid",
		"exclude[0].dates[0] invalid", "exclude[1] required", "exclude[2].times[0].from invalid", "exclude[2].times[0].to invalid",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

func TestParseTypes(t *testing.T) {
	at, outside := Instant(0), MaxInstant+1
	for _, one := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "type required"},
		{Spec{Type: "weekly"}, "type invalid"},
		{Spec{Type: TypeCron}, "expression required"},
		{Spec{Type: TypeCron, Expression: " \t "}, "expression required"},
		{Spec{Type: TypeCron, Expression: "* * * * *", Fields: &Fields{}}, "fields invalid"},
		{Spec{Type: TypeInterval, Anchor: &at}, "every required"},
		{Spec{Type: TypeInterval, Every: Duration(time.Second)}, "anchor required"},
		{Spec{Type: TypeInterval, Every: Duration(time.Second) - 1, Anchor: &at}, "every invalid"},
		{Spec{Type: TypeInterval, Every: Duration(time.Second) + 1, Anchor: &at}, "every invalid"},
		{Spec{Type: TypeInterval, Every: Duration(time.Second), Anchor: &outside}, "anchor invalid"},
		{Spec{Type: TypeInterval, Every: Duration(time.Second), Anchor: &at, Expression: "* * * * *"}, "expression invalid"},
		{Spec{Type: TypeDate}, "at required"},
		{Spec{Type: TypeDate, At: &at, Fields: &Fields{}}, "fields invalid"},
		{Spec{Type: TypeDate, At: &outside}, "at invalid"},
		{Spec{Type: TypeDate, At: &at, TimeZone: "Local"}, "time_zone invalid"},
		{Spec{Type: TypeDate, At: &at, TimeZone: "right/UTC"}, "time_zone invalid"},
		{Spec{Type: TypeDate, At: &at, TimeZone: "../etc/passwd"}, "time_zone invalid"},
		{Spec{Type: TypeDate, At: &at, TimeZone: "UTC+8"}, "time_zone invalid"},
		{Spec{Type: TypeDate, At: &at, EndAt: &outside}, "end_at invalid"},
	} {
		_, err := Parse(one.spec, "job")
		found := AsErrors(err)
		if len(found) != 1 || found[0].Field+" "+found[0].Code != one.want {
			t.Errorf("%+v: got %v, want %s", one.spec, found, one.want)
		}
	}
}

// H depends on the id and the field alone, keeps to its bounds, and spreads.
func TestHash(t *testing.T) {
	minutes := map[string]bool{}
	for _, id := range []string{"a", "b", "c", "nightly-report", "定时任务", ""} {
		s, err := Parse(cronSpec("H H(1-5) H H H", ""), id)
		if err != nil {
			t.Fatal(err)
		}
		same, _ := Parse(cronSpec("H H(1-5) H H H", ""), id)
		first, ok := s.Next(0)
		if again, _ := same.Next(0); !ok || again != first {
			t.Errorf("%q: %v and %v", id, first, again)
		}
		if hour := first.Time().Hour(); hour < 1 || hour > 5 {
			t.Errorf("%q: hour %d", id, hour)
		}
		minutes[s.Describe(English)] = true
	}
	if len(minutes) < 5 {
		t.Errorf("six ids share %d times", len(minutes))
	}
	s := mustParse(t, cronSpec("H/15 * * * *", ""))
	first, _ := s.Next(0)
	if n, last := s.Through(first, first+3600_000-1, 100); n != 4 || last != first+45*60_000 {
		t.Errorf("H/15 gives %d an hour, up to %v", n, last)
	}
	// Part of the contract: a new release moves no job.
	if h := hash("nightly-report", atMinute); h != 0x234be7c198279499 || h == hash("nightly-report", atHour) {
		t.Errorf("%#x: the hash must stay as it is, and differ by field", h)
	}
}

func TestJitter(t *testing.T) {
	const most = 10 * time.Second
	if j := Jitter("nightly-report", 1_793_000_000_000, time.Minute, 0); j != 7638*time.Millisecond {
		t.Errorf("%v: jitter must stay as it is", j)
	}
	buckets := [10]int{}
	for i := range 10_000 {
		at := Instant(i * 1000)
		j := Jitter("job", at, most, 0)
		if j != Jitter("job", at, most, 0) || j < 0 || j >= most {
			t.Fatalf("jitter of %v is %v", at, j)
		}
		buckets[j/time.Second]++
		if j := Jitter("job", at, most, 4*time.Second); j >= 2*time.Second {
			t.Fatalf("jitter %v is more than half the gap", j)
		}
	}
	for i, n := range buckets {
		if n < 850 || n > 1150 {
			t.Errorf("%d of 10000 in second %d", n, i)
		}
	}
	for _, gap := range []time.Duration{0, time.Nanosecond} {
		if Jitter("job", 0, 0, gap) != 0 || Jitter("job", 0, -1, gap) != 0 {
			t.Error("no jitter asked, some given")
		}
	}
}
