package compat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"schedule-server/pkg/trigger"
)

// correction says what is right where the original was wrong.
type correction struct {
	// elsewhere: the path is not of this API, and not called.
	elsewhere bool
	// answer makes the right answer, from the others of the file and the exchange itself.
	answer func(tb testing.TB, all []exchange, e *exchange) recorded
}

// instead lists, by file and the number of the exchange, every answer of the original that is not given here.
func instead() map[string]map[int]correction {
	return map[string]map[int]correction{
		"01_date_basic": {16: gone()},
		"02_date_invalid": {
			1: refused("month", "month must be 1 to 12"), 2: refused("month", "month must be 1 to 12"),
			3: refused("day", "there is no day 30 in month 2 of the year 2099"),
			4: refused("day", "there is no day 29 in month 2 of the year 2023"),
			5: refused("day", "day must be 1 to 31"), 6: refused("hour", "hour must be 0 to 23"),
			7: refused("minute", "minute must be 0 to 59"), 8: refused("second", "second must be 0 to 59"),
			9: refused("second", "second must be 0 to 59"), 10: refused("year", "year must be 1 to 9999"),
			11: refused("year", "year must be 1 to 9999"),
			35: refused("url", "a URL is required"),
			36: refused("url", "a URL must begin with http:// or https://"),
			38: listWithout("nourl", "badurl"), 39: gone(),
		},
		"03_date_past":        {2: gone(), 3: gone()},
		"04_interval":         intervals(),
		"05_interval_invalid": invalidIntervals(),
		"06_cron_basic": {
			21: refusedCron("day_of_week"), 22: gone(),
			23: refused("day", "no date has day 31, month 2 and day_of_week *: this would never fire"), 24: gone(),
			25: listWithout("cx5", "cx6"),
			// the original answered success, and deleted the job
			30: failure("10012", "恢复Job ID不存在"), 31: gone(),
		},
		"07_cron_invalid":    invalidCrons(),
		"08_unknown_ids":     {4: gone(), 12: gone()},
		"09_get_jobs_filter": {20: gone()},
		"10_replace_kinds":   {6: interval("k", `{"hour":5,"minute":0,"second":0}`, "2026-11-23T07:05:08.719000+00:00")},
		"11_http": {
			1: elsewhere(), 3: elsewhere(), 4: elsewhere(), 5: elsewhere(), // the page, and the documentation of the whole service
			17: goneWith("access-control-allow-origin", "*", "access-control-allow-credentials", "true"),
		},
	}
}

// intervals are stored and run, which the original only said.
func intervals() map[int]correction {
	list := []correction{
		interval("iv0", `{"hour":1,"minute":0,"second":0}`, "2026-11-23T03:04:52.841000+00:00"),
		interval("iv1", `{"hour":1,"minute":30,"second":0}`, "2026-11-23T03:34:52.850000+00:00"),
		interval("iv2", `{"hour":1,"minute":30,"second":0}`, "2026-11-23T03:34:52.858000+00:00"),
		interval("iv3", `{"hour":23,"minute":59,"second":59}`, "2026-11-24T02:04:51.867000+00:00"),
		interval("iv4", `{"hour":24,"minute":0,"second":0}`, "2026-11-24T02:04:52.876000+00:00"),
		interval("iv5", `{"hour":25,"minute":1,"second":1}`, "2026-11-24T03:05:53.884000+00:00"),
		interval("iv6", `{"hour":24,"minute":0,"second":0}`, "2026-11-24T02:04:52.892000+00:00"),
		interval("iv7", `{"hour":0,"minute":0,"second":30}`, "2026-11-23T02:05:22.901000+00:00"),
		interval("iv8", `{"hour":1,"minute":0,"second":0}`, "2026-11-23T03:04:52.909000+00:00"),
	}
	const ten = `{"hour":0,"minute":0,"second":10}`
	i1 := interval("i1", ten, "2026-11-23T02:05:02.785000+00:00")
	right := map[int]correction{
		2: i1, 3: listOf(i1), 4: success(), 5: interval("i1", ten, ""), 6: success(), 7: i1, 8: success(),
		27: listOf(list[7], list[0], list[8], list[1], list[2], list[3], list[4], list[6], list[5]),
	}
	for i, one := range list {
		right[10+2*i] = one
		right[28+i] = success()
	}
	return right
}

func invalidIntervals() map[int]correction {
	short, long := "an interval is at least 1 second in all", "an interval is at most 106751 days (292 years) in all"
	return map[int]correction{
		2: failure("30001", "Please set the interval."),
		3: added("i1"), 4: added("i1"),
		6: refused("seconds", short), 7: gone(), 9: refused("seconds", short), 10: gone(),
		12: refused("hours", long), 13: refused("hours", long), 14: gone(),
		21: listOf(interval("i1", `{"hour":1,"minute":30,"second":0}`, "2026-11-23T03:34:55.765000+00:00")),
	}
}

