package trigger

import (
	"sort"
	"strconv"
	"strings"
	"time"
)

// The model is a second opinion on when a cron fires, written to be obvious and slow: it reads the text again with
// matchers of its own, walks every second of a window, asks package time what the clock shows, and keeps what
// matches. It shares nothing with the code it checks.

// modelNames are what a name stands for in each dialect's numbers.
func modelNumber(s string, dialect dialect, weekday bool) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(m.String()[:3], s) {
			return int(m)
		}
	}
	for w := time.Sunday; w <= time.Saturday; w++ {
		if strings.EqualFold(w.String()[:3], s) {
			if dialect == apscheduler {
				return (int(w) + 6) % 7
			}
			return int(w)
		}
	}
	panic("model cannot read " + s)
}

// modelField reports whether v is named by a list of *, */n, a, a-b, a/n, a-b/n.
func modelField(text string, v, low, high int, dialect dialect) bool {
	for _, element := range strings.Split(text, ",") {
		body, step := element, 1
		if i := strings.Index(element, "/"); i >= 0 {
			body, step = element[:i], modelNumber(element[i+1:], dialect, false)
		}
		from, to := low, high
		if body != "*" && body != "?" {
			ends := strings.Split(body, "-")
			from = modelNumber(ends[0], dialect, false)
			to = from
			if len(ends) == 2 {
				to = modelNumber(ends[1], dialect, false)
			} else if step > 1 || strings.Contains(element, "/") {
				to = high
			}
		}
		for n := from; n <= to; n += step {
			if n == v {
				return true
			}
		}
	}
	return false
}

// modelDay reports whether the day field, with its words, names a date.
func modelDay(text string, d time.Time, dialect dialect) bool {
	last := time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	for _, element := range strings.Split(text, ",") {
		words := strings.Fields(element)
		switch {
		case element == "last" || element == "L":
			if d.Day() == last {
				return true
			}
		case len(words) == 2:
			weekday := time.Weekday((modelNumber(words[1], apscheduler, true) + 1) % 7)
			if d.Weekday() == weekday && (words[0] == "last" && d.Day()+7 > last || words[0] != "last" && (d.Day()-1)/7+1 == int(words[0][0]-'0')) {
				return true
			}
		case strings.HasPrefix(element, "L-"):
			if n, _ := strconv.Atoi(element[2:]); d.Day() == last-n {
				return true
			}
		case strings.HasSuffix(element, "W"):
			n, err := strconv.Atoi(strings.TrimSuffix(element, "W"))
			if err != nil {
				n = last
			}
			if n <= last && d.Day() == modelNearest(d.Year(), d.Month(), n, last) {
				return true
			}
		default:
			if modelField(element, d.Day(), 1, 31, dialect) {
				return true
			}
		}
	}
	return false
}

// modelNearest looks ever farther from a day for a Monday to Friday of the same month.
func modelNearest(year int, month time.Month, n, last int) int {
	for _, off := range []int{0, -1, 1, -2, 2} {
		if n+off < 1 || n+off > last {
			continue
		}
		switch time.Date(year, month, n+off, 0, 0, 0, 0, time.UTC).Weekday() {
		case time.Saturday, time.Sunday:
		default:
			return n + off
		}
	}
	panic("a month without working days")
}

// modelWeekday reports whether crontab's day of week names a date.
func modelWeekday(text string, d time.Time) bool {
	for _, element := range strings.Split(text, ",") {
		weekday := int(d.Weekday())
		if name, nth, ok := strings.Cut(element, "#"); ok {
			if modelNumber(name, crontab, true)%7 == weekday && strconv.Itoa((d.Day()-1)/7+1) == nth {
				return true
			}
			continue
		}
		if name, ok := strings.CutSuffix(element, "L"); ok {
			if modelNumber(name, crontab, true)%7 == weekday && d.AddDate(0, 0, 7).Month() != d.Month() {
				return true
			}
			continue
		}
		if modelField(element, weekday, 0, 6, crontab) || weekday == 0 && !strings.Contains(element, "*") && !strings.Contains(element, "/") && modelField(element, 7, 0, 7, crontab) {
			return true
		}
		if weekday == 0 && strings.Contains(element, "-") && strings.Contains(element, "/") && modelField(element, 7, 0, 7, crontab) {
			return true
		}
	}
	return false
}

// modelCron is a cron as the model sees it: eight texts, in the order of the APScheduler fields.
type modelCron struct {
	dialect dialect
	texts   [fieldCount]string
}

