package trigger

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Accept turns what other schedulers write into this one's form, with a note for each, and leaves alone what it
// cannot say. Spec.UnmarshalJSON does so too.
func (s *Spec) Accept() {
	s.plainTexts()
	if s.Type != TypeCron {
		return
	}
	if s.Fields != nil {
		s.acceptFields()
		return
	}
	if plainExpression(s.Expression) {
		return
	}
	for _, accept := range []func(*Spec, string) bool{
		(*Spec).acceptZone, (*Spec).acceptEvery, (*Spec).acceptMoment, (*Spec).acceptRate, (*Spec).acceptISO, (*Spec).acceptAWS, (*Spec).acceptRRule, (*Spec).acceptOnCalendar,
		(*Spec).acceptQuartz,
	} {
		if accept(s, s.Expression) && s.Type != TypeCron {
			return
		}
	}
	s.acceptWords()
}

// plainExpression reports whether an expression can hold nothing foreign: most do not.
func plainExpression(s string) bool {
	blanks := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9' || c == '*' || c == ',' || c == '-' || c == '/':
		case c == ' ':
			blanks++
		default:
			return false
		}
	}
	return blanks < 6
}

// note tells of what was read as something else.
func (s *Spec) note(code, en, zh string) {
	s.Notes = append(s.Notes, Warning{code, en, zh})
}

func (s *Spec) noteLookalikes(name string, found []string) {
	if len(found) > 0 {
		list := strings.Join(found, ", ")
		s.note(WarnLookalike, name+": "+list+" was read as the plain character it looks like", name+"：已将 "+list+" 按相近的普通字符读取")
	}
}

// noteForm tells which form something was read as. Ours is in the words of JSON.
func (s *Spec) noteForm(written, ours string) {
	s.note(WarnForeignForm, fmt.Sprintf("%s is kept as %s", quote(written), ours), fmt.Sprintf("%s 已保存为 %s", quote(written), ours))
}

// plainTexts takes out of the texts what only looks like a plain character.
func (s *Spec) plainTexts() {
	var found []string
	if s.Expression, found = Plain(s.Expression); found != nil {
		s.noteLookalikes("expression", found)
	}
	if s.TimeZone, found = Plain(s.TimeZone); found != nil {
		s.noteLookalikes("time_zone", found)
	}
	if s.Fields == nil {
		return
	}
	for i, info := range fieldInfos {
		value := s.Fields.member(i)
		if *value, found = Plain(*value); found != nil {
			s.noteLookalikes("fields."+info.name, found)
		}
	}
}

// longNames are names of days and months that are not written in three letters.
var longNames = map[string]string{
	"sunday": "sun", "monday": "mon", "tuesday": "tue", "tues": "tue", "wednesday": "wed", "weds": "wed", "thursday": "thu", "thur": "thu", "thurs": "thu",
	"friday": "fri", "saturday": "sat", "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun", "july": "jul",
	"august": "aug", "september": "sep", "sept": "sep", "october": "oct", "november": "nov", "december": "dec",
}

var letters = regexp.MustCompile(`[A-Za-z]+`)

// shortNames writes the long names in a text in three letters.
func shortNames(s string) string {
	return letters.ReplaceAllStringFunc(s, func(word string) string {
		if short, known := longNames[strings.ToLower(word)]; known {
			return short
		}
		return word
	})
}

func (s *Spec) acceptFields() {
	for _, i := range []int{atMonth, atDay, atDayOfWeek} {
		value := s.Fields.member(i)
		if short := shortNames(*value); short != *value {
			s.noteForm(*value, quote(short))
			*value = short
		}
	}
}

var (
	lastWeekday = regexp.MustCompile(`(?i)\b([a-z]{3}|[0-7])#(l|-1|last)\b`)
	randomRange = regexp.MustCompile(`^([0-9]*)~([0-9]*)$`)
)

// acceptWords reads words within the fields: long names, MON#L for monL, and ~ for a value of its own.
func (s *Spec) acceptWords() {
	written := s.Expression
	fields := strings.Fields(written)
	if len(fields) != 5 && len(fields) != 6 {
		return
	}
	for i := range fields {
		at := &crontabFields[len(crontabFields)-len(fields)+i]
		if at.at == atDayOfWeek {
			fields[i] = lastWeekday.ReplaceAllStringFunc(shortNames(fields[i]), func(one string) string {
				name, _, _ := strings.Cut(one, "#")
				return strings.ToLower(name) + "L"
			})
		}
		if at.at == atMonth {
			fields[i] = shortNames(fields[i])
		}
		if m := randomRange.FindStringSubmatch(fields[i]); m != nil {
			fields[i] = "H"
			if m[1] != "" || m[2] != "" {
				low, high := m[1], m[2]
				if low == "" {
					low = strconv.Itoa(at.min)
				}
				if high == "" {
					high = strconv.Itoa(at.max)
				}
				fields[i] = "H(" + low + "-" + high + ")"
			}
		}
	}
	if ours := strings.Join(fields, " "); ours != strings.Join(strings.Fields(written), " ") {
		s.Expression = ours
		s.noteForm(written, quote(ours))
	}
}

