package trigger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// CalendarDay is a day, or a range of days with both ends in, that is off or worked against the weekend.
type CalendarDay struct {
	// Date is "2026-10-01" or "2026-10-01/2026-10-07".
	Date string `json:"date"`
	// Name is for people, at most 200 bytes. Optional.
	Name string `json:"name,omitempty"`
}

// CalendarSpec is a calendar as a user writes it.
type CalendarSpec struct {
	// Name is for people, at most 200 bytes.
	Name string `json:"name"`
	// Weekend are the days of a week that are off; nil: Saturday and Sunday.
	Weekend []string `json:"weekend"`
	// Off are days off, Work days that are worked although they lie on a weekend or in Off.
	Off  []CalendarDay `json:"off"`
	Work []CalendarDay `json:"work"`
}

// The bounds of a calendar.
const (
	MaxCalendarDays   = 10_000
	maxCalendarRange  = 400
	maxCalendarIDSize = 64
)

// Calendar says of each day whether it is worked. It is immutable.
type Calendar struct {
	id      string
	version int64
	weekend uint8 // bit 0 = Sunday
	days    []namedDay
	ends    int64 // the last day it knows; 0: it knows all
}

type namedDay struct {
	day  int64
	work bool
	name string
}

// CompileCalendar checks a calendar. The version is whatever tells it from what the id meant before. The error is Errors.
func CompileCalendar(id string, version int64, spec CalendarSpec) (*Calendar, error) {
	var found Errors
	at := faults{"", &found}
	c := &Calendar{id: id, version: version}
	if !validCalendarID(id) {
		at.at("id").add(CodeInvalid, fmt.Sprintf("an id is 1 to %d of the characters a-z 0-9 . _ -", maxCalendarIDSize))
	}
	if len(spec.Name) > maxExclusionName {
		at.at("name").add(CodeInvalid, fmt.Sprintf("is longer than %d bytes", maxExclusionName))
	}
	weekend := spec.Weekend
	if weekend == nil {
		weekend = []string{"sat", "sun"}
	}
	for i, one := range weekend {
		set, problem := weekdayRange(one)
		if problem != "" {
			at.at("weekend["+strconv.Itoa(i)+"]").add(CodeInvalid, problem)
		}
		c.weekend |= set
	}
	c.add(spec.Off, false, at.at("off"))
	c.add(spec.Work, true, at.at("work"))
	slices.SortStableFunc(c.days, func(a, b namedDay) int { return cmp.Compare(a.day, b.day) })
	kept := c.days[:0]
	for _, d := range c.days { // a day of both lists is worked
		if n := len(kept); n > 0 && kept[n-1].day == d.day {
			kept[n-1] = d
			continue
		}
		kept = append(kept, d)
	}
	c.days = slices.Clip(kept)
	if c.weekend == 0x7f && !slices.ContainsFunc(c.days, func(d namedDay) bool { return d.work }) {
		at.at("weekend").add(CodeInvalid, "holds all seven days, so that no day is ever worked")
	}
	if n := len(c.days); n > 0 {
		year, _, _ := dateOf(c.days[n-1].day)
		c.ends = daysOf(year, 12, 31) // holidays are announced by the year
	}
	if len(found) > 0 {
		return nil, found
	}
	return c, nil
}

func validCalendarID(id string) bool {
	return id != "" && len(id) <= maxCalendarIDSize && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789._-") == "" && id != "." && id != ".."
}

func (c *Calendar) add(list []CalendarDay, work bool, at faults) {
	for i, one := range list {
		below := at.at("[" + strconv.Itoa(i) + "]")
		if len(one.Name) > maxExclusionName {
			below.at("name").add(CodeInvalid, fmt.Sprintf("is longer than %d bytes", maxExclusionName))
		}
		first, last, isRange := strings.Cut(one.Date, "/")
		from, err := time.Parse(time.DateOnly, first)
		to := from
		if err == nil && isRange {
			to, err = time.Parse(time.DateOnly, last)
		}
		length := int64(to.Sub(from) / day)
		switch {
		case err != nil || from.Year() < 1900 || to.Year() > 2200:
			below.at("date").add(CodeInvalid, quote(one.Date)+` is no date of the years 1900 to 2200; write "2026-10-01" or "2026-10-01/2026-10-07"`)
		case length < 0:
			below.at("date").add(CodeInvalid, quote(one.Date)+" runs backwards")
		case length >= maxCalendarRange:
			below.at("date").add(CodeInvalid, fmt.Sprintf("%s has more than %d days", quote(one.Date), maxCalendarRange))
		case len(c.days)+int(length) >= MaxCalendarDays:
			below.add(CodeInvalid, fmt.Sprintf("a calendar has at most %d days", MaxCalendarDays))
			return
		default:
			for d := from.Unix() / daySeconds; d <= to.Unix()/daySeconds; d++ {
				c.days = append(c.days, namedDay{d, work, one.Name})
			}
		}
	}
}

