package trigger

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Language of a description.
type Language string

const (
	// English is what any unknown Language means.
	English Language = "en"
	// Chinese is simplified Chinese.
	Chinese Language = "zh"
)

// phrases is what a language adds to the shared structure of a description.
type phrases interface {
	cron(d *description) string
	interval(every time.Duration, anchor, zone string) string
	date(at, zone string) string
	periodic(s *Schedule, zone string) string
	workdays(rule CalendarRule) string
	bounds(from, until string) string
	except(list []Exclusion) string
}

// Describe says in words when the schedule fires, correct for its dialect. H is shown as what it stands for. The zone
// is named wherever the wall clock matters.
func (s *Schedule) Describe(lang Language) string {
	var say phrases = english{}
	if lang == Chinese {
		say = chinese{}
	}
	zone := s.zone.loc.String()
	var b strings.Builder
	worded := false // the calendar is in the words already
	switch s.kind {
	case kindCron:
		d := s.describe(zone)
		if s.days != nil && s.days.otherwise == 0 && d.times != nil && d.everyDay() {
			d.rule = &s.days.rule // "every working day" in place of "every day"
		}
		worded = d.rule != nil
		b.WriteString(say.cron(d))
	case kindInterval:
		anchor := ""
		if s.every >= int64(time.Hour/time.Millisecond) { // of a shorter one nobody asks for the phase
			anchor = s.local(s.at)
		}
		b.WriteString(say.interval(time.Duration(s.every)*time.Millisecond, anchor, zone))
	case kindPeriodic:
		b.WriteString(say.periodic(s, zone))
	default:
		b.WriteString(say.date(s.local(s.at), zone))
	}
	if s.days != nil && !worded {
		b.WriteString(say.workdays(s.days.rule))
	}
	from, until := "", ""
	if s.start > MinInstant && !s.countsFrom(s.start) {
		from = s.local(s.start)
	}
	if s.end < MaxInstant {
		until = s.local(s.end)
	}
	if !strings.Contains(b.String(), zone) { // a time without its zone says nothing
		if until != "" {
			until += " " + zone
		} else if from != "" {
			from += " " + zone
		}
	}
	b.WriteString(say.bounds(from, until))
	if len(s.exclude) > 0 {
		b.WriteString(say.except(s.exclude))
	}
	return b.String()
}

// countsFrom reports whether the words of a calendar interval say the bound already: it lies before the first day's time.
func (s *Schedule) countsFrom(start Instant) bool {
	return s.kind == kindPeriodic && s.zone.civil(start) <= s.periodic.first*daySeconds+s.periodic.second
}

// local writes a moment as the zone's clock shows it, as short as it is exact.
func (s *Schedule) local(i Instant) string {
	t := i.Time().In(s.zone.loc)
	switch {
	case t.Nanosecond() != 0:
		return t.Format("2006-01-02 15:04:05.000")
	case t.Second() != 0:
		return t.Format("2006-01-02 15:04:05")
	default:
		return t.Format("2006-01-02 15:04")
	}
}

// description is a cron taken apart for the languages.
type description struct {
	zone                  string
	second, minute, hour  shape
	times                 []string // the clock times of a day, when they are few; then the shapes need not be looked at
	days                  []part   // nil: any
	weekdays              uint8    // 0: any, unless weekdayPlaces has some
	weekdayPlaces         []part   // 5#2, 5L
	months                uint16   // 0: any
	weeks, years          []part   // nil: any
	either                bool
	dialect               dialect
	excluded, anyDateTime bool
	rule                  *CalendarRule // its days stand for every day
}

// everyDay reports whether no date is left out.
func (d *description) everyDay() bool {
	return d.days == nil && d.weekdays == 0 && d.weekdayPlaces == nil && d.months == 0 && d.weeks == nil && d.years == nil
}

// shape is the form of an hour, minute or second field.
type shape struct {
	kind           shapeKind
	from, to, step int // to is the last number there is, not the bound that was written
	cycle          int // 60 or 24
	items          []shape
}

type shapeKind int8

const (
	shapeAll   shapeKind = iota
	shapeStep            // every step, from the first number on
	shapeOne             // from
	shapeSpan            // from to to
	shapeSteps           // every step within from to to
	shapeList            // items
)

func (s *Schedule) describe(zone string) *description {
	d := &description{zone: zone, either: s.cron.either, dialect: s.dialect, excluded: s.excluded != nil || s.days != nil}
	d.second = s.shape(atSecond, 60)
	d.minute = s.shape(atMinute, 60)
	d.hour = s.shape(atHour, 24)
	d.times = d.clockTimes()
	d.days = s.restricting(atDay)
	d.weeks = s.restricting(atWeek)
	d.years = s.restricting(atYear)
	if s.cron.months != everyMonth {
		d.months = s.cron.months
	}
	if !s.cron.weekdays.all {
		d.weekdays = s.cron.weekdays.plain
		for _, p := range s.parts {
			if p.field == atDayOfWeek && p.kind == partNth {
				d.weekdayPlaces = append(d.weekdayPlaces, p)
			}
		}
	}
	if d.either && (s.cron.days.all || s.cron.weekdays.all) { // either day field is enough, and one holds every day
		d.days, d.weekdays, d.weekdayPlaces, d.either = nil, 0, nil, false
	}
	d.anyDateTime = d.hour.kind == shapeAll && d.days == nil && d.weekdays == 0 && d.weekdayPlaces == nil &&
		d.months == 0 && d.weeks == nil && d.years == nil && !d.excluded
	return d
}