// acceptZone takes a zone in front of the expression.
func (s *Spec) acceptZone(written string) bool {
	rest, ok := strings.CutPrefix(written, "CRON_TZ=")
	if !ok {
		rest, ok = strings.CutPrefix(written, "TZ=")
	}
	if !ok {
		return false
	}
	name, expression := cutWord(rest)
	name = strings.Trim(name, `"'`)
	if name == "" || expression == "" || s.TimeZone != "" && s.TimeZone != name {
		return false
	}
	s.TimeZone, s.Expression = name, expression
	s.noteForm(written[:len(written)-len(expression)], `"time_zone": `+quote(name))
	return true
}

// becomeInterval makes the spec one of another type.
func (s *Spec) becomeInterval(written string, every time.Duration) bool {
	if every < time.Second {
		return false
	}
	s.Type, s.Expression, s.Every = TypeInterval, "", Duration(every)
	s.noteForm(written, fmt.Sprintf(`{"type": "interval", "every": %s}`, quote(s.Every.String())))
	return true
}

func (s *Spec) acceptEvery(written string) bool {
	word, length := cutWord(written)
	if strings.ToLower(word) != "@every" {
		return false
	}
	every, err := ParseDuration(length)
	return err == nil && s.becomeInterval(written, time.Duration(every))
}

// acceptMoment reads at(…) and @at, one moment.
func (s *Spec) acceptMoment(written string) bool {
	moment, ok := strings.CutPrefix(written, "@at ")
	if inner, is := strings.CutPrefix(written, "at("); is {
		moment, ok = strings.CutSuffix(inner, ")")
	}
	if !ok {
		return false
	}
	moment = strings.TrimSpace(moment)
	if at, err := ParseInstant(moment); err == nil {
		s.At = &at
	} else if civil, local := localMoment(moment); local {
		s.Local = map[string]LocalTime{"at": {civil}}
	} else {
		return false
	}
	s.Type, s.Expression = TypeDate, ""
	s.noteForm(written, `{"type": "date", "at": `+quote(moment)+"}")
	return true
}

var rate = regexp.MustCompile(`^rate\(\s*([0-9]{1,9})\s+(minute|hour|day|week)s?\s*\)$`)

