package trigger

import (
	"fmt"
	"strconv"
	"strings"
)

// The APScheduler dialect: lists of *, */a, a-b, a-b/c, a/c; names for months and weekdays without a step; in the day
// field also "last", "2nd fri", "last sun". A step wider than its range is refused, as APScheduler does.

const maxFieldLength = 256

var (
	monthNames   = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = [...]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	ordinals     = [...]string{"1st", "2nd", "3rd", "4th", "5th", "last"}
)

// parseField reads one field into parts and reports whether it is valid.
func parseField(field int, text string, at faults) ([]part, bool) {
	info := fieldInfos[field]
	fail := func(format string, args ...any) bool {
		at.add(CodeInvalid, info.name+": "+fmt.Sprintf(format, args...))
		return false
	}
	if len(text) > maxFieldLength {
		return nil, fail("is longer than %d bytes", maxFieldLength)
	}
	text = strings.Trim(text, " \t\r\n")
	if text == "" {
		return nil, fail(`is empty; leave it out or write "*"`)
	}
	var parts []part
	ok := true
	for _, element := range strings.Split(text, ",") {
		element = strings.Trim(element, " ")
		p, problem := parseFieldPart(field, element)
		if problem != "" {
			if text != element {
				problem += " (in " + quote(text) + ")"
			}
			ok = fail("%s", problem)
			continue
		}
		parts = append(parts, p)
	}
	return parts, ok
}

// parseFieldPart reads one element of a list; the problem is "" when it is valid.
func parseFieldPart(field int, raw string) (part, string) {
	s := strings.ToLower(raw)
	info := fieldInfos[field]
	p := part{field: int8(field)}
	if s == "" {
		return p, "an element of the list is empty; take out the extra comma"
	}
	if field == atDay {
		if found, problem, ok := dayPosition(p, s); ok {
			return found, problem
		}
	}
	body, stepText, hasStep := strings.Cut(s, "/")
	if hasStep {
		step, problem := number(stepText, "step")
		if problem != "" {
			return p, problem
		}
		if step == 0 {
			return p, fmt.Sprintf("the step in %s is 0; write 1 or more", quote(s))
		}
		p.step = int16(min(step, 1<<14))
	}
	if body == "*" {
		if int(p.step) > info.max-info.min {
			return p, tooWide(s, int(p.step), info.max-info.min)
		}
		return p, ""
	}
	p.kind = partRange
	if body != "" && (body[0] < '0' || body[0] > '9') {
		return namedRange(p, info, raw, body, hasStep)
	}
	return numberRange(p, info, s, body)
}

// numberRange reads a, a-b, a/c and a-b/c.
func numberRange(p part, info fieldInfo, s, body string) (part, string) {
	first, last, isRange := strings.Cut(body, "-")
	from, problem := bounded(first, info)
	if problem != "" {
		return p, problem + foreign(int(p.field), s)
	}
	p.from, p.to = int16(from), int16(from)
	to := from
	switch {
	case isRange:
		if to, problem = bounded(last, info); problem != "" {
			return p, problem + foreign(int(p.field), s)
		}
		if to < from {
			return p, fmt.Sprintf("%s runs backwards; write %s,%s", quote(s), ascending(from, info.max), ascending(info.min, to))
		}
		p.to = int16(to)
	case p.step > 0:
		p.open = true
		p.to, to = int16(info.max), info.max
	}
	width := to - from
	if to == 0 { // APScheduler takes a last value of 0 for none, so 0-0/7 passes
		width = info.max - from
	}
	if int(p.step) > width {
		return p, tooWide(s, int(p.step), width)
	}
	return p, ""
}

// namedRange reads names and ranges of names. raw is the element as it was written, body in lower case and without
// its step.
func namedRange(p part, info fieldInfo, raw, body string, hasStep bool) (part, string) {
	names, s := fieldNames(int(p.field)), strings.ToLower(raw)
	if names == nil {
		return p, notNumber(raw, info) + foreign(int(p.field), s)
	}
	first, last, isRange := strings.Cut(body, "-")
	from := indexOf(names, first)
	to := from
	if isRange {
		to = indexOf(names, last)
	}
	if from < 0 || to < 0 {
		wrong := first
		if from >= 0 {
			wrong = last
		}
		if wrong == "" {
			return p, fmt.Sprintf("%s lacks a name; write like %s-%s", quote(raw), names[0], names[4])
		}
		return p, fmt.Sprintf("%s is not a name of this field; write %s", quote(wrong), nameChoice(names, wrong)) + foreign(int(p.field), s)
	}
	if hasStep {
		return p, fmt.Sprintf("%s has a step on names; write it with numbers, %d-%d/%d", quote(raw), from+info.min, to+info.min, p.step)
	}
	if to < from {
		return p, fmt.Sprintf("%s runs backwards; write %s,%s", quote(raw), nameSpan(names, from, len(names)-1), nameSpan(names, 0, to))
	}
	p.named = true
	p.from, p.to = int16(from+info.min), int16(to+info.min)
	return p, ""
}

// dayPosition reads "last", "2nd fri" and "last sun"; ok is false when s is none of these.
func dayPosition(p part, s string) (_ part, problem string, ok bool) {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }) // other white space is not APScheduler's
	nth := indexOf(ordinals[:], words[0])
	if nth < 0 {
		if len(words) == 2 && indexOf(weekdayNames[:], words[1]) >= 0 {
			return p, fmt.Sprintf("%s is not a position; write 1st, 2nd, 3rd, 4th, 5th or last", quote(words[0])), true
		}
		return p, "", false
	}
	if len(words) == 1 && words[0] == "last" {
		p.kind = partFromEnd
		return p, "", true
	}
	if len(words) != 2 || indexOf(weekdayNames[:], words[1]) < 0 {
		return p, fmt.Sprintf("%s is not a position; write like \"2nd fri\" or \"last sun\"", quote(s)), true
	}
	p.kind, p.named = partNth, true
	p.from, p.to = int16(indexOf(weekdayNames[:], words[1])), int16(nth+1)
	return p, "", true
}

// canonParts writes parts as APScheduler's own str() does.
func canonParts(field int, parts []part) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(',')
		}
		switch p.kind {
		case partAll:
			b.WriteByte('*')
		case partFromEnd:
			b.WriteString("last")
		case partNth:
			b.WriteString(ordinals[p.to-1] + " " + weekdayNames[p.from])
		default:
			b.WriteString(fieldValue(field, p, int(p.from)))
			if !p.open && p.to != p.from {
				b.WriteString("-" + fieldValue(field, p, int(p.to)))
			}
		}
		if p.step > 0 {
			b.WriteString("/" + strconv.Itoa(int(p.step)))
		}
	}
	return b.String()
}

func fieldValue(field int, p part, n int) string {
	if p.named {
		return fieldNames(field)[n-fieldInfos[field].min]
	}
	return strconv.Itoa(n)
}

func fieldNames(field int) []string {
	switch field {
	case atMonth:
		return monthNames[:]
	case atDayOfWeek:
		return weekdayNames[:]
	default:
		return nil
	}
}
