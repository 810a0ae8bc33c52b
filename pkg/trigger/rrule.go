package trigger

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rrule is a recurrence rule of RFC 5545, as much of it as can be said here.
type rrule struct {
	freq         string
	interval     int
	days         []string // MO, 2TU, -1FR
	monthDays    []string
	hour, minute string
	until        string
}

func readRRule(written string) (r rrule, fault string) {
	text := strings.ToUpper(strings.TrimSpace(written))
	text = strings.TrimPrefix(text, "RRULE:")
	r.interval = 1
	for _, part := range strings.Split(strings.Trim(text, ";"), ";") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || value == "" {
			return r, quote(part) + " is no part of one"
		}
		switch name {
		case "FREQ":
			r.freq = value
		case "INTERVAL":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > maxPeriod {
				return r, "INTERVAL is a number from 1 to " + strconv.Itoa(maxPeriod)
			}
			r.interval = n
		case "BYDAY":
			r.days = strings.Split(value, ",")
		case "BYMONTHDAY":
			r.monthDays = strings.Split(value, ",")
		case "BYHOUR":
			r.hour = value
		case "BYMINUTE":
			r.minute = value
		case "BYSECOND":
			if value != "0" {
				return r, "BYSECOND is not 0"
			}
		case "UNTIL":
			r.until = value
		case "WKST":
			if value != "MO" {
				return r, "weeks begin on Monday here"
			}
		default:
			return r, name + " is not among them"
		}
	}
	return r, ""
}

// rruleFault says why a rule was not read.
func rruleFault(written string) string {
	r, fault := readRRule(written)
	if fault != "" {
		return fault
	}
	if _, fault := r.spec(); fault != "" {
		return fault
	}
	return "it goes with neither start_at nor end_at of its own"
}

var (
	ruleDay  = regexp.MustCompile(`^(-1|[1-5])?(MO|TU|WE|TH|FR|SA|SU)$`)
	ruleHour = regexp.MustCompile(`^[0-9]{1,2}(,[0-9]{1,2})*$`)
	ruleDays = map[string]string{"MO": "mon", "TU": "tue", "WE": "wed", "TH": "thu", "FR": "fri", "SA": "sat", "SU": "sun"}
)

// weekdays turns BYDAY into the words of a crontab, or of a calendar interval where it is plain.
func (r *rrule) weekdays(positions bool) (list []string, fault string) {
	for _, one := range r.days {
		m := ruleDay.FindStringSubmatch(one)
		switch {
		case m == nil:
			return nil, quote(one) + " is no day"
		case m[1] != "" && !positions:
			return nil, quote(one) + " goes with FREQ=MONTHLY alone"
		case m[1] == "-1":
			list = append(list, ruleDays[m[2]]+"L")
		case m[1] != "":
			list = append(list, ruleDays[m[2]]+"#"+m[1])
		default:
			list = append(list, ruleDays[m[2]])
		}
	}
	return list, ""
}

// spec is the rule as a schedule, without its end.
func (r *rrule) spec() (s Spec, fault string) {
	switch r.freq {
	case "MINUTELY", "HOURLY", "SECONDLY":
		if r.days != nil || r.monthDays != nil || r.hour != "" || r.minute != "" {
			return s, "FREQ=" + r.freq + " goes with INTERVAL alone"
		}
		unit := map[string]time.Duration{"SECONDLY": time.Second, "MINUTELY": time.Minute, "HOURLY": time.Hour}[r.freq]
		return Spec{Type: TypeInterval, Every: Duration(time.Duration(r.interval) * unit)}, ""
	case "DAILY", "WEEKLY", "MONTHLY", "YEARLY":
	default:
		return s, "FREQ is SECONDLY, MINUTELY, HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY"
	}
	hour, minute := r.hour, r.minute
	if hour == "" {
		hour = "0"
	}
	if minute == "" {
		minute = "0"
	}
	if !ruleHour.MatchString(hour) || !ruleHour.MatchString(minute) {
		return s, "BYHOUR and BYMINUTE are numbers"
	}
	weekdays, fault := r.weekdays(r.freq == "MONTHLY")
	if fault != "" {
		return s, fault
	}
	if r.interval > 1 || r.freq == "YEARLY" {
		return r.periodic(hour, minute, weekdays)
	}
	days, weekday := "*", "*"
	if weekdays != nil {
		weekday = strings.Join(weekdays, ",")
	}
	for i, one := range r.monthDays {
		n, err := strconv.Atoi(one)
		switch {
		case err != nil || n == 0 || n > 31 || n < -31:
			return s, quote(one) + " is no day of a month"
		case n == -1:
			r.monthDays[i] = "L"
		case n < 0:
			r.monthDays[i] = "L" + strconv.Itoa(n+1)
		}
	}
	switch {
	case r.monthDays != nil && weekdays != nil:
		return s, "BYDAY and BYMONTHDAY together are days that are both"
	case r.freq == "WEEKLY" && weekdays == nil, r.freq == "MONTHLY" && weekdays == nil && r.monthDays == nil:
		return s, "without BYDAY or BYMONTHDAY it takes its day from DTSTART"
	case r.monthDays != nil:
		days = strings.Join(r.monthDays, ",")
	}
	return Spec{Type: TypeCron, Expression: strings.Join([]string{minute, hour, days, "*", weekday}, " ")}, ""
}

