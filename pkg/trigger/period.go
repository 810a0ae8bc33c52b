package trigger

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Period is so many days, weeks, months or years, one of the four.
type Period struct {
	Days   int `json:"days,omitempty"`
	Weeks  int `json:"weeks,omitempty"`
	Months int `json:"months,omitempty"`
	Years  int `json:"years,omitempty"`
}

// What becomes of an occurrence on a day that its month lacks.
const (
	// OverflowLast moves it to the month's last day.
	OverflowLast = "last"
	// OverflowSkip leaves it out.
	OverflowSkip = "skip"
)

// maxPeriod bounds the number of a Period.
const maxPeriod = 10_000

var clockText = regexp.MustCompile(`^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$`)

// readPeriod reads {"weeks": 2}.
func (s *Spec) readPeriod(value json.RawMessage, at faults) {
	object(value, at, func(name string, value json.RawMessage, at faults) bool {
		var into *int
		switch name {
		case "days":
			into = &s.Period.Days
		case "weeks":
			into = &s.Period.Weeks
		case "months":
			into = &s.Period.Months
		case "years":
			into = &s.Period.Years
		default:
			return false
		}
		if json.Unmarshal(value, into) != nil || *into < 1 || *into > maxPeriod {
			*into = 0
			at.add(CodeInvalid, fmt.Sprintf("must be a whole number from 1 to %d", maxPeriod))
		}
		return true
	})
}

// one returns the unit of a period and its number; false unless exactly one is given.
func (p Period) one() (unit string, n int, ok bool) {
	given := 0
	for _, each := range []struct {
		unit string
		n    int
	}{{"day", p.Days}, {"week", p.Weeks}, {"month", p.Months}, {"year", p.Years}} {
		if each.n != 0 {
			given++
			unit, n = each.unit, each.n
		}
	}
	return unit, n, given == 1 && n > 0 && n <= maxPeriod
}

// periodic is a compiled calendar interval. Days are counted as civil days.
type periodic struct {
	unit     string
	n        int64
	first    int64 // the day of the first occurrence, if it is one
	monday   int64 // of the week of first
	month    int64 // of first, counted from year 0
	day      int   // of first
	weekdays uint8 // bit 0 = Sunday
	skip     bool  // a day that the month lacks
	second   int64 // of the day
}

func (p *Parser) parseCalendarInterval(s *Schedule, spec *Spec, at faults) {
	refuseMembers(spec, at, false, spec.Anchor != nil, spec.At != nil)
	refuseCron(spec, at)
	unit, n, ok := spec.Period.one()
	switch {
	case spec.Period == (Period{}):
		at.at("every").add(CodeRequired, `is missing; write like {"weeks": 2}`)
	case !ok:
		at.at("every").add(CodeInvalid, `holds one of days, weeks, months and years, such as {"weeks": 2}`)
	}
	second := int64(0)
	if spec.Clock == "" {
		at.at("at").add(CodeRequired, `is missing; write a time of day such as "09:00"`)
	} else {
		var problem string
		if second, problem = clockTime(spec.Clock, false); problem != "" {
			at.at("at").add(CodeInvalid, problem)
		}
	}
	weekdays := uint8(0)
	for i, one := range spec.Weekdays {
		set, problem := weekdayRange(one)
		if problem != "" {
			at.at(fmt.Sprintf("weekdays[%d]", i)).add(CodeInvalid, problem)
		}
		weekdays |= set
	}
	if len(spec.Weekdays) > 0 && ok && unit != "week" {
		at.at("weekdays").add(CodeInvalid, `belongs to "every": {"weeks": …}`)
	}
	if spec.Overflow != "" && spec.Overflow != OverflowLast && spec.Overflow != OverflowSkip {
		at.at("overflow").add(CodeInvalid, quote(spec.Overflow)+" is not known; write last or skip")
	}
	if spec.StartAt == nil || *spec.StartAt < MinInstant || *spec.StartAt > MaxInstant {
		at.at("start_at").add(CodeRequired, "is missing; the periods are counted from it")
		return
	}
	t := floorDiv(int64(*spec.StartAt), 1000)
	first := floorDiv(t+s.zone.at(t).offset, daySeconds)
	year, month, day := dateOf(first)
	if weekdays == 0 {
		weekdays = 1 << weekdayOf(first)
	}
	s.periodic = &periodic{
		unit: unit, n: int64(n), first: first, monday: first - int64(weekdayOf(first)+6)%7, month: int64(year)*12 + int64(month) - 1, day: day,
		weekdays: weekdays, skip: spec.Overflow == OverflowSkip, second: second,
	}
	if unit == "year" {
		s.periodic.n *= 12
	}
}

