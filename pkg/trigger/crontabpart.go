package trigger

import (
	"fmt"
	"strings"
)

// crontabReader reads the fields of one expression into parts.
type crontabReader struct {
	seed   string
	at     faults
	parts  []part
	failed bool
}

// read reads one field; each faulty element becomes a fault of its own.
func (r *crontabReader) read(f *crontabField, text string) {
	for rest, more := text, true; more; {
		var element string
		element, rest, more = strings.Cut(rest, ",")
		p, code, problem := r.element(f, element)
		if problem == "" {
			r.parts = append(r.parts, p)
			continue
		}
		if element != text {
			problem += " (in " + quote(text) + ")"
		}
		r.failed = true
		r.at.add(code, f.name+": "+problem)
	}
}

// element reads one element of a list; the problem is "" when it is valid.
func (r *crontabReader) element(f *crontabField, s string) (p part, code, problem string) {
	p.field = int8(f.at)
	if s == "" {
		return p, CodeInvalid, "an element of the list is empty; take out the extra comma"
	}
	body, stepText, hasStep := strings.Cut(s, "/")
	if hasStep {
		step, problem := number(stepText, "step")
		if problem != "" {
			return p, CodeInvalid, problem
		}
		if step == 0 {
			return p, CodeInvalid, fmt.Sprintf("the step in %s is 0; write 1 or more", quote(s))
		}
		p.step = int16(min(step, 1000))
	}
	switch {
	case body == "*":
		return p, "", ""
	case body == "?":
		return questionMark(f, p, hasStep)
	case body == "":
		return p, CodeInvalid, fmt.Sprintf("%s has no start; write *%s", quote(s), s)
	case body[0] == 'H' || body[0] == 'h':
		return r.hashed(f, p, body)
	}
	if found, problem, ok := special(f, p, body, hasStep); ok {
		return found, CodeInvalid, problem
	}
	p, problem = crontabRange(f, p, s, body)
	return p, CodeInvalid, problem
}

// questionMark is Quartz's "no specific value": the same as * in a day field.
func questionMark(f *crontabField, p part, hasStep bool) (part, string, string) {
	if f.at != atDay && f.at != atDayOfWeek {
		return p, CodeInvalid, "? stands for any day only; write *"
	}
	if hasStep {
		return p, CodeInvalid, "? takes no step; write *"
	}
	return p, "", ""
}

// hashed reads H, H/n, H(a-b) and H(a-b)/n: Jenkins' way to spread jobs.
func (r *crontabReader) hashed(f *crontabField, p part, body string) (part, string, string) {
	low, high := f.min, f.max
	if f.hash > 0 {
		high = f.hash
	}
	p.kind, p.hash = partRange, true
	whole := len(body) == 1
	if !whole {
		inner, ok := strings.CutPrefix(body[1:], "(")
		inner, closed := strings.CutSuffix(inner, ")")
		first, last, isRange := strings.Cut(inner, "-")
		if !ok || !closed || !isRange {
			return p, CodeInvalid, fmt.Sprintf("%s is not a hash; write H, H/15, H(0-29) or H(0-29)/10", quote(body))
		}
		var problem string
		if low, problem = bounded(first, f.fieldInfo); problem != "" {
			return p, CodeInvalid, problem
		}
		if high, problem = bounded(last, f.fieldInfo); problem != "" {
			return p, CodeInvalid, problem
		}
		if high < low {
			return p, CodeInvalid, fmt.Sprintf("%s runs backwards; write H(%d-%d)", quote(body), high, low)
		}
	}
	h := hash(r.seed, uint64(f.at))
	count := high - low + 1
	if p.step == 0 {
		p.from = int16(low + int(hashBelow(h, uint64(count))))
		p.to = p.from
		return p, "", ""
	}
	if int(p.step) > count {
		return p, CodeInvalid, fmt.Sprintf("the step in %s/%d is wider than its range; the widest is %d", clip(body), p.step, count)
	}
	p.from = int16(low + int(hashBelow(h, uint64(p.step))))
	p.to = int16(high)
	return p, "", ""
}

// special reads L, L-3, LW, 15W in the day of month, 5L and 5#2 in the day of week.
func special(f *crontabField, p part, s string, hasStep bool) (_ part, problem string, ok bool) {
	if hasStep {
		return p, "", false
	}
	switch f.at {
	case atDay:
		return specialDay(f, p, s)
	case atDayOfWeek:
		return specialWeekday(f, p, s)
	}
	return p, "", false
}

