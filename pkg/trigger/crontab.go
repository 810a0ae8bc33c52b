package trigger

import (
	"fmt"
	"regexp"
	"strings"
)

const maxExpression = 1024

// crontabField describes a field of a crontab expression.
type crontabField struct {
	fieldInfo
	at    int
	names []string
	hash  int // H stays at or below this; 0: up to max
}

var sundayFirst = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// crontabFields are the six fields in the order they are written.
var crontabFields = [...]crontabField{
	{fieldInfo: fieldInfo{name: "second", min: 0, max: 59}, at: atSecond},
	{fieldInfo: fieldInfo{name: "minute", min: 0, max: 59}, at: atMinute},
	{fieldInfo: fieldInfo{name: "hour", min: 0, max: 23}, at: atHour},
	{fieldInfo: fieldInfo{name: "day of month", min: 1, max: 31}, at: atDay, hash: 28}, // so that it comes every month
	{fieldInfo: fieldInfo{name: "month", min: 1, max: 12}, at: atMonth, names: monthNames[:]},
	{fieldInfo: fieldInfo{name: "day of week", min: 0, max: 7}, at: atDayOfWeek, names: sundayFirst[:], hash: 6},
}

// parseCrontab compiles an expression. seed decides what H stands for.
func parseCrontab(expression, seed string, c *calendar, at faults) []part {
	if len(expression) > maxExpression {
		at.add(CodeInvalid, fmt.Sprintf("is longer than %d bytes", maxExpression))
		return nil
	}
	expression = strings.Trim(expression, " \t\r\n")
	if code, problem := refused(expression); problem != "" {
		at.add(code, problem)
		return nil
	}
	if expression[0] == '@' {
		expression = macro(expression)
	}
	var texts [7]string
	count := 0
	for rest := expression; rest != ""; count++ {
		word, tail := cutWord(rest)
		if count < len(texts) {
			texts[count] = word
		}
		rest = tail
	}
	if code, problem := wrongWords(strings.Fields(expression)); problem != "" {
		at.add(code, problem)
		return nil
	}
	if code, problem := wrongCount(count, texts[:]); problem != "" {
		at.add(code, problem)
		return nil
	}
	fields, words := crontabFields[:], texts[:count]
	parts := make([]part, 0, 8)
	if count == 5 {
		fields = fields[1:]
		parts = append(parts, part{field: atSecond, kind: partRange})
	}
	r := crontabReader{seed: seed, at: at, parts: parts}
	for i, word := range words {
		r.read(&fields[i], word)
	}
	if r.failed {
		return nil
	}
	c.compile(crontab, r.parts)
	dayOfMonth, dayOfWeek := words[count-3], words[count-1]
	c.either = dayOfMonth[0] != '*' && dayOfMonth[0] != '?' && dayOfWeek[0] != '*' && dayOfWeek[0] != '?'
	return r.parts
}

// cutWord splits at the first run of spaces and tabs.
func cutWord(s string) (word, rest string) {
	i := 0
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		i++
	}
	word = s[:i]
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return word, s[i:]
}

// macros are crontab(5)'s, in lower case only.
var macros = [...]struct{ name, expression string }{
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
	{"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"},
}

// macro returns what a macro stands for, "" if it is unknown.
func macro(name string) string {
	for _, m := range macros {
		if m.name == name {
			return m.expression
		}
	}
	return ""
}

// refused knows the forms of other schedulers and says what to write instead.
func refused(s string) (code, problem string) {
	if s == "" {
		return CodeRequired, `is empty; write like "0 2 * * *"`
	}
	if s[0] <= '9' || s[0] == 'H' { // nearly all begin with a digit or *
		return "", ""
	}
	lower := strings.ToLower(s)
	switch {
	case strings.HasPrefix(s, "@"):
		return refusedMacro(s, lower)
	case strings.HasPrefix(s, "TZ=") || strings.HasPrefix(s, "CRON_TZ="):
		name, _ := cutWord(s[strings.IndexByte(s, '=')+1:])
		return CodeUnsupported, fmt.Sprintf("a zone is not part of the expression; leave %s out and set time_zone to %s",
			quote(s[:strings.IndexByte(s, '=')+1]+name), quote(strings.Trim(name, `"'`)))
	case strings.HasPrefix(lower, "cron("):
		return CodeUnsupported, "this is the EventBridge form, and not one that can be read; write five fields alone, without cron( ) and the year, and mind that its weekday 1 is Sunday and ours is Monday"
	case strings.HasPrefix(lower, "rate("):
		inner := strings.TrimSuffix(lower[len("rate("):], ")")
		if right := durationWords(inner); right != "" {
			return CodeUnsupported, fmt.Sprintf(`this is the EventBridge form; write {"type": "interval", "every": %s}`, quote(right))
		}
		return CodeUnsupported, fmt.Sprintf(`this is the EventBridge form, and %s is no length of time; write {"type": "interval", "every": "5m"}`, quote(inner))
	case strings.HasPrefix(lower, "at("):
		return CodeUnsupported, `this is one moment; write {"type": "date", "at": "2026-11-18T07:00:00"}`
	case strings.HasPrefix(lower, "every "):
		return refusedEvery(s, lower)
	case strings.HasPrefix(lower, "freq=") || strings.HasPrefix(lower, "rrule:"):
		return CodeUnsupported, "this is a rule of RFC 5545; FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYHOUR, BYMINUTE and UNTIL can be read, and " + rruleFault(s)
	case strings.HasPrefix(s, "P") || strings.HasPrefix(s, "R/"):
		return CodeUnsupported, `this is a length of ISO 8601; weeks, days, hours, minutes and seconds can be read, as in PT5M; for months and years write {"type": "calendar_interval", "every": {"months": 1}, "at": "09:00"}`
	}
	return "", ""
}

