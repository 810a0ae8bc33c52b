package trigger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpecJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"type":"cron","expression":"0 2 * * *","time_zone":"Asia/Shanghai","start_at":null,"end_at":null,"exclude":[]}`:                              "",
		`{"type":"cron","fields":{"minute":5,"hour":"*/3"}}`:                                                                                           `{"type":"cron","fields":{"hour":"*/3","minute":"5"},"start_at":null,"end_at":null,"exclude":[]}`,
		`{"type":"interval","every":"90s","anchor":"2026-11-18T15:00:00.1239+08:00"}`:                                                                  `{"type":"interval","every":"90s","anchor":"2026-11-18T07:00:00.123Z","start_at":null,"end_at":null,"exclude":[]}`,
		`{"type":"date","at":"2026-11-18T07:00:00Z","exclude":["sat-sun","2026-12-24/2027-01-02","12-25","22:00-06:00"]}`:                              `{"type":"date","at":"2026-11-18T07:00:00.000Z","start_at":null,"end_at":null,"exclude":[{"weekdays":["sat-sun"]},{"dates":["2026-12-24/2027-01-02"]},{"dates":["12-25"]},{"times":[{"from":"22:00","to":"06:00"}]}]}`,
		`{"type":"cron","expression":"@daily","exclude":[{"name":"CN","dates":["10-01"],"weekdays":["sat"],"times":[{"from":"00:00","to":"24:00"}]}]}`: `{"type":"cron","expression":"@daily","start_at":null,"end_at":null,"exclude":[{"name":"CN","dates":["10-01"],"weekdays":["sat"],"times":[{"from":"00:00","to":"24:00"}]}]}`,
	} {
		if want == "" {
			want = in
		}
		var spec Spec
		if err := json.Unmarshal([]byte(in), &spec); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		out, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

// Every fault of a well-formed JSON has its path.
func TestSpecJSONErrors(t *testing.T) {
	for in, want := range map[string]string{
		`[]`:                                          "schedule: a schedule is an object such as {\"type\": \"cron\", \"expression\": \"0 2 * * *\"}",
		`{"typ":"cron"}`:                              "typ: there is no such field",
		`{"type":5}`:                                  "type: must be a string",
		`{"type":"interval","every":10}`:              `every: a duration is a string with a unit; write "10s"`,
		`{"type":"interval","every":"10"}`:            `every: "10" has no unit; write it like "10s"`,
		`{"type":"interval","every":"-1s"}`:           `every: "-1s" is negative; a duration is written like "10s"`,
		`{"type":"interval","every":"99999w"}`:        `every: "99999w" is too long; the longest duration is 106751d`,
		`{"type":"date","at":1700000000}`:             `at: a time is a string; write "2023-11-14T22:13:20.000Z"`,
		`{"type":"date","at":"tomorrow"}`:             `at: "tomorrow" is not a time; write it like 2026-11-18T07:00:00Z`,
		`{"type":"date","at":"0000-01-01T00:00:00Z"}`: "at: a time must lie in the years 0001 to 9999",
		`{"fields":{"week":""}}`:                      `fields.week: is empty; leave it out or write "*"`,
		`{"fields":{"minute":1.5}}`:                   `fields.minute: must be a string such as "*/15" or an integer`,
		`{"fields":{"minutes":"1"}}`:                  "fields.minutes: there is no such field",
		`{"fields":[1]}`:                              `fields: must be an object such as {"hour": "2", "minute": "*/15"}`,
		`{"exclude":"sat"}`:                           "exclude: must be a list",
		`{"exclude":["someday"]}`:                     `exclude[0]: "someday" is no exclusion; write like "2026-12-25", "12-25", "sat,sun" or "22:00-06:00"`,
		`{"exclude":["sat",{"dates":"12-25"}]}`:       "exclude[1].dates: must be a list of strings",
		`{"exclude":[{"times":[{"till":"1"}]}]}`:      "exclude[0].times[0].till: there is no such field",
		`{"type":5,"zone":"UTC"}`:                     "type: must be a string; zone: there is no such field",
	} {
		var spec Spec
		err := json.Unmarshal([]byte(in), &spec)
		if AsErrors(err) == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", in, err, want)
		}
	}
	var spec Spec
	if err := json.Unmarshal([]byte(`{"exclude":[`+strings.Repeat(`"sat",`, 200)+`"sun"]}`), &spec); err == nil {
		t.Error("too many exclusions must be refused")
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0s", "0s": "0s", "10s": "10s", "90s": "90s", "120s": "2m", "60s": "60s", "1h30m": "1h30m", "24h": "1d", "36h": "1d12h", "2d": "2d",
		"1w": "7d", "250ms": "250ms", "1.5s": "1s500ms", "0.5h": "30m", "1500us": "1ms500us", "1µs": "1us", "1ns": "1ns",
		"106751d": "106751d", ".5s": "500ms", "1m1m": "2m",
	} {
		d, err := ParseDuration(in)
		if err != nil || d.String() != want {
			t.Errorf("%q: %v, %v; want %s", in, d, err, want)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%q does not come back: %v, %v", d, again, err)
		}
	}
	for _, in := range []string{"", "10", "s", "-1s", "1x", "1s ", " 1s", "1..5s", ".s", "106752d", "9999999999999999999s", "1e3s", "+1s", "106751d24h", "1d-1h"} {
		if d, err := ParseDuration(in); err == nil {
			t.Errorf("%q is read as %v", in, d)
		}
	}
}

func TestInstant(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-18T07:00:00Z":                "2026-11-18T07:00:00.000Z",
		"2026-11-18T15:00:00.123456789+08:00": "2026-11-18T07:00:00.123Z",
		"0001-01-01T00:00:00Z":                "0001-01-01T00:00:00.000Z",
		"9999-12-31T23:59:59.999999Z":         "9999-12-31T23:59:59.999Z",
		"1969-12-31T23:59:59.9999Z":           "1969-12-31T23:59:59.999Z",
	} {
		i, err := ParseInstant(in)
		if err != nil || i.String() != want {
			t.Errorf("%s: %v, %v; want %s", in, i, err, want)
		}
	}
	for _, in := range []string{"", "2026-11-18", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-02-30T00:00:00Z"} {
		if i, err := ParseInstant(in); err == nil {
			t.Errorf("%q is read as %v", in, i)
		}
	}
	if _, err := json.Marshal(MaxInstant + 1); err == nil {
		t.Error("year 10000 must not be written")
	}
	if d := MaxInstant.Sub(MinInstant); d != 1<<63-1 {
		t.Error(d)
	}
	if Instant(0).Add(time.Second).Sub(0) != time.Second {
		t.Error("Add and Sub")
	}
}

// The calendar's own date arithmetic against package time, on each day of 800 years.
func TestDates(t *testing.T) {
	d := time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)
	for days := daysOf(1700, 1, 1); d.Year() < 2500; days, d = days+1, d.AddDate(0, 0, 1) {
		year, month, day := dateOf(days)
		_, week := d.ISOWeek()
		if year != d.Year() || month != int(d.Month()) || day != d.Day() || weekdayOf(days) != int(d.Weekday()) ||
			isoWeek(year, month, day) != week || daysOf(year, month, day) != days || day > monthLength(year, month) {
			t.Fatalf("%v: %d-%d-%d week %d", d, year, month, day, isoWeek(year, month, day))
		}
	}
}