func specialDay(f *crontabField, p part, raw string) (_ part, problem string, ok bool) {
	s := strings.ToLower(raw)
	if strings.Contains(s, "#") {
		return p, fmt.Sprintf("%s belongs in the day of week: 5#2 is the second Friday", quote(raw)), true
	}
	body, near := strings.CutSuffix(s, "w")
	rest, fromEnd := strings.CutPrefix(body, "l")
	switch {
	case fromEnd:
		p.kind = partFromEnd
		if near {
			p.kind = partNearEnd
		}
		if rest == "" {
			return p, "", true
		}
		back, problem := number(strings.TrimPrefix(rest, "-"), "number")
		if problem != "" || rest[0] != '-' || back < 1 || back > 30 {
			return p, fmt.Sprintf("%s is not a day; write L, LW, or L-1 to L-30", quote(raw)), true
		}
		p.from = int16(back)
		return p, "", true
	case near:
		n, problem := bounded(body, f.fieldInfo)
		if problem != "" {
			return p, fmt.Sprintf("%s is not a day; write 1W to 31W, or LW", quote(raw)), true
		}
		p.kind, p.from = partNear, int16(n)
		return p, "", true
	case strings.HasSuffix(s, "l"):
		return p, fmt.Sprintf("%s belongs in the day of week: 5L is the last Friday; the last day is L", quote(raw)), true
	}
	return p, "", false
}

func specialWeekday(f *crontabField, p part, raw string) (_ part, problem string, ok bool) {
	s := strings.ToLower(raw)
	if s == "l" {
		return p, "L alone means Saturday to some and the last day to others; write 6, or 5L for the last Friday", true
	}
	if name, nth, isNth := strings.Cut(s, "#"); isNth {
		weekday, known := crontabValue(f, name)
		if known != "" || len(nth) != 1 || nth[0] < '1' || nth[0] > '5' {
			return p, fmt.Sprintf("%s is not a position; write like 5#2 or fri#2, the second Friday, with 1 to 5", quote(raw)), true
		}
		p.kind, p.from, p.to, p.named = partNth, int16(weekday%7), int16(nth[0]-'0'), name[0] > '9'
		return p, "", true
	}
	if name, last := strings.CutSuffix(s, "l"); last {
		weekday, known := crontabValue(f, name)
		if known != "" {
			return p, fmt.Sprintf("%s is not a weekday; write like 5L or friL, the last Friday", quote(raw)), true
		}
		p.kind, p.from, p.to, p.named = partNth, int16(weekday%7), lastNth, name[0] > '9'
		return p, "", true
	}
	if strings.HasSuffix(s, "w") && len(s) <= 3 && s[0] <= '9' {
		return p, fmt.Sprintf("%s belongs in the day of month: 15W is the weekday nearest to the 15th", quote(raw)), true
	}
	return p, "", false
}

// crontabRange reads a, a-b, a-b/c and a/c, in numbers, names or both.
func crontabRange(f *crontabField, p part, s, body string) (part, string) {
	p.kind = partRange
	first, last, isRange := strings.Cut(body, "-")
	if first == "" {
		return p, fmt.Sprintf("%s has no start; write like 1-5", quote(s))
	}
	from, problem := crontabValue(f, first)
	if problem != "" {
		return p, problem
	}
	p.from, p.to = int16(from), int16(from)
	p.named = first[0] > '9'
	if !isRange {
		if p.step > 0 {
			p.open = true
			p.to = int16(f.max)
			if f.at == atDayOfWeek {
				p.to = 6
			}
		}
		return p, ""
	}
	if last == "" {
		return p, fmt.Sprintf("%s has no end; write like %s-%d", quote(s), first, f.max)
	}
	to, problem := crontabValue(f, last)
	if problem != "" {
		return p, problem
	}
	p.to = int16(to)
	if to >= from {
		return p, ""
	}
	if last[0] <= '9' { // numbers have no day after the last; names go round
		right := ascending(from, f.max)
		if f.at != atDayOfWeek || to > 0 { // Sunday is the end of the week as well
			right += "," + ascending(f.min, to)
		}
		return p, fmt.Sprintf("%s runs backwards; write %s", quote(s), right)
	}
	p.named, p.wraps = true, true
	if f.at == atDayOfWeek && from == 7 {
		p.from, p.wraps = 0, false
	}
	return p, ""
}

// crontabValue reads a number or a name.
func crontabValue(f *crontabField, s string) (int, string) {
	if s == "" {
		return 0, "a number is missing"
	}
	if s[0] >= '0' && s[0] <= '9' {
		return bounded(s, f.fieldInfo)
	}
	lower := strings.ToLower(s)
	if f.names == nil {
		return 0, notNumber(s, f.fieldInfo)
	}
	i := indexOf(f.names, lower)
	if i < 0 {
		return 0, fmt.Sprintf("%s is not a name of this field; write %s", quote(s)+named(s), nameChoice(f.names, lower))
	}
	return i + f.min, ""
}