// refusedEvery says how "every 24 hours" and "every monday 09:00" are written.
func refusedEvery(s, lower string) (code, problem string) {
	if right := durationWords(s); right != "" {
		return CodeUnsupported, fmt.Sprintf(`this is an interval; write {"type": "interval", "every": %s}`, quote(right))
	}
	words := strings.Fields(shortNames(lower))
	if len(words) == 3 && clockText.MatchString(words[2]) {
		second, bad := clockTime(words[2], false)
		day := words[1]
		if day == "day" {
			day = "*"
		}
		if bad == "" && (day == "*" || indexOf(sundayFirst[:], day) >= 0) {
			return CodeUnsupported, fmt.Sprintf(`write "%d %d * * %s"`, second/60%60, second/3600, day)
		}
	}
	return CodeUnsupported, `this is no cron expression; write {"type": "interval", "every": "24h"}, or five fields such as "0 9 * * mon"`
}

// zoneWord is the last word of an expression if it names a zone.
func zoneWord(words []string) string {
	last := words[len(words)-1]
	if last == "UTC" || last == "GMT" || zoneName.MatchString(last) {
		return last
	}
	return ""
}

var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+){1,2}$`)

func refusedMacro(s, lower string) (code, problem string) {
	word, rest := cutWord(s)
	switch {
	case macro(s) != "":
		return "", ""
	case strings.ToLower(word) == "@every":
		if rest == "" {
			rest = "5m"
		}
		return CodeUnsupported, fmt.Sprintf(`@every is an interval; write {"type": "interval", "every": %s}`, quote(rest))
	case strings.ToLower(word) == "@reboot":
		return CodeUnsupported, `@reboot is no moment in time; write {"type": "date", "at": "…"} or run the job by hand`
	case macro(lower) != "":
		return CodeInvalid, fmt.Sprintf("%s: macros are written in lower case: %s", quote(s), lower)
	default:
		return CodeInvalid, fmt.Sprintf("%s is no macro; write @yearly @annually @monthly @weekly @daily @midnight or @hourly", quote(s))
	}
}

// wrongWords refuses what is no field at all, and says what it is.
func wrongWords(words []string) (code, problem string) {
	for i, word := range words {
		switch {
		case word == "-" && i > 0 && i+1 < len(words):
			return CodeInvalid, fmt.Sprintf("there are blanks within a field; write %s", quote(words[i-1]+"-"+words[i+1]))
		case strings.HasSuffix(word, ",") && i+1 < len(words):
			return CodeInvalid, fmt.Sprintf("there are blanks within a field; write %s", quote(word+words[i+1]))
		}
	}
	if len(words) >= 5 {
		if zone := zoneWord(words); zone != "" {
			return CodeUnsupported, fmt.Sprintf("a zone is not part of the expression; leave it out and set time_zone to %s", quote(zone))
		}
	}
	return "", ""
}

// wrongCount refuses any number of fields but 5 and 6.
func wrongCount(count int, texts []string) (code, problem string) {
	const right = "a cron expression has 5 (minute hour day-of-month month day-of-week), or 6 with seconds first"
	switch {
	case count == 6 && strings.ContainsAny(texts[5][:1], "/.~$"):
		return CodeInvalid, "the command does not belong here; write the first five fields alone"
	case count == 5 || count == 6:
		return "", ""
	case count == 7 && strings.Trim(texts[6], "0123456789*-,/") == "":
		return CodeUnsupported, fmt.Sprintf(`7 fields with a year last are Quartz's; a year can be one, a range or *; leave %s out and set start_at and end_at, or write {"fields": {"year": %s, …}}; mind that Quartz counts its weekdays from 1 = Sunday`, texts[6], quote(texts[6]))
	case count > 6:
		return CodeInvalid, fmt.Sprintf("has %d fields; %s; a command does not belong here", count, right)
	case count == 1:
		return CodeInvalid, "has 1 field; " + right
	default:
		return CodeInvalid, fmt.Sprintf("has %d fields; %s", count, right)
	}
}
