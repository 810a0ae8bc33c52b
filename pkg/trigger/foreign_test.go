package trigger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// readSpec reads a schedule as a call would, made at a moment.
func readSpec(text string, now Instant) (Spec, *Schedule, error) {
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return spec, nil, err
	}
	var p Parser
	p.Settle(&spec, now)
	if spec.Type == TypeInterval && spec.Anchor == nil {
		spec.Anchor = &now
	}
	s, err := p.Parse(spec, "job")
	return spec, s, err
}

func moment(text string) Instant {
	at, err := ParseInstant(text)
	if err != nil {
		panic(err)
	}
	return at
}

// TestForeignForms holds what other schedulers write against how it is kept.
func TestForeignForms(t *testing.T) {
	now := moment("2026-11-27T10:00:00Z")
	for written, want := range map[string]string{
		`"@every 1h30m"`:                                       `{"type":"interval","every":"1h30m","anchor":"2026-11-27T10:00:00.000Z"}`,
		`"CRON_TZ=Asia/Tokyo 0 9 * * *"`:                       `{"type":"cron","expression":"0 9 * * *","time_zone":"Asia/Tokyo"}`,
		`"TZ='Asia/Tokyo' 0 9 * * MONDAY"`:                     `{"type":"cron","expression":"0 9 * * mon","time_zone":"Asia/Tokyo"}`,
		`"0 0 12 1W * ? *"`:                                    `{"type":"cron","expression":"0 0 12 1W * ?"}`,
		`"0 0 9 ? * 2-6 *"`:                                    `{"type":"cron","expression":"0 0 9 ? * mon-fri"}`,
		`"0 0 9 ? * 6#2 *"`:                                    `{"type":"cron","expression":"0 0 9 ? * fri#2"}`,
		`"0 0 12 * * ? 2027"`:                                  `{"type":"cron","expression":"0 0 12 * * ?","start_at":"2027-01-01T00:00:00.000Z","end_at":"2027-12-31T23:59:59.000Z"}`,
		`"0 0 12 * * ? 2027-2028"`:                             `{"type":"cron","expression":"0 0 12 * * ?","start_at":"2027-01-01T00:00:00.000Z","end_at":"2028-12-31T23:59:59.000Z"}`,
		`"0 9 * SEPT Monday,Tues"`:                             `{"type":"cron","expression":"0 9 * sep mon,tue"}`,
		`"rate(12 hours)"`:                                     `{"type":"interval","every":"12h","anchor":"2026-11-27T10:00:00.000Z"}`,
		`"cron(0-15/1 8-8 ? * 2,3 *)"`:                         `{"type":"cron","expression":"0-15/1 8-8 ? * mon,tue"}`,
		`"cron(0 9 ? * MON-FRI *)"`:                            `{"type":"cron","expression":"0 9 ? * MON-FRI"}`,
		`"at(2027-01-31T15:59:42)"`:                            `{"type":"date","at":"2027-01-31T15:59:42.000Z"}`,
		`"@at 2030-01-02T03:04:05Z"`:                           `{"type":"date","at":"2030-01-02T03:04:05.000Z"}`,
		`"R/PT5M"`:                                             `{"type":"interval","every":"5m","anchor":"2026-11-27T10:00:00.000Z"}`,
		`"R/2026-01-01T00:00:00Z/PT36H"`:                       `{"type":"interval","every":"1d12h","anchor":"2026-01-01T00:00:00.000Z"}`,
		`"0 9 * * MON#L"`:                                      `{"type":"cron","expression":"0 9 * * monL"}`,
		`"0 9 * * mon#-1,FRI#last"`:                            `{"type":"cron","expression":"0 9 * * monL,friL"}`,
		`"~ * * * *"`:                                          `{"type":"cron","expression":"H * * * *"}`,
		`"0~30 3 * * *"`:                                       `{"type":"cron","expression":"H(0-30) 3 * * *"}`,
		`"FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;BYHOUR=9"`:           `{"type":"calendar_interval","weekdays":["tue"],"start_at":"2026-11-27T10:00:00.000Z","every":{"weeks":2},"at":"09:00"}`,
		`"RRULE:FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=9;BYMINUTE=30"`: `{"type":"cron","expression":"30 9 * * mon,wed"}`,
		`"FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=18;UNTIL=20271231"`:   `{"type":"cron","expression":"0 18 * * friL","end_at":"2027-12-31T23:59:59.000Z"}`,
		`"FREQ=MONTHLY;BYMONTHDAY=-1,15;BYHOUR=18"`:            `{"type":"cron","expression":"0 18 L,15 * *"}`,
		`"FREQ=HOURLY;INTERVAL=6"`:                             `{"type":"interval","every":"6h","anchor":"2026-11-27T10:00:00.000Z"}`,
		`"Mon..Fri *-*-* 09:00:00"`:                            `{"type":"cron","expression":"0 9 * * mon-fri"}`,
		`"daily"`:                                              `{"type":"cron","expression":"0 0 * * *"}`,
		`"*:0/15"`:                                             `{"type":"cron","expression":"*/15 * * * *"}`,
		`"Mon *-*-01 09:00 Europe/Berlin"`:                     `{"type":"cron","fields":{"year":"*","month":"*","day":"1","day_of_week":"mon","hour":"9","minute":"0","second":"0"},"time_zone":"Europe/Berlin"}`,
		"\"\ufeff0\u00a09\u3000* * 1\u20135\"":                 `{"type":"cron","expression":"0 9 * * 1-5"}`,
		"\"\uff10\uff0c\uff13\uff10 9 \uff0a * *\"":            `{"type":"cron","expression":"0,30 9 * * *"}`,
	} {
		var kept map[string]any
		spec, _, err := readSpec(`{"type":"cron","expression":`+written+`}`, now)
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		text, err := json.Marshal(spec)
		if err != nil || json.Unmarshal(text, &kept) != nil {
			t.Fatal(err)
		}
		for name, value := range kept {
			if list, ok := value.([]any); value == nil || ok && len(list) == 0 {
				delete(kept, name)
			}
		}
		got, _ := json.Marshal(kept)
		var wanted map[string]any
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		expected, _ := json.Marshal(wanted)
		if string(got) != string(expected) {
			t.Errorf("%s\n got %s\nwant %s", written, got, expected)
		}
		if len(spec.Notes) == 0 {
			t.Errorf("%s is kept in another form, and nothing says so", written)
		}
		var again Spec
		if err := json.Unmarshal(text, &again); err != nil || len(again.Notes) > 0 {
			t.Errorf("%s: what is kept is no form of ours: %v %v", text, err, again.Notes)
		}
	}
}

