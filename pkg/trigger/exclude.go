package trigger

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// exclusions are the compiled Exclusions of a Spec.
type exclusions struct {
	zone  *zone
	rules []exclusionRule
	tries int // stretches of exclusion in a row after which Next gives up
}

// maxExcluded is how many stretches in a row are tried at most. A stretch is a time range, a day or a range of days,
// so this is 27 years of one excluded occurrence a day. Many rules make each try dearer, and then there are fewer.
const maxExcluded = 10_000

// exclusionRule matches a civil second when every kind it holds does.
type exclusionRule struct {
	weekdays uint8      // bit 0 = Sunday; 0x7f = not given
	annual   [13]uint32 // bits 1-31 by month
	ranges   []dayRange // sorted, apart from one another
	dated    bool       // annual or ranges are given
	times    []dayTime  // sorted, apart from one another; nil = the whole day
}

// dayRange is a range of days, last included.
type dayRange struct{ first, last int64 }

// dayTime is a range of seconds of a day, to not included.
type dayTime struct{ from, to int64 }

// until reports whether the instant t (Unix seconds) is excluded, and to when at least; the end lies after t.
func (x *exclusions) until(t int64) (end int64, excluded bool) {
	p := x.zone.at(t)
	civil := t + p.offset
	day := floorDiv(civil, daySeconds)
	for i := range x.rules {
		if to, ok := x.rules[i].until(day, civil-day*daySeconds); ok {
			return min(to-p.offset, p.end), true
		}
	}
	return 0, false
}

// until reports whether a civil second is excluded, and to which civil second at least.
func (r *exclusionRule) until(day, second int64) (int64, bool) {
	if r.weekdays>>weekdayOf(day)&1 == 0 {
		return 0, false
	}
	lastDay := day
	if r.dated {
		i, _ := slices.BinarySearchFunc(r.ranges, day, func(one dayRange, day int64) int { return cmp.Compare(one.last, day) })
		if i < len(r.ranges) && r.ranges[i].first <= day {
			if r.weekdays == 0x7f && r.times == nil {
				lastDay = r.ranges[i].last
			}
		} else if _, month, of := dateOf(day); r.annual[month]>>of&1 == 0 {
			return 0, false
		}
	}
	if r.times == nil {
		return (lastDay + 1) * daySeconds, true
	}
	i, _ := slices.BinarySearchFunc(r.times, second+1, func(one dayTime, second int64) int { return cmp.Compare(one.to, second) })
	if i < len(r.times) && r.times[i].from <= second {
		return day*daySeconds + r.times[i].to, true
	}
	return 0, false
}

// compileExclusions checks and compiles; nil when there is nothing to exclude.
func compileExclusions(list []Exclusion, z *zone, at faults) *exclusions {
	if len(list) == 0 {
		return nil
	}
	items := 0
	for _, e := range list {
		items += len(e.Dates) + len(e.Weekdays) + len(e.Times)
	}
	if len(list) > maxExclusions || items > maxExclusionItems {
		at.add(CodeInvalid, fmt.Sprintf("holds %d entries with %d dates, weekdays and times; at most %d and %d", len(list), items, maxExclusions, maxExclusionItems))
		return nil
	}
	x := &exclusions{zone: z, tries: maxExcluded * 8 / (8 + len(list))}
	for i, e := range list {
		x.rules = append(x.rules, e.compile(at.at("["+strconv.Itoa(i)+"]")))
	}
	return x
}

func (e *Exclusion) compile(at faults) exclusionRule {
	r := exclusionRule{weekdays: 0x7f}
	if len(e.Name) > maxExclusionName {
		at.at("name").add(CodeInvalid, fmt.Sprintf("is longer than %d bytes", maxExclusionName))
	}
	if len(e.Dates)+len(e.Weekdays)+len(e.Times) == 0 {
		at.add(CodeRequired, "excludes nothing; give dates, weekdays or times")
	}
	for i, s := range e.Dates {
		r.dated = true
		if problem := r.addDate(s); problem != "" {
			at.at("dates["+strconv.Itoa(i)+"]").add(CodeInvalid, problem)
		}
	}
	r.ranges = joinRanges(r.ranges)
	if len(e.Weekdays) > 0 {
		r.weekdays = 0
	}
	for i, s := range e.Weekdays {
		set, problem := weekdayRange(s)
		if problem != "" {
			at.at("weekdays["+strconv.Itoa(i)+"]").add(CodeInvalid, problem)
		}
		r.weekdays |= set
	}
	for i, one := range e.Times {
		r.addTime(one, at.at("times["+strconv.Itoa(i)+"]"))
	}
	r.times = joinTimes(r.times)
	return r
}

