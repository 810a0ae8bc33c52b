package trigger

import (
	"math"
	"math/bits"
)

// calendar is a compiled cron: the set of civil seconds it names, as bit sets. Both dialects compile to it.
type calendar struct {
	seconds, minutes uint64 // bits 0-59
	hours            uint32 // bits 0-23
	months           uint16 // bits 1-12
	years            []uint64
	weeks            uint64 // bits 1-53; 0 = any
	days             daySet
	weekdays         weekdaySet
	either           bool   // a day matches if days or weekdays does (Vixie), not only if both do
	kinds            uint16 // which kinds of year have a day at all, see yearKind
	firstTime        int64  // the first second of a day that matches
	firstYear        int    // nothing matches before it
	lastYear         int    // nor after it
}

// daySet is the day-of-month side of a cron.
type daySet struct {
	all       bool
	plain     uint32   // bits 1-31
	fromEnd   uint32   // bit k: k days before the last
	near      uint32   // bit d: the weekday nearest to day d
	nearEnd   uint32   // bit k: the weekday nearest to k days before the last
	nth       [5]uint8 // bit w of nth[i]: the (i+1)th weekday w
	last      uint8    // bit w: the last weekday w
	hasOthers bool     // anything but plain
}

// weekdaySet is the day-of-week side of a cron. Bit 0 is Sunday.
type weekdaySet struct {
	all       bool
	plain     uint8
	nth       [5]uint8
	last      uint8
	hasOthers bool
}

const (
	noCivil    = math.MaxInt64 // no civil second matches
	everyDay   = 0xfffffffe
	everyMonth = 0x1ffe
	allKinds   = 1<<14 - 1
)

// finish derives what the search needs. Call it once, after the sets are filled.
func (c *calendar) finish() {
	c.days.hasOthers = c.days.fromEnd|c.days.near|c.days.nearEnd != 0 || c.days.last != 0 || c.days.nth != [5]uint8{}
	c.weekdays.hasOthers = c.weekdays.last != 0 || c.weekdays.nth != [5]uint8{}
	c.firstTime = int64(bits.TrailingZeros32(c.hours))*3600 + int64(bits.TrailingZeros64(c.minutes))*60 +
		int64(bits.TrailingZeros64(c.seconds))
	c.lastYear = maxYear
	for i := len(c.years) - 1; i >= 0; i-- {
		if c.years[i] != 0 {
			c.lastYear = i<<6 + bits.Len64(c.years[i]) - 1
			break
		}
	}
	if c.months != 0 && (c.days.all && (c.weekdays.all || c.weekdays.plain != 0) || c.weekdays.all && c.days.plain&(1<<29-1) != 0 ||
		c.either && c.weekdays.plain != 0) && c.weeks == 0 {
		c.kinds = allKinds // a day up to the 28th, or a weekday, is in every month
		return
	}
	if c.weeks != 0 { // the week of early January depends on the year before: not worth a table
		c.kinds = allKinds
		return
	}
	for year := 2001; year <= 2028; year++ { // every kind comes once or more
		kind := yearKind(year)
		for month := 1; month <= 12 && c.kinds>>kind&1 == 0; month++ {
			if c.months>>month&1 != 0 && c.monthDays(year, month, weekdayOf(daysOf(year, month, 1))) != 0 {
				c.kinds |= 1 << kind
			}
		}
	}
}

// yearKind numbers the 14 calendars a year can have: its first weekday and whether it is leap.
func yearKind(year int) int {
	kind := weekdayOf(daysOf(year, 1, 1)) * 2
	if isLeap(year) {
		kind++
	}
	return kind
}

// matches reports whether a civil second belongs to the set.
func (c *calendar) matches(civil int64) bool { return c.next(civil, civil+1) == civil }

// next returns the first civil second at or after from that belongs to the set, noCivil when there is none up to the
// end of year 9999. Where it would lie at or beyond limit it may return noCivil as well.
func (c *calendar) next(from, limit int64) int64 {
	days := floorDiv(from, daySeconds)
	year, month, day := dateOf(days)
	if year < c.firstYear {
		days, year, month, day = daysOf(c.firstYear, 1, 1), c.firstYear, 1, 1
		from = days * daySeconds
	}
	if year <= c.lastYear && c.months>>month&1 != 0 && c.hasYear(year) {
		first := weekdayOf(days - int64(day) + 1)
		left := c.monthDays(year, month, first) >> day
		if left&1 != 0 {
			if t := c.nextTime(from - days*daySeconds); t >= 0 {
				return days*daySeconds + t
			}
		}
		if left &^= 1; left != 0 {
			return (days+int64(bits.TrailingZeros32(left)))*daySeconds + c.firstTime
		}
	}
	return c.nextMonth(year, month, days-int64(day)+1, limit)
}

// nextMonth searches the months after the given one, whose first day is start.
func (c *calendar) nextMonth(year, month int, start, limit int64) int64 {
	start += int64(monthLength(year, month))
	month++
	last := c.lastYear
	if c.years == nil {
		last = min(last, year+401) // the calendar comes round after 400 years
	}
	for ; year <= last; year, month = year+1, 1 {
		if month > 12 {
			continue
		}
		if start*daySeconds >= limit || c.kinds == 0 {
			return noCivil
		}
		if !c.hasYear(year) {
			start = daysOf(year+1, 1, 1)
			continue
		}
		for ; month <= 12; month++ {
			if c.months>>month&1 != 0 {
				if found := c.monthDays(year, month, weekdayOf(start)); found != 0 {
					return (start+int64(bits.TrailingZeros32(found))-1)*daySeconds + c.firstTime
				}
			}
			start += int64(monthLength(year, month))
		}
	}
	return noCivil
}

