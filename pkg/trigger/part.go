package trigger

// part is one element of a cron field's list, in the numbers of its own dialect. Parsers make parts; the calendar,
// the canonical form, the descriptions and the warnings are derived from them.
type part struct {
	field int8 // atYear ... atSecond
	kind  partKind
	named bool // written with names
	open  bool // a/s: the end was not written
	wraps bool // a-b with b before a
	hash  bool // H: the numbers come from the job id
	from  int16
	to    int16
	step  int16 // 0: not written
}

type partKind int8

const (
	partAll     partKind = iota // *, */step, ?
	partRange                   // from, from-to, from-to/step
	partFromEnd                 // day of month: from days before the last
	partNear                    // day of month: the weekday nearest to day from
	partNearEnd                 // day of month: the weekday nearest to from days before the last
	partNth                     // the to-th weekday from of the month; to = lastNth: the last
)

const lastNth = 6

// dialect is a way to read cron fields.
type dialect int8

const (
	crontab     dialect = iota // weekday 0 and 7 are Sunday, either day field may match
	apscheduler                // weekday 0 is Monday, every field must match
)

// weekday turns a weekday number of a dialect into 0 = Sunday.
func (d dialect) weekday(n int) int {
	if d == apscheduler {
		return (n + 1) % 7
	}
	return n % 7
}

// values calls yield with each number of a partAll or partRange within a field's bounds.
func (p part) values(low, high int, yield func(int)) {
	from, to, step := int(p.from), int(p.to), max(int(p.step), 1)
	if p.kind == partAll {
		from, to = low, high
	}
	if p.wraps { // names only: count on past the end of the week or the year
		to += high - low + 1
	}
	for n := from; n <= to; n += step {
		if n > high {
			yield(n - (high - low + 1))
		} else {
			yield(n)
		}
	}
}

// single reports whether a part is one plain number.
func (p part) single() bool {
	return p.kind == partRange && !p.open && !p.wraps && p.from == p.to
}

// wildcard reports whether a part makes a cron follow real time when it stands in the hour or the minute.
func (p part) wildcard() bool { return p.kind == partAll }

// compile fills the sets of a calendar. A field without parts is left empty, so give it one.
func (c *calendar) compile(d dialect, parts []part) {
	c.firstYear = minYear
	if d == apscheduler {
		c.firstYear = fieldInfos[atYear].min
	}
	for _, p := range parts {
		if p.kind == partAll && p.step <= 1 { // most are, and need no counting
			c.fill(p.field)
			continue
		}
		switch p.field {
		case atYear:
			c.addYears(p)
		case atMonth:
			p.values(1, 12, func(n int) { c.months |= 1 << n })
		case atDay:
			c.days.add(d, p)
		case atWeek:
			p.values(1, 53, func(n int) { c.weeks |= 1 << n })
		case atDayOfWeek:
			c.weekdays.add(d, p)
		case atHour:
			p.values(0, 23, func(n int) { c.hours |= 1 << n })
		case atMinute:
			p.values(0, 59, func(n int) { c.minutes |= 1 << n })
		case atSecond:
			p.values(0, 59, func(n int) { c.seconds |= 1 << n })
		}
	}
	if c.weeks == everyWeek {
		c.weeks = 0
	}
	c.days.all = c.days.all || c.days.plain == everyDay
	c.weekdays.all = c.weekdays.all || c.weekdays.plain == 0x7f
}

const everyWeek = 1<<54 - 2

// fill puts everything into the set of a field.
func (c *calendar) fill(field int8) {
	switch field {
	case atMonth:
		c.months = everyMonth
	case atDay:
		c.days.plain = everyDay
	case atWeek:
		c.weeks = everyWeek
	case atDayOfWeek:
		c.weekdays.plain = 0x7f
	case atHour:
		c.hours = 1<<24 - 1
	case atMinute:
		c.minutes = 1<<60 - 1
	case atSecond:
		c.seconds = 1<<60 - 1
	}
}

func (c *calendar) addYears(p part) {
	if c.years == nil {
		c.years = make([]uint64, maxYear>>6+1)
	}
	info := fieldInfos[atYear]
	p.values(info.min, info.max, func(n int) { c.years[n>>6] |= 1 << (n & 63) })
}

func (s *daySet) add(d dialect, p part) {
	switch p.kind {
	case partAll, partRange:
		p.values(1, 31, func(n int) { s.plain |= 1 << n })
	case partFromEnd:
		s.fromEnd |= 1 << p.from
	case partNear:
		s.near |= 1 << p.from
	case partNearEnd:
		s.nearEnd |= 1 << p.from
	case partNth:
		weekday := d.weekday(int(p.from))
		if p.to == lastNth {
			s.last |= 1 << weekday
		} else {
			s.nth[p.to-1] |= 1 << weekday
		}
	}
}

func (s *weekdaySet) add(d dialect, p part) {
	switch p.kind {
	case partAll, partRange:
		high := 6
		if !p.wraps && p.kind == partRange {
			high = 7 // crontab's second Sunday; the other dialect has refused it
		}
		p.values(0, high, func(n int) { s.plain |= 1 << d.weekday(n) })
	case partNth:
		weekday := d.weekday(int(p.from))
		if p.to == lastNth {
			s.last |= 1 << weekday
		} else {
			s.nth[p.to-1] |= 1 << weekday
		}
	}
}