// addDate reads one entry of Dates.
func (r *exclusionRule) addDate(s string) (problem string) {
	first, last, isRange := strings.Cut(s, "/")
	from, ok := readDate(first)
	to := from
	if isRange && ok {
		to, ok = readDate(last)
	}
	if !ok || from.annual != to.annual {
		return fmt.Sprintf("%s is not a date; write 2026-12-25, 12-25 for every year, or a range such as 2026-12-24/2027-01-02", quote(s))
	}
	if !from.annual {
		one := dayRange{daysOf(from.year, from.month, from.day), daysOf(to.year, to.month, to.day)}
		if one.last < one.first {
			return fmt.Sprintf("%s runs backwards; write %s/%s", quote(s), clip(last), clip(first))
		}
		r.ranges = append(r.ranges, one)
		return ""
	}
	for month, day := from.month, from.day; ; day++ { // round the end of the year if need be
		if day > 31 {
			month, day = month%12+1, 1
		}
		r.annual[month] |= 1 << day
		if month == to.month && day == to.day {
			return ""
		}
	}
}

type date struct {
	year, month, day int
	annual           bool
}

// readDate reads YYYY-MM-DD or MM-DD.
func readDate(s string) (date, bool) {
	d := date{year: 2000, annual: true} // a leap year, so that 02-29 is one
	if len(s) == 10 && s[4] == '-' {
		year, problem := number(s[:4], "number")
		if problem != "" || year < minYear {
			return d, false
		}
		d.year, d.annual, s = year, false, s[5:]
	}
	if len(s) != 5 || s[2] != '-' {
		return d, false
	}
	var monthProblem, dayProblem string
	d.month, monthProblem = number(s[:2], "number")
	d.day, dayProblem = number(s[3:], "number")
	ok := monthProblem == "" && dayProblem == "" && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
		d.day <= monthLength(d.year, d.month)
	return d, ok
}

// addTime reads one entry of Times; a range over midnight becomes two.
func (r *exclusionRule) addTime(one TimeRange, at faults) {
	from, fromProblem := clockTime(one.From, false)
	if fromProblem != "" {
		at.at("from").add(CodeInvalid, fromProblem)
	}
	to, toProblem := clockTime(one.To, true)
	if toProblem != "" {
		at.at("to").add(CodeInvalid, toProblem)
	}
	switch {
	case fromProblem != "" || toProblem != "":
	case from == to:
		at.add(CodeInvalid, "from and to are the same; the whole day is 00:00 to 24:00")
	case from < to:
		r.times = append(r.times, dayTime{from, to})
	default:
		r.times = append(r.times, dayTime{from, daySeconds})
		if to > 0 {
			r.times = append(r.times, dayTime{0, to})
		}
	}
}

func joinRanges(list []dayRange) []dayRange {
	slices.SortFunc(list, func(a, b dayRange) int { return cmp.Compare(a.first, b.first) })
	out := list[:0]
	for _, one := range list {
		if n := len(out); n > 0 && one.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, one.last)
			continue
		}
		out = append(out, one)
	}
	return out
}

func joinTimes(list []dayTime) []dayTime {
	slices.SortFunc(list, func(a, b dayTime) int { return cmp.Compare(a.from, b.from) })
	out := list[:0]
	for _, one := range list {
		if n := len(out); n > 0 && one.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, one.to)
			continue
		}
		out = append(out, one)
	}
	if len(out) == 1 && out[0] == (dayTime{0, daySeconds}) {
		return nil // the whole day
	}
	return out
}
