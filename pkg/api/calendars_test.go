package api

import (
	"encoding/json"
	"strings"
	"testing"
)

const workdayJob = `{"schedule":{"type":"cron","expression":"0 9 * * *","time_zone":"Asia/Shanghai","calendar":{"id":"plant","on":"workday"}},"request":{"url":"http://example.com/"}}`

func TestCalendars(t *testing.T) {
	w := newWorld(t, worldOptions{})
	if list := w.call("GET", "/api/v1/calendars", "").is(200).body; !strings.Contains(list, `"id":"cn"`) || !strings.Contains(list, `"id":"weekdays"`) || !strings.Contains(list, `"ends":"2026-12-31"`) {
		t.Errorf("got %s", list)
	}
	w.call("PUT", "/api/v1/jobs/a", workdayJob).problem(422, "invalid", "schedule.calendar.id")
	body := `{"name":"Plant","weekend":["sun"],"off":[{"date":"2026-12-24/2027-01-02","name":"Shutdown"}],"work":[{"date":"2026-11-29","name":"Stocktaking"}]}`
	if created := w.call("PUT", "/api/v1/calendars/plant", body).is(201); created.header.Get("Location") != "/api/v1/calendars/plant" {
		t.Errorf("Location %q", created.header.Get("Location"))
	}
	w.call("PUT", "/api/v1/jobs/a", workdayJob).is(201)
	got := w.call("GET", "/api/v1/calendars/plant", "").is(200).body
	for _, part := range []string{`"used_by":1`, `"ends":"2027-12-31"`, `"built_in":false`} {
		if !strings.Contains(got, part) {
			t.Errorf("got %s, which lacks %s", got, part)
		}
	}
	w.call("PUT", "/api/v1/calendars/plant", got).is(200) // what was answered can be sent back
	w.call("DELETE", "/api/v1/calendars/plant", "").problem(409, "conflict")
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	w.call("DELETE", "/api/v1/calendars/plant", "").is(204)
	w.call("GET", "/api/v1/calendars/plant", "").problem(404, "not_found")
	w.call("DELETE", "/api/v1/calendars/plant", "").problem(404, "not_found")
	w.call("DELETE", "/api/v1/calendars/cn", "").problem(409, "conflict")

	w.call("PUT", "/api/v1/calendars/No", body).problem(422, "invalid", "id")
	w.call("PUT", "/api/v1/calendars/x", `{"off":[{"date":"2026-02-30"}],"week":1}`).problem(422, "invalid", "week")
	w.call("PUT", "/api/v1/calendars/x", `{"off":[{"date":"2026-02-30"}]}`).problem(422, "invalid", "off[0].date")
	w.call("PUT", "/api/v1/calendars/x", `{"weekend":["mon-sun"]}`).problem(422, "invalid", "weekend")
	w.call("PUT", "/api/v1/calendars/x", `[`).problem(400, "malformed")
	w.call("PUT", "/api/v1/calendars/x", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n").problem(422, "invalid")
	if audit := w.call("GET", "/api/v1/audit?action=calendar.put", "").is(200).body; strings.Count(audit, `"target":"plant"`) != 2 {
		t.Errorf("the audit log says %s", audit)
	}
}

// TestCalendarForms reads the days of others: an ICS, and holiday-cn's JSON merged by year into what comes with the program.
func TestCalendarForms(t *testing.T) {
	w := newWorld(t, worldOptions{})
	ics := strings.Join([]string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y//EN", "X-WR-CALNAME:Days", "BEGIN:VEVENT", "UID:1", "DTSTART;VALUE=DATE:20261224",
		"DTEND;VALUE=DATE:20261227", "SUMMARY:Christmas", "END:VEVENT", "BEGIN:VEVENT", "UID:2", "DTSTART:20261101T090000Z", "SUMMARY:A meeting", "END:VEVENT", "END:VCALENDAR", ""}, "\r\n")
	if got := w.call("PUT", "/api/v1/calendars/de", ics).is(201).body; !strings.Contains(got, `"off":[{"date":"2026-12-24/2026-12-26","name":"Christmas"}]`) {
		t.Errorf("got %s", got)
	}
	w.call("PUT", "/api/v1/calendars/de", strings.Replace(ics, "SUMMARY:Christmas", "RRULE:FREQ=YEARLY\r\nSUMMARY:Christmas", 1)).problem(422, "invalid")
	got := w.call("PUT", "/api/v1/calendars/cn", `{"year":2027,"papers":[],"days":[{"name":"元旦","date":"2027-01-01","isOffDay":true},{"name":"元旦","date":"2027-01-02","isOffDay":false}]}`).is(201).body
	for _, part := range []string{`"ends":"2027-12-31"`, `{"date":"2026-10-10","name":"国庆节"}`, `{"date":"2027-01-02","name":"元旦"}`} {
		if !strings.Contains(got, part) {
			t.Errorf("got %s, which lacks %s", got, part)
		}
	}
	w.call("PUT", "/api/v1/calendars/cn", `{"days":[{"date":"2027"}]}`).problem(422, "invalid", "days[0]")
	preview := w.call("POST", "/api/v1/schedules/preview", `{"schedule":{"type":"cron","expression":"0 9 * * *","time_zone":"Asia/Shanghai","calendar":{"id":"cn","on":"workday","otherwise":"next"}},
		"from":"2026-10-02T00:00:00Z","count":3}`).is(200).body
	var shown struct {
		Next []struct {
			Local, Note string
			MovedFrom   string `json:"moved_from"`
		}
	}
	if err := json.Unmarshal([]byte(preview), &shown); err != nil || len(shown.Next) != 3 || shown.Next[2].Note != "workday:国庆节" || !strings.HasPrefix(shown.Next[2].Local, "2026-10-10T09:00") {
		t.Errorf("got %s: %v", preview, err)
	}
	w.call("DELETE", "/api/v1/calendars/cn", "").is(204)
	if got := w.call("GET", "/api/v1/calendars/cn", "").is(200).body; !strings.Contains(got, `"built_in":true`) {
		t.Errorf("got %s", got)
	}
}

// TestForeignSchedules are told of where they are kept.
func TestForeignSchedules(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for schedule, want := range map[string]string{
		`{"type":"cron","expression":"@every 90m"}`: `"every":"1h30m"`,
		`{"type":"calendar_interval","every":{"weeks":2},"at":"09:00","weekdays":["tue"],"start_at":"2026-12-01","time_zone":"Europe/Berlin"}`: `"start_at":"2026-11-30T23:00:00.000Z"`,
		`{"type":"date","delay":"10m"}`: `"type":"date","at":`,
	} {
		body := w.call("PUT", "/api/v1/jobs/f", `{"schedule":`+schedule+`,"request":{"url":"http://example.com/"}}`).body
		if !strings.Contains(body, want) || strings.Contains(schedule, "@every") != strings.Contains(body, "foreign_form") {
			t.Errorf("%s: got %s", schedule, body)
		}
		again := w.call("GET", "/api/v1/jobs/f", "").is(200).body
		if !strings.Contains(again, want) {
			t.Errorf("%s: got %s", schedule, again)
		}
		w.call("DELETE", "/api/v1/jobs/f", "").is(204)
	}
}
