package trigger

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// english is the wording of Describe in English.
type english struct{}

var (
	englishWeekdays = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	englishMonths   = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

func (e english) cron(d *description) string {
	text := e.time(d)
	if d.rule != nil {
		days := "working day"
		if d.rule.On == OnRestday {
			days = "day off"
		}
		return "every " + days + " (" + d.rule.ID + ") " + text + ", " + d.zone
	}
	if d.times != nil && d.days == nil && d.weekdays == 0 && d.weekdayPlaces == nil {
		text += " every day"
	}
	text += e.dates(d)
	if d.anyDateTime {
		return text
	}
	return text + ", " + d.zone
}

func (e english) and(list []string) string { return join(list, ", ", " and ") }

// time says at which times of a day.
func (e english) time(d *description) string {
	if d.times != nil {
		return "at " + e.and(d.times)
	}
	if d.minute.kind == shapeOne && d.second.kind == shapeOne {
		return e.hourly(d)
	}
	text, within := e.minutes(d)
	switch h := d.hour; {
	case h.kind == shapeAll && within:
		return text + " of every hour"
	case h.kind == shapeAll:
		return text
	case (h.kind == shapeOne || h.kind == shapeSpan) && !within:
		return text + " from " + clock(h.from, 0, 0) + " to " + clock(h.to, e.lastMinute(d.minute), 0)
	default:
		return text + " of " + e.of(h, "hour")
	}
}

// lastMinute is the last minute of an hour at which something happens.
func (english) lastMinute(m shape) int {
	if m.kind == shapeStep {
		return m.to
	}
	return 59
}

// hourly says what fires at one minute of some hours.
func (e english) hourly(d *description) string {
	minute, second := d.minute.from, d.second.from
	span := " from " + clock(d.hour.from, minute, second) + " to " + clock(d.hour.to, minute, second)
	switch h := d.hour; h.kind {
	case shapeAll:
		switch {
		case second != 0:
			return fmt.Sprintf("every hour at minute %d, second %d", minute, second)
		case minute != 0:
			return fmt.Sprintf("every hour at minute %d", minute)
		}
		return "every hour"
	case shapeStep:
		if minute == 0 && second == 0 && h.even() {
			return fmt.Sprintf("every %d hours", h.step)
		}
		return fmt.Sprintf("every %d hours", h.step) + span
	case shapeSpan:
		return "every hour" + span
	case shapeSteps:
		return fmt.Sprintf("every %d hours", h.step) + span
	default:
		text := fmt.Sprintf("at minute %d", minute)
		if second != 0 {
			text = fmt.Sprintf("at minute %d, second %d,", minute, second)
		}
		return text + " of " + e.of(h, "hour")
	}
}

// minutes says at which minutes and seconds; within: the phrase still needs its hour.
func (e english) minutes(d *description) (text string, within bool) {
	within = d.minute.kind != shapeAll && d.minute.kind != shapeStep
	if d.second.kind == shapeOne && d.second.from == 0 {
		return e.every(d.minute, "minute", "hour"), within
	}
	if d.minute.kind != shapeAll && d.second.kind == shapeStep {
		return fmt.Sprintf("every %d seconds of %s", d.second.step, e.of(d.minute, "minute")), within
	}
	text = e.every(d.second, "second", "minute")
	rhythm := d.second.kind == shapeAll || d.second.kind == shapeStep
	if rhythm && d.minute.kind == shapeAll {
		return text, false
	}
	return text + " of " + e.of(d.minute, "minute"), within
}

// every says a field as a rhythm or a list: "every 5 minutes", "at minutes 5 and 10".
func (e english) every(s shape, unit, larger string) string {
	switch s.kind {
	case shapeAll:
		return "every " + unit
	case shapeStep:
		text := fmt.Sprintf("every %d %ss", s.step, unit)
		if !s.even() {
			text += " of each " + larger
		}
		return text
	case shapeOne:
		return fmt.Sprintf("at %s %d", unit, s.from)
	case shapeSpan:
		return fmt.Sprintf("every %s from %s %d to %d", unit, unit, s.from, s.to)
	case shapeSteps:
		return fmt.Sprintf("every %d %ss from %s %d to %d", s.step, unit, unit, s.from, s.to)
	default:
		return "at " + unit + "s " + e.list(s)
	}
}

// of says a field as what a smaller one lies in: "every 3rd minute", "minutes 5 and 10".
func (e english) of(s shape, unit string) string {
	switch s.kind {
	case shapeAll:
		return "every " + unit
	case shapeStep:
		return "every " + ordinal(s.step) + " " + unit
	case shapeOne:
		return fmt.Sprintf("%s %d", unit, s.from)
	case shapeSpan:
		return fmt.Sprintf("every %s from %d to %d", unit, s.from, s.to)
	case shapeSteps:
		return fmt.Sprintf("every %s %s from %d to %d", ordinal(s.step), unit, s.from, s.to)
	default:
		return unit + "s " + e.list(s)
	}
}

func (e english) list(s shape) string {
	var items []string
	for _, one := range s.items {
		switch one.kind {
		case shapeOne:
			items = append(items, strconv.Itoa(one.from))
		case shapeSpan:
			items = append(items, fmt.Sprintf("%d to %d", one.from, one.to))
		default:
			items = append(items, fmt.Sprintf("every %s from %d to %d", ordinal(one.step), one.from, one.to))
		}
	}
	return e.and(items)
}

func (e english) interval(every time.Duration, anchor, zone string) string {
	text := "every " + englishDuration(every)
	if anchor != "" {
		text += ", counted from " + anchor + ", " + zone
	}
	return text
}

func (english) date(at, zone string) string { return "once at " + at + ", " + zone }

func (english) bounds(from, until string) string {
	text := ""
	if from != "" {
		text += "; from " + from
	}
	if until != "" {
		if text == "" {
			text = ";"
		}
		text += " until " + until
	}
	return text
}

func (e english) except(list []Exclusion) string {
	var items []string
	for _, one := range list {
		items = append(items, e.exclusion(one))
	}
	const few = 3
	if len(items) > few {
		items = append(items[:few-1], fmt.Sprintf("%d more exclusions", len(items)-few+1))
	}
	return "; except " + e.and(items)
}

func (e english) exclusion(one Exclusion) string {
	var kinds []string
	if n := len(one.Dates); n > 0 {
		switch {
		case one.Name != "":
			kinds = append(kinds, fmt.Sprintf("%s (%s)", one.Name, plural(n, "date")))
		case n > 3:
			kinds = append(kinds, fmt.Sprintf("on %s and %s", strings.Join(one.Dates[:2], ", "), plural(n-2, "more date")))
		default:
			kinds = append(kinds, "on "+e.and(one.Dates))
		}
	} else if one.Name != "" {
		kinds = append(kinds, one.Name+":")
	}
	if len(one.Weekdays) > 0 {
		d := &description{weekdays: excludedWeekdays(one.Weekdays)}
		kinds = append(kinds, "on "+e.weekdays(d))
	}
	var times []string
	for _, r := range one.Times {
		times = append(times, "from "+r.From+" to "+r.To)
	}
	if len(times) > 0 {
		kinds = append(kinds, e.and(times))
	}
	return strings.Join(kinds, " ")
}

// ordinal writes 1st, 2nd, 3rd, 4th, …
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// englishDuration says "10 seconds", "hour", "36 hours", "1 hour 30 minutes".
func englishDuration(d time.Duration) string {
	var items []string
	for i, n := range durationParts(d) {
		if n == 0 {
			continue
		}
		name := [...]string{"day", "hour", "minute", "second", "millisecond"}[i]
		if n == 1 && d == durationSizes[i] {
			return name
		}
		items = append(items, plural(n, name))
	}
	return strings.Join(items, " ")
}