// hasYear reports whether a year is named and has a matching day.
func (c *calendar) hasYear(year int) bool {
	if c.years != nil && c.years[year>>6]>>(year&63)&1 == 0 {
		return false
	}
	return c.kinds == allKinds || c.kinds>>yearKind(year)&1 != 0
}

// nextTime returns the first matching second of a day at or after t, -1 when there is none.
func (c *calendar) nextTime(t int64) int64 {
	hour, minute, second := uint32(t)/3600, uint32(t)/60%60, uint32(t)%60
	if c.hours>>hour&1 != 0 {
		if c.minutes>>minute&1 != 0 {
			if left := c.seconds >> second; left != 0 {
				return t + int64(bits.TrailingZeros64(left))
			}
		}
		if left := c.minutes >> minute &^ 1; left != 0 {
			minute += uint32(bits.TrailingZeros64(left))
			return int64(hour)*3600 + int64(minute)*60 + int64(bits.TrailingZeros64(c.seconds))
		}
	}
	if left := c.hours >> hour &^ 1; left != 0 {
		hour += uint32(bits.TrailingZeros32(left))
		return int64(hour)*3600 + c.firstTime%3600
	}
	return -1
}

// monthDays returns the matching days of a month as bits 1-31; first is the weekday of its first day.
func (c *calendar) monthDays(year, month, first int) uint32 {
	length := monthLength(year, month)
	valid := uint32(1)<<(length+1) - 2
	byDay, byWeekday := valid, valid
	if !c.days.all {
		byDay = c.days.plain
		if c.days.hasOthers {
			byDay |= c.days.others(first, length)
		}
	}
	if !c.weekdays.all {
		byWeekday = spread(c.weekdays.plain, first)
		if c.weekdays.hasOthers {
			byWeekday |= positions(&c.weekdays.nth, c.weekdays.last, first, length)
		}
	}
	found := byDay & byWeekday
	if c.either {
		found = byDay | byWeekday
	}
	found &= valid
	if c.weeks != 0 && found != 0 {
		found = c.weekDays(year, month, first, found)
	}
	return found
}

// spread puts a set of weekdays on the days of a month: bits 1-31.
func spread(weekdays uint8, first int) uint32 {
	// The set turned so that bit 0 is the first day's weekday, then written five times.
	turned := uint64(uint32(weekdays)>>first|uint32(weekdays)<<(7-first)) & 0x7f
	return uint32((turned | turned<<7 | turned<<14 | turned<<21 | turned<<28) << 1)
}

// positions returns the days that are the nth or the last of their weekday.
func positions(nth *[5]uint8, last uint8, first, length int) uint32 {
	found := uint32(0)
	for i, weekdays := range nth {
		if weekdays != 0 {
			found |= spread(weekdays, first) & (0xfe << (7 * i))
		}
	}
	if last != 0 {
		found |= spread(last, first) & (0xfe << (length - 7)) & (1<<(length+1) - 2)
	}
	return found
}

// others returns the days named by anything but a number.
func (d *daySet) others(first, length int) uint32 {
	found := positions(&d.nth, d.last, first, length)
	for set := d.fromEnd; set != 0; set &= set - 1 {
		if day := length - bits.TrailingZeros32(set); day >= 1 {
			found |= 1 << day
		}
	}
	for set := d.near; set != 0; set &= set - 1 {
		if day := bits.TrailingZeros32(set); day <= length {
			found |= 1 << nearestWeekday(day, first, length)
		}
	}
	for set := d.nearEnd; set != 0; set &= set - 1 {
		if day := length - bits.TrailingZeros32(set); day >= 1 {
			found |= 1 << nearestWeekday(day, first, length)
		}
	}
	return found
}

// nearestWeekday returns the Monday to Friday nearest to a day, within its month (as Quartz has it).
func nearestWeekday(day, first, length int) int {
	switch (first + day - 1) % 7 {
	case 6: // Saturday
		if day == 1 {
			return 3
		}
		return day - 1
	case 0: // Sunday
		if day == length {
			return day - 2
		}
		return day + 1
	default:
		return day
	}
}

// weekDays keeps the days that lie in a wanted ISO week; first is the weekday of the month's first day.
func (c *calendar) weekDays(year, month, first int, found uint32) uint32 {
	kept := uint32(0)
	number := isoWeek(year, month, 1)
	monday := 1 + (8-first)%7 // the first Monday after day 1, or day 1 itself
	if monday == 1 {
		monday = 8
	}
	for start := 1; start <= 31; start, monday = monday, monday+7 {
		if c.weeks>>number&1 != 0 {
			kept |= found & (1<<min(monday, 32) - 1<<start)
		}
		number++
		if month == 1 && number > 52 || month == 12 && number > 52 && number > isoWeeks(year) {
			number = 1
		}
	}
	return kept
}