// TestOwnForms wants no note about what is ours.
func TestOwnForms(t *testing.T) {
	for _, text := range []string{`"0 9 * * 1-5"`, `"H H(0-7) * * thu"`, `"@daily"`, `"0 0 LW * ?"`, `"*/15 0 9 * jan-mar sunL"`, `"0 9 ? * 2"`} {
		spec, _, err := readSpec(`{"type":"cron","expression":`+text+`}`, 0)
		if err != nil || len(spec.Notes) > 0 {
			t.Errorf("%s: %v, %v", text, err, spec.Notes)
		}
	}
}

// TestHelpfulRefusals wants what to write instead, with the user's own numbers.
func TestHelpfulRefusals(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"cron","expression":"every 24 hours"}`:                             `"every": "24h"`,
		`{"type":"cron","expression":"every monday 09:30"}`:                         `write "30 9 * * mon"`,
		`{"type":"cron","expression":"0 2 * * * Europe/Stockholm"}`:                 `set time_zone to "Europe/Stockholm"`,
		`{"type":"cron","expression":"0 27 * * * ? * US/Pacific"}`:                  `set time_zone to "US/Pacific"`,
		`{"type":"cron","expression":"0 9 * * 1 - 5"}`:                              `write "1-5"`,
		`{"type":"cron","expression":"0 9 * * 1, 5"}`:                               `write "1,5"`,
		`{"type":"cron","expression":"rate(1 month)"}`:                              `"1 month" is no length of time`,
		`{"type":"cron","expression":"P1M"}`:                                        "calendar_interval",
		`{"type":"cron","expression":"FREQ=DAILY;COUNT=3"}`:                         "COUNT is not among them",
		`{"type":"interval","every":300}`:                                           `write "300s"`,
		`{"type":"interval","every":"5 minutes"}`:                                   `write "5m"`,
		`{"type":"interval","every":"5min"}`:                                        `write "5m"`,
		`{"type":"date","at":1700000000}`:                                           `write "2023-11-14T22:13:20.000Z"`,
		`{"type":"date","at":"2026-11-18T07:00:00+0800"}`:                           `write "2026-11-18T07:00:00+08:00"`,
		`{"type":"cron","expression":"@daily","time_zone":"utc"}`:                   "write UTC",
		`{"type":"cron","expression":"@daily","time_zone":"China Standard Time"}`:   "write Asia/Shanghai",
		`{"type":"cron","expression":"@daily","time_zone":"asia/shanghai"}`:         "write Asia/Shanghai",
		`{"type":"cron","expression":"@daily","time_zone":"america/port_of_spain"}`: "write America/Port_of_Spain",
		`{"type":"cron","expression":"@daily","time_zone":"Asia/Beijing"}`:          "write Asia/Shanghai",
		`{"type":"cron","expression":"@daily","time_zone":"UTC8"}`:                  "Etc/GMT-8",
		`{"type":"cron","expression":"@daily","time_zone":"UTC+5"}`:                 "Etc/GMT-5",
		`{"type":"cron","expression":"@daily","time_zone":"-03:00"}`:                "Etc/GMT+3",
		`{"type":"cron","expression":"0 9 * * mon\u0434"}`:                          "U+0434",
	} {
		_, _, err := readSpec(text, moment("2026-11-27T10:00:00Z"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestWindowsZones(t *testing.T) {
	for windows, ours := range windowsZones {
		if _, err := time.LoadLocation(ours); err != nil {
			t.Errorf("%s: %v", windows, err)
		}
	}
	for place, ours := range commonCities {
		if _, err := time.LoadLocation(ours); err != nil {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// TestLocalMoments reads moments without an offset in the time zone, and in the Parser's own where none is named.
func TestLocalMoments(t *testing.T) {
	now := moment("2026-11-27T10:00:00Z")
	for text, want := range map[string]string{
		`{"type":"date","at":"2026-11-18T07:00:00","time_zone":"Asia/Shanghai"}`: "2026-11-17T23:00:00Z",
		`{"type":"date","at":"2026-03-29 02:30","time_zone":"Europe/Berlin"}`:    "2026-03-29T01:30:00Z", // the clock skips it
		`{"type":"date","at":"2026-10-25T02:30","time_zone":"Europe/Berlin"}`:    "2026-10-25T00:30:00Z", // the first of two
		`{"type":"date","at":"2026-11-18T07:00:00"}`:                             "2026-11-18T07:00:00Z",
		`{"type":"date","delay":"10m"}`:                                          "2026-11-27T10:10:00Z",
	} {
		_, s, err := readSpec(text, now)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, _ := s.First(MinInstant); got != moment(want) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	p := Parser{TimeZone: "Asia/Tokyo"}
	var spec Spec
	if err := json.Unmarshal([]byte(`{"type":"date","at":"2026-11-18T07:00"}`), &spec); err != nil {
		t.Fatal(err)
	}
	p.Settle(&spec, now)
	if spec.TimeZone != "Asia/Tokyo" || spec.At == nil || *spec.At != moment("2026-11-17T22:00:00Z") {
		t.Errorf("got %+v", spec)
	}
	for _, text := range []string{`{"type":"cron","expression":"@daily","delay":"1m"}`, `{"type":"date","at":"2027-01-01T00:00:00Z","delay":"1m"}`, `{"type":"date","delay":"9999w"}`} {
		if _, _, err := readSpec(text, now); err == nil {
			t.Errorf("%s: accepted", text)
		}
	}
}

func FuzzForeign(f *testing.F) {
	for _, seed := range []string{"@every 5m", "TZ=UTC 0 0 * * *", "0 0 12 ? * 2-6 2027", "rate(5 minutes)", "cron(0 9 ? * 2 *)", "R/PT5M", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
		"Mon..Fri *-*-* 09:00", "0~30 3 * * *", "mon#L", "\ufeff１ ２ * * *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec := Spec{Type: TypeCron, Expression: text}
		spec.Accept()
		var p Parser
		p.Settle(&spec, 0)
		if spec.Type == TypeInterval && spec.Anchor == nil {
			spec.Anchor = new(Instant)
		}
		if _, err := p.Parse(spec, "job"); err != nil {
			return
		}
		notes := len(spec.Notes)
		spec.Accept()
		if len(spec.Notes) != notes {
			t.Errorf("%q is still foreign once it is kept: %+v", text, spec)
		}
	})
}

// TestEveryInISO reads the length of an interval as ISO 8601 writes it, whatever the order of the members.
func TestEveryInISO(t *testing.T) {
	anchor := moment("2026-01-01T00:00:00Z")
	for written, want := range map[string]struct {
		every  time.Duration
		anchor *Instant
		valid  bool
	}{
		`{"type":"interval","every":"PT5M"}`:                                                        {5 * time.Minute, nil, true},
		`{"every":"P1DT12H","type":"interval"}`:                                                     {36 * time.Hour, nil, true},
		`{"type":"interval","every":"R/PT90S"}`:                                                     {90 * time.Second, nil, true},
		`{"type":"interval","every":"R/2026-01-01T00:00:00Z/PT5M"}`:                                 {5 * time.Minute, &anchor, true},
		`{"type":"interval","every":"PT5M","anchor":"2026-01-01T00:00:00Z"}`:                        {5 * time.Minute, &anchor, true},
		`{"type":"interval","every":"R/2027-01-01T00:00:00Z/PT5M","anchor":"2026-01-01T00:00:00Z"}`: {0, nil, false},
		`{"type":"interval","every":"PT0.5S"}`:                                                      {0, nil, false},
		`{"type":"interval","every":"P1M"}`:                                                         {0, nil, false},
	} {
		var spec Spec
		err := json.Unmarshal([]byte(written), &spec)
		if (err == nil) != want.valid {
			t.Errorf("%s: got %v, want valid: %v", written, err, want.valid)
			continue
		}
		if err != nil {
			continue
		}
		if spec.Type != TypeInterval || time.Duration(spec.Every) != want.every || len(spec.Notes) != 1 {
			t.Errorf("%s: got %s every %v with the notes %v", written, spec.Type, spec.Every, spec.Notes)
		}
		if (spec.Anchor == nil) != (want.anchor == nil) || spec.Anchor != nil && *spec.Anchor != *want.anchor {
			t.Errorf("%s: got the anchor %v, want %v", written, spec.Anchor, want.anchor)
		}
	}
}
