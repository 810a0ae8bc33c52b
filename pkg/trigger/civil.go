package trigger

// Civil time here is a count of seconds since 1970-01-01T00:00:00 on a wall clock, without a zone: the zone's
// offset added to Unix seconds gives it. Days are counted the same way.

const (
	daySeconds   = 86400
	minYear      = 1
	maxYear      = 9999
	cycleDays    = 146097 // days in 400 Gregorian years, a whole number of weeks
	cycleSeconds = cycleDays * daySeconds
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func monthLength(year, month int) int {
	if month == 2 {
		if isLeap(year) {
			return 29
		}
		return 28
	}
	return 30 + (month+month>>3)&1
}

// daysOf counts the days from 1970-01-01 to a date (the algorithm of Howard Hinnant, "chrono-compatible low-level
// date algorithms": years start in March, so that the leap day comes last).
func daysOf(year, month, day int) int64 {
	y := year
	if month <= 2 {
		y--
	}
	era := floorDiv(int64(y), 400)
	yoe := int64(y) - era*400
	doy := int64((153*((month+9)%12)+2)/5 + day - 1)
	return era*cycleDays + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// dateOf is the inverse of daysOf.
func dateOf(days int64) (year, month, day int) {
	days += 719468
	era := floorDiv(days, cycleDays)
	doe := uint32(days - era*cycleDays)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy-(153*mp+2)/5) + 1
	month = int(mp) + 3
	year = int(yoe) + int(era)*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// weekdayOf returns 0 = Sunday to 6 = Saturday.
func weekdayOf(days int64) int {
	w := int((days + 4) % 7)
	if w < 0 {
		w += 7
	}
	return w
}

// isoWeeks returns how many ISO 8601 weeks a year has: 53 when it begins on a Thursday, or is leap and begins on a
// Wednesday.
func isoWeeks(year int) int {
	first := weekdayOf(daysOf(year, 1, 1))
	if first == 4 || first == 3 && isLeap(year) {
		return 53
	}
	return 52
}

// isoWeek returns the ISO 8601 week a date lies in; early January may belong to the last week of the year before.
func isoWeek(year, month, day int) int {
	days := daysOf(year, month, day)
	weekday := (weekdayOf(days) + 6) % 7 // Monday = 0
	yearDay := int(days - daysOf(year, 1, 1))
	n := (yearDay - weekday + 10) / 7
	if n < 1 {
		return isoWeeks(year - 1)
	}
	if n > 52 && n > isoWeeks(year) {
		return 1
	}
	return n
}