func (s *Spec) acceptRate(written string) bool {
	m := rate.FindStringSubmatch(strings.ToLower(written))
	if m == nil {
		return false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": day, "week": week}[m[2]]
	if err != nil || n > int64(maxDelay/unit) {
		return false
	}
	return s.becomeInterval(written, time.Duration(n)*unit)
}

var weekdayNumber = regexp.MustCompile(`^([1-7])(-([1-7]))?((#[1-5]|L|l)|/[0-9]+)?$`)

// fromSunday turns weekdays that count from 1 = Sunday into names.
func fromSunday(field string) (string, bool) {
	items := strings.Split(field, ",")
	for i, item := range items {
		if item == "L" || item == "l" {
			items[i] = "sat" // alone it is the seventh day there
			continue
		}
		if !strings.ContainsAny(strings.SplitN(item, "#", 2)[0], "1234567") || strings.HasPrefix(item, "*") {
			continue
		}
		m := weekdayNumber.FindStringSubmatch(item)
		if m == nil {
			return "", false
		}
		items[i] = sundayFirst[m[1][0]-'1']
		if m[3] != "" {
			items[i] += "-" + sundayFirst[m[3][0]-'1']
		}
		items[i] += m[4]
	}
	return strings.Join(items, ","), true
}

// acceptAWS reads cron(…) of EventBridge: five fields and a year, with weekdays from 1 = Sunday.
func (s *Spec) acceptAWS(written string) bool {
	inner, ok := strings.CutSuffix(written, ")")
	if !ok || !strings.HasPrefix(strings.ToLower(inner), "cron(") {
		return false
	}
	fields := strings.Fields(inner[len("cron("):])
	if len(fields) != 6 {
		return false
	}
	weekdays, ok := fromSunday(shortNames(fields[4]))
	if !ok {
		return false
	}
	fields[4] = weekdays
	return s.acceptYear(written, fields[:5], fields[5])
}

// acceptQuartz reads Quartz's seven fields. Where a ? shows that they are Quartz's, weekdays count from 1 = Sunday.
func (s *Spec) acceptQuartz(written string) bool {
	fields := strings.Fields(written)
	if len(fields) != 7 || !strings.ContainsAny(fields[6], "0123456789*?") || strings.Trim(fields[6], "0123456789*?-,/") != "" {
		return false
	}
	fields[5] = shortNames(fields[5])
	if strings.Contains(written, "?") {
		weekdays, ok := fromSunday(fields[5])
		if !ok {
			return false
		}
		fields[5] = weekdays
	}
	return s.acceptYear(written, fields[:6], fields[6])
}

var years = regexp.MustCompile(`^([0-9]{4})(-([0-9]{4}))?$`)

// acceptYear takes the year of a cron away: * says nothing, one year or a range of them bounds it.
func (s *Spec) acceptYear(written string, fields []string, year string) bool {
	ours := strings.Join(fields, " ")
	if year == "*" || year == "?" {
		s.Expression = ours
		s.noteForm(written, quote(ours))
		return true
	}
	m := years.FindStringSubmatch(year)
	if m == nil || s.StartAt != nil || s.EndAt != nil {
		return false
	}
	from, _ := strconv.Atoi(m[1])
	to := from
	if m[3] != "" {
		to, _ = strconv.Atoi(m[3])
	}
	if from < 1970 || to < from {
		return false
	}
	if s.Local == nil {
		s.Local = map[string]LocalTime{}
	}
	s.Expression = ours
	s.Local["start_at"] = LocalTime{daysOf(from, 1, 1) * daySeconds}
	s.Local["end_at"] = LocalTime{daysOf(to+1, 1, 1)*daySeconds - 1}
	s.noteForm(written, fmt.Sprintf(`%s with "start_at": "%d-01-01", "end_at": "%d-12-31"`, quote(ours), from, to))
	return true
}

var isoLength = regexp.MustCompile(`^P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?(?:T(?:([0-9]{1,8})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})S)?)?$`)

// isoDuration reads the lengths of ISO 8601 that are the same on every day: weeks, days, hours, minutes, seconds.
func isoDuration(s string) (time.Duration, bool) {
	m := isoLength.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	total := time.Duration(0)
	for i, unit := range []time.Duration{week, day, time.Hour, time.Minute, time.Second} {
		n, err := strconv.ParseInt("0"+m[i+1], 10, 64)
		if err != nil || n > int64(maxDelay/unit) {
			return 0, false
		}
		total += time.Duration(n) * unit
	}
	return total, total > 0
}

// isoInterval reads PT5M, R/PT5M and R/2026-01-01T00:00:00Z/PT5M, of at least a second. The anchor is nil where none is written.
func isoInterval(written string) (every time.Duration, anchor *Instant, ok bool) {
	parts := strings.Split(written, "/")
	every, ok = isoDuration(parts[len(parts)-1])
	if !ok || every < time.Second || len(parts) > 3 || len(parts) > 1 && parts[0] != "R" {
		return 0, nil, false
	}
	if len(parts) == 3 {
		at, err := ParseInstant(parts[1])
		if err != nil {
			return 0, nil, false
		}
		anchor = &at
	}
	return every, anchor, true
}

// acceptISO reads a repeating interval of ISO 8601 in place of an expression.
func (s *Spec) acceptISO(written string) bool {
	every, anchor, ok := isoInterval(written)
	if !ok || anchor != nil && s.Anchor != nil {
		return false
	}
	if anchor != nil {
		s.Anchor = anchor
	}
	return s.becomeInterval(written, every)
}

// readEvery reads the length of an interval: our own form, or that of ISO 8601.
func (s *Spec) readEvery(value json.RawMessage, at faults) {
	if len(value) > 0 && value[0] == '{' {
		s.readPeriod(value, at)
		return
	}
	written, ok := jsonString(value)
	if !ok {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(value)), 10, 32); err == nil && n > 0 {
			at.add(CodeInvalid, fmt.Sprintf(`a duration is a string with a unit; write "%ds"`, n))
			return
		}
		decode(value, &s.Every, at)
		return
	}
	plain, found := Plain(written)
	s.noteLookalikes("every", found)
	plain = strings.TrimSpace(plain)
	if plain == "" {
		at.add(CodeInvalid, "is empty; a duration is written like \"10s\"")
		return
	}
	if every, anchor, ok := isoInterval(plain); ok && (anchor == nil || s.Anchor == nil) {
		if s.Every = Duration(every); anchor != nil {
			s.Anchor = anchor
		}
		s.noteForm(plain, quote(s.Every.String()))
		return
	}
	if err := s.Every.UnmarshalText([]byte(plain)); err != nil {
		if right := durationWords(plain); right != "" {
			at.add(CodeInvalid, fmt.Sprintf("%s is not a duration; write %s", quote(written), quote(right)))
			return
		}
		at.add(CodeInvalid, fmt.Sprint(err))
	}
}

var wordedLength = regexp.MustCompile(`^(?:every\s+)?([0-9]{1,9})\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)$`)

// durationWords is how a length in words, such as "5 minutes", is written; "" if it is none.
func durationWords(s string) string {
	m := wordedLength.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return ""
	}
	if right := m[1] + m[2][:1]; right != s {
		return right
	}
	return ""
}
