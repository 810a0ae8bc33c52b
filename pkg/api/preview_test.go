package api

import (
	"fmt"
	"strings"
	"testing"

	"schedule-server/pkg/service"
)

func TestPreview(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for _, c := range []struct {
		name, body string
		want       string // the moments, local times and notes
		count      int
	}{
		{"cron", `{"schedule":{"type":"cron","expression":"0 15 * * *","time_zone":"Asia/Shanghai"},"count":1}`,
			"2026-11-19T07:00:00.000Z 2026-11-19T15:00:00+08:00 ", 1},
		{"strictly after", `{"schedule":{"type":"cron","expression":"0 * * * *"},"count":1,"from":"2026-11-18T12:00:00Z"}`,
			"2026-11-18T13:00:00.000Z 2026-11-18T13:00:00+00:00 ", 1},
		{"interval from now", `{"schedule":{"type":"interval","every":"10s"},"count":1}`,
			"2026-11-18T11:06:50.000Z 2026-11-18T11:06:50+00:00 ", 1},
		{"interval from", `{"schedule":{"type":"interval","every":"1h"},"count":1,"from":"2020-01-01T00:00:00.5+01:00"}`,
			"2020-01-01T00:00:00.500Z 2020-01-01T00:00:00.5+00:00 ", 1},
		{"gap", `{"schedule":{"type":"cron","expression":"30 2 * * *","time_zone":"Europe/Berlin"},"count":1,"from":"2026-03-28T12:00:00Z"}`,
			"2026-03-29T01:30:00.000Z 2026-03-29T03:30:00+02:00 dst_gap", 1},
		{"no more", `{"schedule":{"type":"date","at":"2020-01-01T00:00:00Z"}}`, "", 0},
		{"never", `{"schedule":{"type":"cron","expression":"0 0 31 2 *"}}`, "", 0},
		{"ten", `{"schedule":{"type":"interval","every":"1s"},"count":null,"from":null}`, "2026-11-18T11:06:41.000Z 2026-11-18T11:06:41+00:00 ", 10},
		{"many", `{"schedule":{"type":"interval","every":"1s"},"count":1000}`, "2026-11-18T11:06:41.000Z 2026-11-18T11:06:41+00:00 ", 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			var p service.Preview
			w.call("POST", "/api/v1/schedules/preview", c.body).is(200).into(&p)
			if !p.Valid || p.Description.EN == "" || p.Description.ZH == "" || p.Warnings == nil || len(p.Next) != c.count {
				t.Fatalf("%+v", p)
			}
			if c.count > 0 {
				if got := fmt.Sprint(p.Next[0].At, " ", p.Next[0].Local, " ", p.Next[0].Note); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestPreviewOfFaults(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for body, want := range map[string]string{
		`{"schedule":{"type":"cron","expression":"61 * * * *"}}`:                          "schedule.expression",
		`{"schedule":{"type":"cron","fields":{"minute":"99","hour":"x"}}}`:                "schedule.fields.hour schedule.fields.minute",
		`{"schedule":{"type":"interval"}}`:                                                "schedule.every",
		`{"schedule":{"type":"date","at":"yesterday"}}`:                                   "schedule.at",
		`{"schedule":{"type":"cron","expression":"* * * * *","zone":"UTC"}}`:              "schedule.zone",
		`{"schedule":{"type":"cron","expression":"* * * * *","time_zone":"Nowhere/Now"}}`: "schedule.time_zone",
		`{"schedule":{}}`: "schedule.type",
		`{"schedule":[]}`: "schedule",
		`{"schedule":7}`:  "schedule",
		`{}`:              "schedule",
	} {
		t.Run(body, func(t *testing.T) {
			w.t = t
			var r refusal
			w.call("POST", "/api/v1/schedules/preview", body).is(200).into(&r)
			var fields []string
			for _, f := range r.Errors {
				fields = append(fields, f.Field)
			}
			if got := strings.Join(fields, " "); r.Valid || got != want {
				t.Errorf("fields %q, want %q", got, want)
			}
		})
	}
	schedule := `"schedule":{"type":"cron","expression":"* * * * *"}`
	for body, field := range map[string]string{
		`{` + schedule + `,"count":0}`:      "count",
		`{` + schedule + `,"count":1001}`:   "count",
		`{` + schedule + `,"count":"ten"}`:  "count",
		`{` + schedule + `,"from":"today"}`: "from",
		`{` + schedule + `,"to":"today"}`:   "to",
	} {
		w.call("POST", "/api/v1/schedules/preview", body).problem(422, "invalid", field)
	}
	w.call("POST", "/api/v1/schedules/preview", `[]`).problem(400, "malformed")
}
