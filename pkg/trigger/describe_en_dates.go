package trigger

import (
	"fmt"
	"strconv"
	"strings"
)

// dates says on which days; it starts with a space or a comma unless it is empty.
func (e english) dates(d *description) string {
	days, weekdays := e.days(d), e.weekdays(d)
	monthDone := false
	text := ""
	switch {
	case days != "" && weekdays != "" && d.either:
		if _, _, ok := run(uint64(d.weekdays), 0, 6); ok && d.weekdayPlaces == nil {
			weekdays = "from " + weekdays
		} else {
			weekdays = "on " + weekdays
		}
		text = " on " + days + " of the month or " + weekdays
		if d.months != 0 {
			text += "," + strings.TrimPrefix(e.inMonths(d.months), ",")
			monthDone = true
		}
	case days != "":
		text = " on " + days + " of " + e.ofMonth(d.months)
		monthDone = true
		if weekdays != "" {
			text += " if it is " + e.condition(d, weekdays)
		}
	case weekdays != "":
		if _, _, ok := run(uint64(d.weekdays), 0, 6); ok && d.weekdayPlaces == nil {
			text = ", " + weekdays
		} else {
			text = " on " + weekdays
		}
	}
	if d.months != 0 && !monthDone {
		text += e.inMonths(d.months)
	}
	if d.weeks != nil {
		text += " in ISO " + e.numbers(d.weeks, "week")
	}
	if d.years != nil {
		text += " in " + e.years(d.years)
	}
	return text
}

// condition says the weekdays a day must fall on as well.
func (e english) condition(d *description, weekdays string) string {
	if d.weekdayPlaces == nil {
		if _, _, ok := run(uint64(d.weekdays), 0, 6); !ok {
			names := e.weekdayNames(d.weekdays)
			return "a " + join(names, ", ", " or ")
		}
	}
	return weekdays
}

func (e english) days(d *description) string {
	var items []string
	for _, p := range d.days {
		items = append(items, e.day(p, d.dialect))
	}
	return e.and(items)
}

func (e english) day(p part, dialect dialect) string {
	from, to, step := int(p.from), int(p.to), int(p.step)
	switch p.kind {
	case partAll:
		return "every " + ordinal(step) + " day from the 1st"
	case partFromEnd:
		switch from {
		case 0:
			return "the last day"
		case 1:
			return "the day before the last day"
		}
		return fmt.Sprintf("the %s day before the last day", ordinal(from))
	case partNear:
		return "the working day nearest the " + ordinal(from)
	case partNearEnd:
		if from == 0 {
			return "the last working day"
		}
		return fmt.Sprintf("the working day nearest the %s day before the last day", ordinal(from))
	case partNth:
		return e.place(p, dialect)
	}
	switch {
	case from == to:
		return "the " + ordinal(from)
	case step > 1:
		return fmt.Sprintf("every %s day from the %s to the %s", ordinal(step), ordinal(from), ordinal(to-(to-from)%step))
	default:
		return fmt.Sprintf("days %d to %d", from, to)
	}
}

// place says "the 2nd Friday".
func (english) place(p part, dialect dialect) string {
	which := "last"
	if p.to != lastNth {
		which = ordinal(int(p.to))
	}
	return "the " + which + " " + englishWeekdays[(dialect.weekday(int(p.from))+6)%7]
}

func (english) weekdayNames(set uint8) []string {
	var names []string
	for _, i := range mondayFirst(set) {
		names = append(names, englishWeekdays[i])
	}
	return names
}

func (e english) weekdays(d *description) string {
	var items []string
	if d.weekdays != 0 {
		if from, to, ok := run(uint64(d.weekdays), 0, 6); ok {
			items = append(items, englishWeekdays[(from+6)%7]+" to "+englishWeekdays[(to+6)%7])
		} else {
			items = e.weekdayNames(d.weekdays)
		}
	}
	for _, p := range d.weekdayPlaces {
		items = append(items, e.place(p, d.dialect))
	}
	text := e.and(items)
	if d.weekdayPlaces != nil {
		text += " of the month"
	}
	return text
}

func (english) monthNames(set uint16) []string {
	var names []string
	for _, i := range setOf(uint64(set)) {
		names = append(names, englishMonths[i-1])
	}
	return names
}

// ofMonth follows "the 1st of".
func (e english) ofMonth(set uint16) string {
	if set == 0 {
		return "the month"
	}
	if from, to, ok := run(uint64(set), 1, 12); ok {
		return "each month from " + englishMonths[from-1] + " to " + englishMonths[to-1]
	}
	return e.and(e.monthNames(set))
}

func (e english) inMonths(set uint16) string {
	if from, to, ok := run(uint64(set), 1, 12); ok {
		return ", " + englishMonths[from-1] + " to " + englishMonths[to-1]
	}
	return " in " + e.and(e.monthNames(set))
}

// numbers says weeks: "week 53", "weeks 1 and 10 to 20".
func (e english) numbers(parts []part, unit string) string {
	var items []string
	for _, p := range parts {
		items = append(items, e.number(p))
	}
	if len(parts) > 1 || !parts[0].single() && parts[0].kind == partRange {
		unit += "s"
	}
	return unit + " " + e.and(items)
}

func (english) number(p part) string {
	switch from, to, step := int(p.from), int(p.to), int(p.step); {
	case p.kind == partAll:
		return fmt.Sprintf("1 and every %s after it", ordinal(step))
	case from == to:
		return strconv.Itoa(from)
	case step > 1:
		return fmt.Sprintf("every %s from %d to %d", ordinal(step), from, to-(to-from)%step)
	default:
		return fmt.Sprintf("%d to %d", from, to)
	}
}

func (e english) years(parts []part) string {
	var items []string
	for _, p := range parts {
		from, to, step := int(p.from), int(p.to), int(p.step)
		if p.kind == partAll {
			from, to = fieldInfos[atYear].min, fieldInfos[atYear].max
		}
		switch {
		case from == to:
			items = append(items, strconv.Itoa(from))
		case step > 1 && (p.open || p.kind == partAll):
			items = append(items, fmt.Sprintf("every %s year from %d", ordinal(step), from))
		case step > 1:
			items = append(items, fmt.Sprintf("every %s year from %d to %d", ordinal(step), from, to-(to-from)%step))
		default:
			items = append(items, fmt.Sprintf("%d to %d", from, to))
		}
	}
	return e.and(items)
}