// Version is what CompileCalendar was given.
func (c *Calendar) Version() int64 { return c.version }

// Ends is the last day the calendar knows, 31 December of the year of its last entry; "" when it has no entries.
func (c *Calendar) Ends() string {
	if c.ends == 0 {
		return ""
	}
	return civilDate(c.ends * daySeconds)
}

// entry returns what the calendar says about a day itself.
func (c *Calendar) entry(day int64) *namedDay {
	low, high := 0, len(c.days)
	for low < high {
		if mid := int(uint(low+high) >> 1); c.days[mid].day < day {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(c.days) && c.days[low].day == day {
		return &c.days[low]
	}
	return nil
}

// worked reports whether a day is worked.
func (c *Calendar) worked(day int64) bool {
	if e := c.entry(day); e != nil {
		return e.work
	}
	return c.weekend>>weekdayOf(day)&1 == 0
}

// The days on which a CalendarRule lets a schedule fire.
const (
	OnWorkday = "workday"
	OnRestday = "restday"
)

// What a CalendarRule does with an occurrence on another day.
const (
	// OtherwiseSkip: there is none.
	OtherwiseSkip = "skip"
	// OtherwiseNext and OtherwisePrevious: it is moved to the nearest such day after or before, at the same local time.
	OtherwiseNext     = "next"
	OtherwisePrevious = "previous"
)

// CalendarRule keeps a schedule to the days of a calendar.
type CalendarRule struct {
	// ID names the calendar.
	ID string `json:"id"`
	// On is OnWorkday or OnRestday.
	On string `json:"on"`
	// Otherwise is OtherwiseSkip, OtherwiseNext or OtherwisePrevious; "" is OtherwiseSkip.
	Otherwise string `json:"otherwise,omitempty"`
}

func readCalendarRule(value json.RawMessage, at faults) *CalendarRule {
	out := new(CalendarRule)
	if !object(value, at, func(name string, value json.RawMessage, at faults) bool {
		switch name {
		case "id":
			out.ID = text(value, at)
		case "on":
			out.On = text(value, at)
		case "otherwise":
			out.Otherwise = text(value, at)
		default:
			return false
		}
		return true
	}) {
		at.add(CodeInvalid, `must be an object such as {"id": "cn", "on": "workday", "otherwise": "skip"}`)
	}
	return out
}

// Calendars are the calendars that a Parser knows, safe for concurrent use. The zero value, and nil, have the built-in ones.
type Calendars struct {
	set atomic.Pointer[map[string]*Calendar]
}

// Get returns a calendar; nil when there is none of that id.
func (c *Calendars) Get(id string) *Calendar {
	if c == nil {
		return builtIn()[id]
	}
	if set := c.set.Load(); set != nil {
		if found := (*set)[id]; found != nil {
			return found
		}
	}
	return builtIn()[id]
}

// Set replaces all calendars but the built-in ones, which those of their ids go before. It keeps the map.
func (c *Calendars) Set(all map[string]*Calendar) { c.set.Store(&all) }

// ids lists the calendars, in order.
func (c *Calendars) ids() []string {
	var ids []string
	for id := range builtIn() {
		ids = append(ids, id)
	}
	if c == nil {
		slices.Sort(ids)
		return ids
	}
	if set := c.set.Load(); set != nil {
		for id := range *set {
			if builtIn()[id] == nil {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	const most = 20
	return ids[:min(len(ids), most)]
}

// dayRule is a compiled CalendarRule.
type dayRule struct {
	calendar  *Calendar
	zone      *zone
	rule      CalendarRule
	work      bool
	otherwise int8 // -1 to the day before, 0 left out, 1 to the day after
}

func (p *Parser) parseCalendar(spec *Spec, z *zone, at faults) *dayRule {
	rule := spec.Calendar
	if rule == nil {
		return nil
	}
	if spec.Type == TypeDate {
		at.add(CodeInvalid, "does not go with type date; choose the day itself")
	}
	if len(rule.ID) == 0 {
		at.at("id").add(CodeRequired, "is missing; write like cn")
	}
	r := &dayRule{calendar: p.Calendars.Get(rule.ID), zone: z, rule: *rule, work: rule.On == OnWorkday}
	if r.calendar == nil && rule.ID != "" {
		at.at("id").add(CodeInvalid, fmt.Sprintf("there is no calendar %s; there are %s", quote(rule.ID), strings.Join(p.Calendars.ids(), ", ")))
	}
	switch rule.On {
	case OnWorkday, OnRestday:
	case "":
		at.at("on").add(CodeRequired, "is missing; write workday or restday")
	default:
		at.at("on").add(CodeInvalid, quote(rule.On)+" is not known; write workday or restday")
	}
	switch rule.Otherwise {
	case "", OtherwiseSkip:
	case OtherwiseNext:
		r.otherwise = 1
	case OtherwisePrevious:
		r.otherwise = -1
	default:
		at.at("otherwise").add(CodeInvalid, quote(rule.Otherwise)+" is not known; write skip, next or previous")
	}
	return r
}

func (r *dayRule) fits(day int64) bool { return r.calendar.worked(day) == r.work }

// maxShift is how many days in a row without a fitting one are looked through.
const maxShift = 1000

// nearest is the first fitting day from a day on in steps of 1 or -1; false when there is none near.
func (r *dayRule) nearest(day, step int64) (int64, bool) {
	for range maxShift {
		if r.fits(day) {
			return day, true
		}
		day += step
	}
	return 0, false
}

// civilDay is the day that the zone's clock shows at a moment.
func (z *zone) civilDay(at Instant) int64 {
	t := floorDiv(int64(at), 1000)
	return floorDiv(t+z.at(t).offset, daySeconds)
}

// startOf is the first moment of a day.
func (z *zone) startOf(day int64) Instant { return Instant(z.instant(day*daySeconds) * 1000) }

// onDays is the first occurrence at or after a moment that the calendar lets be.
func (s *Schedule) onDays(from Instant) (Instant, bool) {
	if s.days.otherwise == 0 {
		return s.skipped(from)
	}
	return s.moved(from)
}

// skipped leaves out what lies on another day.
func (s *Schedule) skipped(from Instant) (Instant, bool) {
	for range maxExcluded {
		found, ok := s.unexcluded(from)
		if !ok {
			return 0, false
		}
		day := s.zone.civilDay(found)
		if s.days.fits(day) {
			return found, true
		}
		next, ok := s.days.nearest(day+1, 1)
		if !ok {
			return 0, false
		}
		from = max(found+1, s.zone.startOf(next))
	}
	return 0, false
}

// moved finds the first occurrence where those of other days are moved to the nearest fitting one. It goes from one
// fitting day to the next: what is moved keeps its time of day, so that on one day several days' may mix.
func (s *Schedule) moved(from Instant) (Instant, bool) {
	r := s.days
	target, ok := r.nearest(s.zone.civilDay(from), 1)
	if !ok {
		return 0, false
	}
	for range maxExcluded {
		first, last := r.sources(target)
		best, found := Instant(0), false
		for source := first; source <= last; source++ {
			if at, ok := s.movedFrom(source, target, from); ok && (!found || at < best) {
				best, found = at, true
			}
		}
		if found {
			return best, true
		}
		// Nothing on this day: the next occurrence, wherever it is moved to, says which is next.
		next, ok := s.unexcluded(s.zone.startOf(last + 1))
		if !ok {
			return 0, false
		}
		step := int64(r.otherwise)
		to, ok := r.nearest(s.zone.civilDay(next), step)
		if !ok {
			return 0, false
		}
		if to <= target { // the clock skipped a day
			if to, ok = r.nearest(target+1, 1); !ok {
				return 0, false
			}
		}
		target = to
	}
	return 0, false
}

// sources are the days whose occurrences come to lie on a fitting day, itself among them.
func (r *dayRule) sources(target int64) (first, last int64) {
	first, last = target, target
	for range maxShift {
		switch {
		case r.otherwise > 0 && !r.fits(first-1):
			first--
		case r.otherwise < 0 && !r.fits(last+1):
			last++
		default:
			return first, last
		}
	}
	return first, last
}

// movedFrom is the first occurrence of a source day that, moved to the target, is at or after a moment.
func (s *Schedule) movedFrom(source, target int64, from Instant) (Instant, bool) {
	shift := (target - source) * daySeconds
	at := s.zone.startOf(source)
	if shift == 0 {
		at = max(at, from)
	} else if civil := s.zone.civil(from) - shift; civil > source*daySeconds {
		// An hour and more before: the clock may change on either day.
		at = max(at, Instant(s.zone.instant(civil-3*3600)*1000))
	}
	for {
		found, ok := s.unexcluded(at)
		if !ok || s.zone.civilDay(found) != source {
			return 0, false
		}
		to := found
		if shift != 0 {
			millis := int64(found) - floorDiv(int64(found), 1000)*1000
			to = Instant(s.zone.instant(s.zone.civil(found)+shift)*1000 + millis)
		}
		if to >= from {
			if s.excluded != nil && shift != 0 {
				if _, gone := s.excluded.until(floorDiv(int64(to), 1000)); gone {
					at = found + 1
					continue
				}
			}
			return to, true
		}
		at = found + 1
	}
}

// civil is the civil second that the zone's clock shows at a moment.
func (z *zone) civil(at Instant) int64 {
	t := floorDiv(int64(at), 1000)
	return t + z.at(t).offset
}

// unexcluded is the first occurrence at or after a moment that no exclusion takes away, without the calendar.
func (s *Schedule) unexcluded(from Instant) (Instant, bool) {
	if s.excluded == nil {
		return s.bare(from)
	}
	for range s.excluded.tries {
		found, ok := s.bare(from)
		if !ok {
			return 0, false
		}
		end, excluded := s.excluded.until(floorDiv(int64(found), 1000))
		if !excluded {
			return found, true
		}
		if end > int64(MaxInstant)/1000 {
			return 0, false
		}
		from = Instant(end * 1000)
	}
	return 0, false
}

// Notes of a calendar on an occurrence. A name follows the colon.
const (
	NoteHoliday = "holiday:"
	NoteWorkday = "workday:"
)

// CalendarNote says what the calendar has to do with an occurrence: NoteHoliday or NoteWorkday with the name of its day
// where the calendar has an entry for it, and the day it was moved from, "2026-10-01"; "" where there is none.
func (s *Schedule) CalendarNote(at Instant) (note, movedFrom string) {
	r := s.days
	if r == nil {
		return "", ""
	}
	day := s.zone.civilDay(at)
	if e := r.calendar.entry(day); e != nil {
		note = NoteHoliday + e.name
		if e.work {
			note = NoteWorkday + e.name
		}
	}
	if r.otherwise == 0 {
		return note, ""
	}
	first, last := r.sources(day)
	if found, ok := s.movedFrom(day, day, at); ok && found == at {
		return note, "" // the day has it of its own
	}
	for source := last; source >= first; source-- {
		if source == day {
			continue
		}
		if found, ok := s.movedFrom(source, day, at); ok && found == at {
			return note, civilDate(source * daySeconds)
		}
	}
	return note, ""
}

// calendarEnds is the first moment that the calendar does not know any more; false when it knows all.
func (s *Schedule) calendarEnds() (Instant, bool) {
	if s.days == nil || s.days.calendar.ends == 0 {
		return MaxInstant, false
	}
	return s.zone.startOf(s.days.calendar.ends + 1), true
}

// CalendarID is the id of the calendar that the schedule goes by; "" for none.
func (s *Schedule) CalendarID() string {
	if s.days == nil {
		return ""
	}
	return s.days.rule.ID
}