// next returns the first day of the series at or after a day; false when there is none.
func (p *periodic) next(day int64) (int64, bool) {
	day = max(day, p.first)
	switch p.unit {
	case "day":
		return p.first + (day-p.first+p.n-1)/p.n*p.n, true
	case "week":
		length := 7 * p.n
		start := p.monday + (day-p.monday)/length*length // of the last week of the series that has begun
		for ; ; start += length {
			for d := max(start, day); d < start+7; d++ {
				if p.weekdays>>weekdayOf(d)&1 != 0 {
					return d, true
				}
			}
		}
	}
	year, month, _ := dateOf(day)
	now := int64(year)*12 + int64(month) - 1
	for at := p.month + (now-p.month)/p.n*p.n; at < (maxYear+1)*12; at += p.n {
		year, month := int(at/12), int(at%12)+1
		of := p.day
		if length := monthLength(year, month); of > length {
			if p.skip {
				continue
			}
			of = length
		}
		if found := daysOf(year, month, of); found >= day {
			return found, true
		}
	}
	return 0, false
}

// periodic returns the first occurrence of a calendar interval at or after a moment.
func (s *Schedule) nextPeriodic(from Instant) (Instant, bool) {
	t := floorDiv(int64(from)+999, 1000)
	day := floorDiv(t+s.zone.at(t).offset, daySeconds) - 2 // no gap moves an occurrence by more
	for {
		found, ok := s.periodic.next(day)
		if !ok || found > daysOf(maxYear, 12, 31) {
			return 0, false
		}
		if at := s.zone.instant(found*daySeconds + s.periodic.second); at >= t {
			if at > int64(MaxInstant)/1000 {
				return 0, false
			}
			return Instant(at * 1000), true
		}
		day = found + 1
	}
}

// clock is the time of day as it is shown.
func (p *periodic) clock() string {
	return clock(int(p.second/3600), int(p.second/60%60), int(p.second%60))
}

func (e english) periodic(s *Schedule, zone string) string {
	p := s.periodic
	text := "at " + p.clock() + " every "
	n := int(p.n)
	unit := p.unit
	if unit == "year" {
		n /= 12
	}
	if n == 1 {
		text += unit
	} else {
		text += plural(n, unit)
	}
	year, month, day := dateOf(p.first)
	switch unit {
	case "week":
		text += " on " + e.and(e.weekdayNames(p.weekdays))
	case "month":
		text += " on the " + ordinal(day)
	case "year":
		text += " on the " + ordinal(day) + " of " + englishMonths[month-1]
	}
	text += p.overflowWords(day, month, ", or the month's last day", ", left out where there is no such day")
	return text + fmt.Sprintf(", counted from %04d-%02d-%02d, %s", year, month, day, zone)
}

func (c chinese) periodic(s *Schedule, zone string) string {
	p := s.periodic
	n := int(p.n)
	if p.unit == "year" {
		n /= 12
	}
	count := ""
	if n > 1 {
		count = fmt.Sprintf(" %d ", n)
	}
	year, month, day := dateOf(p.first)
	text := "每" + count
	switch p.unit {
	case "day":
		text += "天"
	case "week":
		var names []string
		for _, i := range mondayFirst(p.weekdays) {
			names = append(names, "周"+chineseWeekdays[i])
		}
		text += "周的" + c.and(names)
	case "month":
		text += strings.TrimSpace(map[bool]string{true: "个", false: ""}[n > 1]) + fmt.Sprintf("月的 %d 日", day)
	default:
		text += fmt.Sprintf("年的 %d 月 %d 日", month, day)
	}
	text += p.overflowWords(day, month, "（没有该日则为当月最后一天）", "（没有该日则跳过）")
	return text + " " + p.clock() + fmt.Sprintf("，自 %04d-%02d-%02d 起计，%s", year, month, day, zone)
}

// overflowWords are those for a day that some month or year lacks; empty where none does.
func (p *periodic) overflowWords(day, month int, last, skip string) string {
	lacks := p.unit == "month" && day > 28 || p.unit == "year" && day == 29 && month == 2
	switch {
	case !lacks:
		return ""
	case p.skip:
		return skip
	}
	return last
}

// workdays says which days of a calendar the occurrences keep to.
func (english) workdays(rule CalendarRule) string {
	text := "; on working days alone (" + rule.ID + ")"
	if rule.On == OnRestday {
		text = "; on days off alone (" + rule.ID + ")"
	}
	switch rule.Otherwise {
	case OtherwiseNext:
		text = strings.Replace(text, " alone", "", 1) + ", moved to the next one otherwise"
	case OtherwisePrevious:
		text = strings.Replace(text, " alone", "", 1) + ", moved to the one before otherwise"
	}
	return text
}

func (chinese) workdays(rule CalendarRule) string {
	days := "工作日"
	if rule.On == OnRestday {
		days = "休息日"
	}
	switch rule.Otherwise {
	case OtherwiseNext:
		return "；非" + days + "顺延到下一个" + days + "（" + rule.ID + " 日历）"
	case OtherwisePrevious:
		return "；非" + days + "提前到上一个" + days + "（" + rule.ID + " 日历）"
	}
	return "；仅" + days + "（" + rule.ID + " 日历）"
}