// periodic is a rule that leaves days, weeks, months or years out.
func (r *rrule) periodic(hour, minute string, weekdays []string) (s Spec, fault string) {
	h, err1 := strconv.Atoi(hour)
	m, err2 := strconv.Atoi(minute)
	switch {
	case err1 != nil || err2 != nil || h > 23 || m > 59:
		return s, "with an INTERVAL there is one time of day"
	case r.monthDays != nil || weekdays != nil && r.freq != "WEEKLY":
		return s, `with an INTERVAL the day comes from start_at: write {"type": "calendar_interval"}`
	}
	s = Spec{Type: TypeCalendarInterval, Clock: fmt.Sprintf("%02d:%02d", h, m), Weekdays: weekdays}
	switch r.freq {
	case "DAILY":
		s.Period.Days = r.interval
	case "WEEKLY":
		s.Period.Weeks = r.interval
	case "MONTHLY":
		s.Period.Months, s.Overflow = r.interval, OverflowSkip // RFC 5545 leaves days out that there are not
	default:
		s.Period.Years, s.Overflow = r.interval, OverflowSkip
	}
	return s, ""
}

func (s *Spec) acceptRRule(written string) bool {
	upper := strings.ToUpper(strings.TrimSpace(written))
	if !strings.HasPrefix(upper, "FREQ=") && !strings.HasPrefix(upper, "RRULE:") && !strings.Contains(upper, ";FREQ=") {
		return false
	}
	r, fault := readRRule(written)
	if fault != "" || s.EndAt != nil && r.until != "" {
		return false
	}
	ours, fault := r.spec()
	if fault != "" {
		return false
	}
	if r.until != "" && !s.until(r.until) {
		return false
	}
	s.Type, s.Expression, s.Every, s.Period, s.Clock = ours.Type, ours.Expression, ours.Every, ours.Period, ours.Clock
	if ours.Type == TypeCalendarInterval {
		s.Weekdays, s.Overflow = ours.Weekdays, ours.Overflow
	}
	s.noteForm(written, s.short())
	if r.hour == "" && ours.Type != TypeInterval {
		s.note(WarnForeignForm, "the rule has no BYHOUR and takes its time from DTSTART, which is not here: it fires at midnight", "规则没有 BYHOUR，其时间取自 DTSTART（此处没有）：按午夜触发")
	}
	return true
}

// until takes the end of a rule.
func (s *Spec) until(text string) bool {
	if t, err := time.Parse("20060102T150405Z", text); err == nil {
		at := InstantOf(t)
		s.EndAt = &at
		return true
	}
	end := int64(0)
	t, err := time.Parse("20060102T150405", text)
	if err != nil {
		t, err = time.Parse("20060102", text)
		end = daySeconds - 1
	}
	if err != nil {
		return false
	}
	if s.Local == nil {
		s.Local = map[string]LocalTime{}
	}
	s.Local["end_at"] = LocalTime{t.Unix() + end}
	return true
}

// short is what of a schedule a note shows.
func (s *Spec) short() string {
	switch s.Type {
	case TypeInterval:
		return fmt.Sprintf(`{"type": "interval", "every": %s}`, quote(s.Every.String()))
	case TypeCalendarInterval:
		unit, n, _ := s.Period.one()
		return fmt.Sprintf(`{"type": "calendar_interval", "every": {"%ss": %d}, "at": %s}`, unit, n, quote(s.Clock))
	}
	if s.Fields != nil {
		return `{"type": "cron", "fields": {…}}`
	}
	return quote(s.Expression)
}