func (m *modelCron) date(d time.Time) bool {
	if !modelField(m.texts[atMonth], int(d.Month()), 1, 12, m.dialect) {
		return false
	}
	if m.dialect == crontab {
		byDay, byWeekday := modelDay(m.texts[atDay], d, crontab), modelWeekday(m.texts[atDayOfWeek], d)
		star := func(s string) bool { return s[0] == '*' || s[0] == '?' }
		if star(m.texts[atDay]) || star(m.texts[atDayOfWeek]) {
			return byDay && byWeekday
		}
		return byDay || byWeekday
	}
	_, isoWeek := d.ISOWeek()
	return modelField(m.texts[atYear], d.Year(), 1970, 9999, m.dialect) &&
		modelField(m.texts[atWeek], isoWeek, 1, 53, m.dialect) &&
		modelDay(m.texts[atDay], d, m.dialect) &&
		modelField(m.texts[atDayOfWeek], (int(d.Weekday())+6)%7, 0, 6, m.dialect)
}

// occurrences returns the Unix seconds in [from, to) at which the cron fires in loc.
func (m *modelCron) occurrences(loc *time.Location, from, to int64) []int64 {
	var hours, minutes, seconds [60]bool
	for i := range 60 {
		hours[i] = modelField(m.texts[atHour], i, 0, 23, m.dialect)
		minutes[i] = modelField(m.texts[atMinute], i, 0, 59, m.dialect)
		seconds[i] = modelField(m.texts[atSecond], i, 0, 59, m.dialect)
	}
	dates := map[int64]bool{}
	matches := func(civil int64) bool {
		day := civil / 86400
		if civil < 0 {
			day = (civil - 86399) / 86400
		}
		yes, known := dates[day]
		if !known {
			yes = m.date(time.Unix(day*86400, 0).UTC())
			dates[day] = yes
		}
		s := civil - day*86400
		return yes && hours[s/3600] && minutes[s/60%60] && seconds[s%60]
	}
	realTime := strings.Contains(m.texts[atHour]+m.texts[atMinute], "*")
	found := map[int64]bool{}
	seen := int64(-1 << 62)  // the latest the clock has shown
	const margin = 26 * 3600 // the longest change of a clock is a day
	offset := modelOffsets(loc)
	for t := from - margin; t < to; t++ {
		civil := t + offset(t)
		switch {
		case realTime:
			if matches(civil) {
				found[t] = true
			}
		case seen == -1<<62 || civil == seen+1:
			if matches(civil) {
				found[t] = true
			}
		case civil > seen+1: // the clock jumped: what it left out comes later by the length of the jump
			for skipped := seen + 1; skipped < civil; skipped++ {
				if matches(skipped) {
					found[t+skipped-seen-1] = true
				}
			}
			if matches(civil) {
				found[t] = true
			}
		}
		seen = max(seen, civil)
	}
	var list []int64
	for t := range found {
		if t >= from && t < to {
			list = append(list, t)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list
}

// modelOffsets returns the offset of loc at each second. It asks package time at both ends of a minute, and at every
// second of the minutes whose ends differ.
func modelOffsets(loc *time.Location) func(t int64) int64 {
	at := func(t int64) int64 {
		_, offset := time.Unix(t, 0).In(loc).Zone()
		return int64(offset)
	}
	minute, first, last := int64(-1<<62), int64(0), int64(0)
	return func(t int64) int64 {
		if t < minute || t >= minute+60 {
			minute, first, last = t, at(t), at(t+59)
		}
		if first == last {
			return first
		}
		return at(t)
	}
}

// modelExcluded reports whether the clock at t shows what an exclusion names.
func modelExcluded(list []Exclusion, loc *time.Location, t int64) bool {
	local := time.Unix(t, 0).In(loc)
	for _, e := range list {
		hit := true
		if len(e.Dates) > 0 {
			any := false
			for _, d := range e.Dates {
				first, last, isRange := strings.Cut(d, "/")
				if !isRange {
					last = first
				}
				shown := local.Format("2006-01-02")[10-len(first):]
				any = any || first <= shown && shown <= last || first > last && (shown >= first || shown <= last)
			}
			hit = hit && any
		}
		if len(e.Weekdays) > 0 {
			any := false
			for _, w := range e.Weekdays {
				any = any || strings.EqualFold(local.Weekday().String()[:3], w)
			}
			hit = hit && any
		}
		if len(e.Times) > 0 {
			any := false
			for _, r := range e.Times {
				shown := local.Format("15:04:05")[:len(r.From)]
				if r.From < r.To {
					any = any || shown >= r.From && shown < r.To
				} else {
					any = any || shown >= r.From || shown < r.To
				}
			}
			hit = hit && any
		}
		if hit {
			return true
		}
	}
	return false
}