func invalidCrons() map[int]correction {
	right := map[int]correction{
		// the old job stays
		32: refusedCron("minute"), 33: as(31), 34: listFrom(31),
		36: refused("month", "month must be 1 to 12"),
	}
	fields := []string{"second", "minute", "hour", "day", "day", "month", "month", "day_of_week", "day_of_week",
		"day_of_week", "minute", "minute", "minute", "minute", "minute", "minute", "minute", "minute", "day", "day",
		"day", "minute", "minute", "day_of_week", "month"}
	for i, name := range fields {
		right[i+1] = refusedCron(name)
	}
	right[15] = refused("minute", `minute: is empty; leave it out or write "*"`)
	return right
}

func elsewhere() correction { return correction{elsewhere: true} }

// fixed answers 200 with a body.
func fixed(body string, headers ...string) correction {
	return correction{answer: func(testing.TB, []exchange, *exchange) recorded {
		all := map[string]string{"content-type": "application/json"}
		for i := 0; i+1 < len(headers); i += 2 {
			all[headers[i]] = headers[i+1]
		}
		return recorded{Status: 200, Headers: all, JSON: json.RawMessage(body)}
	}}
}

func success() correction                   { return fixed(ok) }
func gone() correction                      { return fixed(unknown) }
func goneWith(headers ...string) correction { return fixed(unknown, headers...) }

func failure(code, message string) correction {
	return fixed(fmt.Sprintf(`{"success":false,"error":{"code":%q,"message":%q},"data":{}}`, code, message))
}

func added(id string) correction {
	return fixed(strings.Replace(ok, `"data":{}`, fmt.Sprintf(`"data":{"job_id":%q}`, id), 1))
}

// refused answers 422 for the meaning of one member.
func refused(name, msg string) correction {
	return correction{answer: func(tb testing.TB, _ []exchange, e *exchange) recorded {
		var given map[string]json.RawMessage
		if err := json.Unmarshal(e.Request.JSON, &given); err != nil || given[name] == nil {
			tb.Fatalf("the request has no %s: %v", name, err)
		}
		quoted := strconv.Quote(msg)
		return recorded{Status: 422, Headers: map[string]string{"content-type": "application/json"}, JSON: json.RawMessage(
			fmt.Sprintf(`{"detail":[{"type":"value_error","loc":["body",%q],"msg":%s,"input":%s}]}`, name, quoted, given[name]))}
	}}
}

// refusedCron is refused in the words of pkg/trigger.
func refusedCron(name string) correction {
	return correction{answer: func(tb testing.TB, all []exchange, e *exchange) recorded {
		var fields trigger.Fields
		var given map[string]string
		_ = json.Unmarshal(e.Request.JSON, &given)
		text, _ := json.Marshal(map[string]string{name: given[name]})
		if err := json.Unmarshal(text, &fields); err != nil {
			tb.Fatal(err)
		}
		_, err := trigger.Parse(trigger.Spec{Type: trigger.TypeCron, Fields: &fields}, "") // other schedulers' words are not taken here
		faults := trigger.AsErrors(err)
		if len(faults) != 1 || faults[0].Field != "fields."+name {
			tb.Fatalf("%s %q is refused by %v", name, given[name], err)
		}
		return refused(name, faults[0].Message).answer(tb, all, e)
	}}
}

// interval is get_job of an interval job; next empty: it is paused.
func interval(id, data, next string) correction {
	moment, status := "null", "paused"
	if next != "" {
		moment, status = `"`+next+`"`, "running"
	}
	return fixed(strings.Replace(ok, `"data":{}`, fmt.Sprintf(
		`"data":{"job_id":%q,"name":"requests_url","type":"interval","data":%s,`+
			`"request_url":"http://target.test/hit?job=%s","next_run_time":%s,"status":%q}`, id, data, id, moment, status), 1))
}

func listed(all []json.RawMessage) recorded {
	list, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	var plain bytes.Buffer
	_ = json.Compact(&plain, list)
	body := strings.Replace(ok, `"data":{}`, fmt.Sprintf(`"data":{"task_list":%s,"total":%d}`,
		strings.ReplaceAll(plain.String(), `\u0026`, "&"), len(all)), 1)
	return recorded{Status: 200, Headers: map[string]string{"content-type": "application/json"}, JSON: json.RawMessage(body)}
}

// listOf is get_jobs of what some answers of get_job show.
func listOf(jobs ...correction) correction {
	return correction{answer: func(tb testing.TB, all []exchange, e *exchange) recorded {
		var list []json.RawMessage
		for _, one := range jobs {
			list = append(list, tasks(tb, one.answer(tb, all, e).JSON)...)
		}
		return listed(list)
	}}
}

// listFrom is get_jobs of what one other recorded exchange shows.
func listFrom(n int) correction {
	return correction{answer: func(tb testing.TB, all []exchange, _ *exchange) recorded {
		return listed(tasks(tb, all[n-1].Response.JSON))
	}}
}

// listWithout is the recorded list without some jobs.
func listWithout(ids ...string) correction {
	return correction{answer: func(tb testing.TB, _ []exchange, e *exchange) recorded {
		return listed(drop(tasks(tb, e.Response.JSON), ids...))
	}}
}

// as is the answer of another recorded exchange.
func as(n int) correction {
	return correction{answer: func(_ testing.TB, all []exchange, _ *exchange) recorded { return all[n-1].Response }}
}
