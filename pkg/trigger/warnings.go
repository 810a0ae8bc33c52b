package trigger

import (
	"math/bits"
	"strings"
	"time"
)

// Warning is something about a valid schedule that may surprise.
type Warning struct {
	// Code is machine-readable, one of the Warn constants.
	Code string `json:"code"`
	// Message says it in English.
	Message string `json:"message"`
	// MessageZH says it in Chinese.
	MessageZH string `json:"message_zh"`
}

// Codes of a Warning.
const (
	// WarnNeverFires: there is no occurrence, ever.
	WarnNeverFires = "never_fires"
	// WarnNoMore: there are occurrences, but none from now on.
	WarnNoMore = "no_more_occurrences"
	// WarnDateInPast: the date is in the past; see PastDate for what becomes of it.
	WarnDateInPast = "date_in_past"
	// WarnLeapYears: it fires in leap years only.
	WarnLeapYears = "leap_years_only"
	// WarnShortMonths: it fires in the longer months only.
	WarnShortMonths = "short_months"
	// WarnGap: within a year an occurrence falls into a gap of the clock.
	WarnGap = "dst_gap"
	// WarnTimeout: the next run may come before the timeout of the last.
	WarnTimeout = "faster_than_timeout"
	// WarnUneven: the last step of a round is shorter than the others.
	WarnUneven = "uneven_step"
	// WarnOpenStep: 5/15, which crontabs read differently.
	WarnOpenStep = "open_step"
	// WarnWideStep: a step beyond its range, which leaves one value.
	WarnWideStep = "wide_step"
	// WarnWraps: a range of names that goes round, sat-sun.
	WarnWraps = "wrapping_range"
	// WarnEitherDay: both day fields are restricted, and either matches.
	WarnEitherDay = "either_day"
	// WarnStarDay: a day field begins with *, so both must match; some libraries differ.
	WarnStarDay = "star_day"
	// WarnCalendarEnds: the calendar does not know all of the next days; there the weekend decides.
	WarnCalendarEnds = "calendar_ends"
	// WarnForeignForm: it was written in another scheduler's form, and is kept in ours.
	WarnForeignForm = "foreign_form"
	// WarnLookalike: characters that only look like those of a schedule were read as these.
	WarnLookalike = "lookalike_characters"
	// WarnQuartzWeekday: written like Quartz, whose weekdays count from 1 = Sunday.
	WarnQuartzWeekday = "quartz_weekday"
)

// warner collects warnings.
type warner struct {
	s    *Schedule
	list []Warning
}

func (w *warner) add(code, en, zh string) { w.list = append(w.list, Warning{code, en, zh}) }

// Warnings returns what may surprise about the schedule as seen from now; nil when nothing does. attemptTimeout is
// how long one run may take; 0 leaves that check out.
func (s *Schedule) Warnings(now Instant, attemptTimeout time.Duration) []Warning {
	w := &warner{s: s}
	fires := w.firing(now)
	if s.kind == kindCron {
		if fires {
			w.calendar()
			w.gap(now)
		}
		w.parts()
		w.dayFields()
	}
	if fires {
		w.calendarEnds(now)
		w.timeout(now, attemptTimeout)
	}
	return w.list
}

// firing warns of what has no occurrences, and reports whether there are any from now on.
func (w *warner) firing(now Instant) bool {
	if _, ok := w.s.First(now); ok {
		return true
	}
	if at, ok := w.s.First(MinInstant); ok && w.s.kind == kindDate {
		w.list = append(w.list, PastUnsaved.Warning(w.s, at))
		return false
	} else if ok {
		w.add(WarnNoMore, "has no occurrence from now on", "从现在起不会再触发")
		return false
	}
	en, zh := "never fires", "永远不会触发"
	if _, ok := w.s.bare(MinInstant); ok {
		en, zh = "never fires: every occurrence is excluded", "永远不会触发：所有触发时刻都被排除"
		if w.s.excluded == nil {
			en, zh = "never fires between start_at and end_at", "在 start_at 与 end_at 之间永远不会触发"
		}
	} else if w.s.cron.days.plain>>30 != 0 {
		en, zh = "never fires: no such day exists in these months", "永远不会触发：这些月份没有这一天"
	}
	w.add(WarnNeverFires, en, zh)
	return false
}

// calendar warns of days that not every year or month has.
func (w *warner) calendar() {
	c := &w.s.cron.calendar
	const commonYears = 0x1555 // the even kinds, see yearKind
	if c.kinds&commonYears == 0 {
		w.add(WarnLeapYears, "fires in leap years only, on 29 February", "仅在闰年的 2 月 29 日触发")
		return
	}
	if c.days.all || c.days.hasOthers || c.either {
		return
	}
	first := bits.TrailingZeros32(c.days.plain)
	short := 0
	for _, month := range setOf(uint64(c.months)) {
		if monthLength(2001, month) < first {
			short++
		}
	}
	if short > 0 {
		w.add(WarnShortMonths,
			"skips the months without a "+ordinal(first)+"; the last day of every month is L in an expression, \"last\" in fields",
			"没有 "+itoa(first)+" 日的月份会跳过；每月最后一天在表达式中写 L，在 fields 中写 last")
	}
}