// onCalendarWords are the words that systemd has for whole expressions.
var onCalendarWords = map[string]string{
	"minutely": "* * * * *", "hourly": "0 * * * *", "daily": "0 0 * * *", "weekly": "0 0 * * mon", "monthly": "0 0 1 * *",
	"yearly": "0 0 1 1 *", "annually": "0 0 1 1 *", "quarterly": "0 0 1 1,4,7,10 *", "semiannually": "0 0 1 1,7 *",
}

var (
	onWeekdays = regexp.MustCompile(`^[A-Za-z]{3,9}((\.\.|,|-)[A-Za-z]{3,9})*$`)
	onDate     = regexp.MustCompile(`^(?:([0-9*,./]+)-)?([0-9*,./]+)-([0-9*,./]+)$`)
	onTime     = regexp.MustCompile(`^([0-9*,./]+):([0-9*,./]+)(?::([0-9*,./]+))?$`)
)

// acceptOnCalendar reads OnCalendar of systemd's timers: "Mon..Fri *-*-* 09:00:00".
func (s *Spec) acceptOnCalendar(written string) bool {
	trimmed := strings.TrimSpace(written)
	if whole, known := onCalendarWords[strings.ToLower(trimmed)]; known {
		s.Expression = whole
		s.noteForm(written, quote(whole))
		return true
	}
	words := strings.Fields(trimmed)
	if len(words) == 0 || len(words) > 4 || !strings.Contains(trimmed, ":") && !onDate.MatchString(words[len(words)-1]) {
		return false
	}
	zone := ""
	if last := words[len(words)-1]; len(words) > 1 && (last == "UTC" || zoneName.MatchString(last)) {
		if s.TimeZone != "" && s.TimeZone != last {
			return false
		}
		zone, words = last, words[:len(words)-1]
	}
	f := Fields{Year: "*", Month: "*", Day: "*", DayOfWeek: "*", Hour: "0", Minute: "0", Second: "0"}
	if onWeekdays.MatchString(words[0]) {
		f.DayOfWeek = strings.ToLower(strings.ReplaceAll(shortNames(words[0]), "..", "-"))
		words = words[1:]
	}
	if len(words) > 0 {
		if m := onDate.FindStringSubmatch(words[0]); m != nil {
			f.Month, f.Day = onCalendarPart(m[2], 1), onCalendarPart(m[3], 1)
			if m[1] != "" {
				f.Year = onCalendarPart(m[1], 1970)
			}
			words = words[1:]
		}
	}
	if len(words) > 0 {
		m := onTime.FindStringSubmatch(words[0])
		if m == nil {
			return false
		}
		f.Hour, f.Minute, words = onCalendarPart(m[1], 0), onCalendarPart(m[2], 0), words[1:]
		if m[3] != "" {
			f.Second = onCalendarPart(m[3], 0)
		}
	}
	if len(words) > 0 || slices.Contains([]string{f.Year, f.Month, f.Day, f.Hour, f.Minute, f.Second}, "") {
		return false
	}
	if f.DayOfWeek != "*" && f.Day != "*" || f.Year != "*" {
		s.Expression, s.Fields = "", &f // both days must match there, as in fields
	} else {
		s.Expression = strings.Join([]string{f.Minute, f.Hour, f.Day, f.Month, f.DayOfWeek}, " ")
		if f.Second != "0" {
			s.Expression = f.Second + " " + s.Expression
		}
	}
	if zone != "" {
		s.TimeZone = zone
	}
	s.noteForm(written, s.short())
	return true
}

var onStep = regexp.MustCompile(`^(\*|[0-9]+(?:\.\.[0-9]+)?)(/[0-9]+)?$`)

// onCalendarPart turns a part of OnCalendar into that of a cron; "" for what cannot be said. 0/15 counts from 0.
func onCalendarPart(text string, low int) string {
	items := strings.Split(text, ",")
	for i, item := range items {
		m := onStep.FindStringSubmatch(item)
		if m == nil {
			return ""
		}
		body := strings.ReplaceAll(m[1], "..", "-")
		if n, err := strconv.Atoi(body); err == nil {
			body = strconv.Itoa(n)
			if m[2] != "" && n == low {
				body = "*"
			} else if m[2] != "" {
				return "" // where it ends is another matter in each dialect
			}
		}
		items[i] = body + m[2]
	}
	return strings.Join(items, ",")
}