// restricting returns the parts of a field unless they name everything.
func (s *Schedule) restricting(field int8) []part {
	var list []part
	for _, p := range s.parts {
		if p.field != field {
			continue
		}
		if p.kind == partAll && p.step <= 1 {
			return nil
		}
		list = append(list, p)
	}
	if field == atDay && s.cron.days.all {
		return nil
	}
	return list
}

// shape reads the parts of a field that counts from 0.
func (s *Schedule) shape(field int8, cycle int) shape {
	var items []shape
	for _, p := range s.parts {
		if p.field == field {
			items = append(items, p.shape(cycle))
		}
	}
	slices.SortStableFunc(items, func(a, b shape) int { return a.from - b.from })
	items = slices.CompactFunc(items, func(a, b shape) bool {
		return a.kind == b.kind && a.from == b.from && a.to == b.to && a.step == b.step
	})
	for _, one := range items {
		if one.kind == shapeAll {
			return one
		}
	}
	if len(items) == 1 {
		return items[0]
	}
	return shape{kind: shapeList, cycle: cycle, items: items, from: items[0].from}
}

func (p part) shape(cycle int) shape {
	from, to, step := int(p.from), int(p.to), max(int(p.step), 1)
	if p.kind == partAll {
		from, to = 0, cycle-1
	}
	whole := from == 0 && to == cycle-1
	one := shape{from: from, to: to - (to-from)%step, step: step, cycle: cycle}
	switch {
	case one.from == one.to:
		one.kind = shapeOne
	case whole && step == 1:
		one.kind = shapeAll
	case whole:
		one.kind = shapeStep
	case step == 1:
		one.kind = shapeSpan
	default:
		one.kind = shapeSteps
	}
	return one
}

// even reports whether a step comes round in the same rhythm.
func (s shape) even() bool { return s.cycle%s.step == 0 }

// ones returns the numbers of a field that lists single numbers only.
func (s shape) ones() []int {
	switch s.kind {
	case shapeOne:
		return []int{s.from}
	case shapeList:
		var all []int
		for _, one := range s.items {
			if one.kind != shapeOne {
				return nil
			}
			all = append(all, one.from)
		}
		return all
	default:
		return nil
	}
}

const manyTimes = 8

// clockTimes writes out the times of a day if they are listed one by one and few.
func (d *description) clockTimes() []string {
	hours, minutes, seconds := d.hour.ones(), d.minute.ones(), d.second.ones()
	n := len(hours) * len(minutes) * len(seconds)
	if n == 0 || n > manyTimes {
		return nil
	}
	withSeconds := n != len(hours)*len(minutes) || seconds[0] != 0
	var all []string
	for _, hour := range hours {
		for _, minute := range minutes {
			for _, second := range seconds {
				if withSeconds {
					all = append(all, fmt.Sprintf("%02d:%02d:%02d", hour, minute, second))
				} else {
					all = append(all, fmt.Sprintf("%02d:%02d", hour, minute))
				}
			}
		}
	}
	return all
}

// clock writes a time of day, with the seconds only where there are any.
func clock(hour, minute, second int) string {
	if second == 0 {
		return fmt.Sprintf("%02d:%02d", hour, minute)
	}
	return fmt.Sprintf("%02d:%02d:%02d", hour, minute, second)
}

// run returns the ends of a set of consecutive numbers, three or more of them, in bits low to high; the set may go
// round from high to low.
func run(set uint64, low, high int) (from, to int, ok bool) {
	count := bits.OnesCount64(set)
	size := high - low + 1
	if count < 3 || count == size {
		return 0, 0, false
	}
	for start := low; start <= high; start++ {
		if set>>start&1 == 0 {
			continue
		}
		end, length := start, 1
		for {
			next := low + (end-low+1)%size
			if set>>next&1 == 0 {
				break
			}
			end = next
			length++
		}
		if length == count {
			return start, end, true
		}
	}
	return 0, 0, false
}

// mondayFirst turns bits 0 = Sunday into the numbers 0 = Monday, ascending.
func mondayFirst(set uint8) []int {
	var list []int
	for i := range 7 {
		if set>>((i+1)%7)&1 != 0 {
			list = append(list, i)
		}
	}
	return list
}

// join writes "a, b and c".
func join(list []string, comma, and string) string {
	switch n := len(list); n {
	case 0:
		return ""
	case 1:
		return list[0]
	default:
		return strings.Join(list[:n-1], comma) + and + list[n-1]
	}
}

// setOf returns the numbers in a set.
func setOf(set uint64) []int {
	var list []int
	for ; set != 0; set &= set - 1 {
		list = append(list, bits.TrailingZeros64(set))
	}
	return list
}

// excludedWeekdays joins the weekday sets of an exclusion, which Parse has found valid.
func excludedWeekdays(list []string) (set uint8) {
	for _, one := range list {
		bits, _ := weekdayRange(one)
		set |= bits
	}
	return set
}

var durationSizes = [...]time.Duration{day, time.Hour, time.Minute, time.Second, time.Millisecond}

// durationParts splits into days, hours, minutes, seconds and milliseconds; 36 hours stay hours.
func durationParts(d time.Duration) (parts [len(durationSizes)]int) {
	for i, size := range durationSizes {
		if size == day && d%day != 0 && d < 7*day {
			continue
		}
		parts[i] = int(d / size)
		d %= size
	}
	return parts
}