// gap warns of the next change of the clock within a year that moves or swallows an occurrence.
func (w *warner) gap(now Instant) {
	c := &w.s.cron
	t := floorDiv(int64(now), 1000)
	for until := t + 366*daySeconds; ; {
		p := c.zone.at(t)
		if p.end > until {
			return
		}
		t = p.end
		p = c.zone.at(t)
		if p.offset <= p.before {
			continue
		}
		named := c.calendar.next(t+p.before, t+p.offset)
		if named >= t+p.offset || w.outside(Instant(t*1000)) {
			continue
		}
		lost, day := civilClock(named), civilDate(named)
		switch {
		case !c.realTime:
			late := civilClock(named + p.offset - p.before)
			w.add(WarnGap, "on "+day+" the clock skips "+lost+"; that occurrence comes at "+late,
				day+" 时钟会跳过 "+lost+"，该次将在 "+late+" 触发")
			return
		case c.hours != 1<<24-1:
			w.add(WarnGap, "on "+day+" the clock skips "+lost+"; with a wildcard in hour or minute nothing makes up for it",
				day+" 时钟会跳过 "+lost+"；小时或分钟含通配符时不会补发")
			return
		}
	}
}

// calendarEnds warns where the calendar ends within the next hundred occurrences or the next 30 days.
func (w *warner) calendarEnds(now Instant) {
	ends, ok := w.s.calendarEnds()
	if !ok {
		return
	}
	last := now
	for range 100 {
		next, ok := w.s.Next(last)
		if !ok {
			break
		}
		if last = next; last >= ends {
			break
		}
	}
	if last >= ends || now.Add(30*day) >= ends {
		id, day := w.s.CalendarID(), w.s.days.calendar.Ends()
		w.add(WarnCalendarEnds, "the calendar "+id+" knows no days after "+day+": from then on the weekend decides",
			"日历 "+id+" 只到 "+day+"：之后按周末判断")
	}
}

// outside reports whether nothing can happen at a moment anyway.
func (w *warner) outside(at Instant) bool {
	if at < w.s.start || at > w.s.end {
		return true
	}
	if w.s.excluded == nil {
		return false
	}
	_, excluded := w.s.excluded.until(int64(at) / 1000)
	return excluded
}

func civilClock(civil int64) string {
	t := int(civil - floorDiv(civil, daySeconds)*daySeconds)
	return clock(t/3600, t/60%60, t%60)
}

func civilDate(civil int64) string { return time.Unix(civil, 0).UTC().Format(time.DateOnly) }

// timeout warns when the next occurrence may come while a run still may last.
func (w *warner) timeout(now Instant, attemptTimeout time.Duration) {
	if attemptTimeout <= 0 {
		return
	}
	const looked = 100 // the next hundred gaps show the shortest of any schedule one would write
	shortest := time.Duration(1<<63 - 1)
	last, ok := w.s.First(now)
	if !ok {
		return
	}
	for range looked {
		next, ok := w.s.Next(last)
		if !ok || next.Sub(now) > 400*day {
			break
		}
		shortest = min(shortest, next.Sub(last))
		last = next
		if w.s.kind == kindInterval && w.s.excluded == nil && w.s.days == nil {
			break
		}
	}
	if shortest < attemptTimeout {
		often, limit := Duration(shortest).String(), Duration(attemptTimeout).String()
		w.add(WarnTimeout, "fires "+often+" apart, more often than its own timeout of "+limit+"; a slow run meets the next",
			"触发间隔为 "+often+"，短于自身的超时 "+limit+"；慢的执行会与下一次重叠")
	}
}

// dayFields warns of how the two day fields of a crontab combine.
func (w *warner) dayFields() {
	s := w.s
	if s.dialect != crontab {
		return
	}
	if s.cron.either && (s.cron.days.all || s.cron.weekdays.all) {
		w.add(WarnEitherDay,
			"both day fields are restricted, so either is enough (crontab), and one of them holds every day: it fires every day; begin that field with * to restrict by the other alone",
			"日与星期都有限定时，满足其一即触发（crontab 规则），而其中一个包含每一天：因此每天触发；如只按另一个限定，请让该字段以 * 开头")
	} else if s.cron.either {
		w.add(WarnEitherDay,
			"both day fields are restricted, so either is enough (crontab); for both at once use fields",
			"日与星期都有限定时，满足其一即触发（crontab 规则）；如需同时满足，请使用 fields")
	} else if !s.cron.days.all && !s.cron.weekdays.all {
		w.add(WarnStarDay,
			"a day field that begins with * restricts nothing by itself, so both day fields must match (crontab); robfig/cron and croniter fire when either does",
			"以 * 开头的日期字段不算限定，因此日与星期必须同时满足（crontab 规则）；robfig/cron 与 croniter 是满足其一")
	}
	if !strings.Contains(s.expression, "?") {
		return
	}
	for _, p := range s.parts {
		if p.field == atDayOfWeek && p.kind != partAll && !p.named && !p.hash {
			n := int(p.from)
			name, nameZH := englishWeekdays[(n+6)%7], chineseWeekdays[(n+6)%7]
			w.add(WarnQuartzWeekday,
				"weekday "+itoa(n)+" is "+name+" here; Quartz counts from 1 = Sunday; names mean the same everywhere",
				"这里的星期 "+itoa(n)+" 是周"+nameZH+"；Quartz 以 1 为周日；用英文名称则处处一致")
			return
		}
	}
}
