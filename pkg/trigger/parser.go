package trigger

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Parser compiles Specs. The zero value is ready. It keeps the time zones it has read and nothing else (bounded by
// the time zone database), and is safe for concurrent use. Do not copy it after first use.
type Parser struct {
	// TimeZone is the zone that Settle gives to a spec that names none. Empty: UTC. Set it before first use.
	TimeZone string
	// Calendars are those that specs may name; nil: the built-in ones. Set it before first use.
	Calendars *Calendars
	zones     zones
}

// Parse compiles a spec with a Parser of its own; who compiles many keeps a Parser.
func Parse(spec Spec, seed string) (*Schedule, error) { return new(Parser).Parse(spec, seed) }

// Parse compiles a spec. seed, the job's id, decides what H stands for. The error is Errors: every fault of the
// spec, not only the first. An interval without an anchor is a fault; the caller knows the default. The Schedule
// keeps no reference to the spec's slices and pointers that a later change could reach, but for the strings.
func (p *Parser) Parse(spec Spec, seed string) (*Schedule, error) {
	var found Errors
	at := faults{"", &found}
	p.settleLocal(&spec)
	s := &Schedule{start: MinInstant, end: MaxInstant, zone: utc}
	z, err := p.zones.get(spec.TimeZone)
	if err != nil {
		at.at("time_zone").add(CodeInvalid, strings.TrimSuffix(err.Error(), ": "+errZone.Error()))
	} else {
		s.zone = z
	}
	switch spec.Type {
	case TypeCron:
		s.kind = kindCron
		p.parseCron(s, &spec, seed, at)
	case TypeInterval:
		s.kind = kindInterval
		parseInterval(s, &spec, at)
	case TypeCalendarInterval:
		s.kind = kindPeriodic
		p.parseCalendarInterval(s, &spec, at)
	case TypeDate:
		s.kind = kindDate
		parseDate(s, &spec, at)
	case "":
		at.at("type").add(CodeRequired, "must be cron, interval, calendar_interval or date")
	default:
		at.at("type").add(CodeInvalid, quote(spec.Type)+" is not a type; write cron, interval, calendar_interval or date")
	}
	if spec.Type != TypeDate {
		refuseDelay(&spec, at)
	}
	if spec.Type != TypeCalendarInterval && spec.Type != "" {
		refusePeriod(&spec, at)
	}
	s.days = p.parseCalendar(&spec, s.zone, at.at("calendar"))
	parseBounds(s, &spec, at)
	s.excluded = compileExclusions(spec.Exclude, s.zone, at.at("exclude"))
	if len(found) > 0 {
		return nil, found
	}
	if s.excluded != nil {
		s.exclude = cloneExclusions(spec.Exclude)
	}
	return s, nil
}

func (p *Parser) parseCron(s *Schedule, spec *Spec, seed string, at faults) {
	refuseMembers(spec, at, spec.Every != 0, spec.Anchor != nil, spec.At != nil)
	switch {
	case spec.Expression != "" && spec.Fields != nil:
		at.at("fields").add(CodeInvalid, "expression and fields are two ways to say it; give one")
		return
	case spec.Fields != nil:
		s.dialect = apscheduler
		s.parts = parseFields(spec.Fields, &s.cron.calendar, at.at("fields"))
	case spec.Expression == "":
		at.at("expression").add(CodeRequired, `is missing; write like "0 2 * * *", or give fields`)
		return
	default:
		s.expression = strings.Trim(spec.Expression, " \t\r\n")
		s.parts = parseCrontab(spec.Expression, seed, &s.cron.calendar, at.at("expression"))
	}
	if s.parts == nil {
		return
	}
	s.cron.zone = s.zone
	for _, one := range s.parts {
		if (one.field == atHour || one.field == atMinute) && one.wildcard() {
			s.cron.realTime = true
		}
	}
	s.cron.finish()
}

// parseFields compiles the APScheduler dialect; nil when a field is faulty.
func parseFields(f *Fields, c *calendar, at faults) []part {
	all := make([]part, 0, 10)
	valid := true
	for i, value := range f.filled() {
		if value == "*" { // most are
			all = append(all, part{field: int8(i)})
			continue
		}
		parts, ok := parseField(i, value, at.at(fieldInfos[i].name))
		valid = valid && ok
		all = append(all, parts...)
	}
	if !valid {
		return nil
	}
	// A * beside other elements of a list makes them all redundant, in year and week as well.
	c.compile(apscheduler, dropCovered(all))
	return all
}

// dropCovered takes the other parts of a year away when one of them is *.
func dropCovered(parts []part) []part {
	for _, p := range parts {
		if p.field == atYear && p.kind == partAll && p.step <= 1 {
			out := make([]part, 0, len(parts))
			for _, other := range parts {
				if other.field != atYear {
					out = append(out, other)
				}
			}
			return out
		}
	}
	return parts
}

func parseInterval(s *Schedule, spec *Spec, at faults) {
	refuseMembers(spec, at, false, false, spec.At != nil)
	refuseCron(spec, at)
	every := time.Duration(spec.Every)
	switch {
	case every == 0:
		at.at("every").add(CodeRequired, `is missing; write like "10s"`)
	case every < time.Second:
		at.at("every").add(CodeInvalid, fmt.Sprintf("%s is shorter than 1s, the shortest interval", spec.Every))
	case every%time.Millisecond != 0:
		at.at("every").add(CodeInvalid, fmt.Sprintf("%s is not a whole number of milliseconds", spec.Every))
	}
	if spec.Anchor == nil {
		at.at("anchor").add(CodeRequired, "is missing; give the first occurrence")
		return
	}
	if *spec.Anchor < MinInstant || *spec.Anchor > MaxInstant {
		at.at("anchor").add(CodeInvalid, errInstantRange.Error())
	}
	s.every, s.at = int64(every/time.Millisecond), *spec.Anchor
}

func parseDate(s *Schedule, spec *Spec, at faults) {
	refuseMembers(spec, at, spec.Every != 0, spec.Anchor != nil, false)
	refuseCron(spec, at)
	switch {
	case spec.Delay != 0 && spec.At != nil:
		at.at("delay").add(CodeInvalid, "at and delay are two ways to say it; give one")
	case spec.Delay < 0 || time.Duration(spec.Delay) > maxDelay:
		at.at("delay").add(CodeInvalid, fmt.Sprintf("a delay is at most %s", Duration(maxDelay)))
		return
	case spec.At == nil && spec.Delay != 0:
		at.at("at").add(CodeRequired, "is missing: the delay was not counted from a moment")
		return
	}
	if spec.At == nil {
		at.at("at").add(CodeRequired, `is missing; write like "2026-11-18T07:00:00Z"`)
		return
	}
	if *spec.At < MinInstant || *spec.At > MaxInstant {
		at.at("at").add(CodeInvalid, errInstantRange.Error())
	}
	s.at = *spec.At
}

func refuseMembers(spec *Spec, at faults, every, anchor, moment bool) {
	if every {
		at.at("every").add(CodeInvalid, "belongs to type interval, not "+spec.Type)
	}
	if anchor {
		at.at("anchor").add(CodeInvalid, "belongs to type interval, not "+spec.Type)
	}
	if moment {
		at.at("at").add(CodeInvalid, "belongs to type date, not "+spec.Type)
	}
}

func refuseCron(spec *Spec, at faults) {
	if spec.Expression != "" {
		at.at("expression").add(CodeInvalid, "belongs to type cron, not "+spec.Type)
	}
	if spec.Fields != nil {
		at.at("fields").add(CodeInvalid, "belongs to type cron, not "+spec.Type)
	}
}

// refusePeriod refuses what only a calendar interval has.
func refusePeriod(spec *Spec, at faults) {
	const belongs = "belongs to type calendar_interval, not "
	if spec.Period != (Period{}) {
		at.at("every").add(CodeInvalid, "an object "+belongs+spec.Type)
	}
	if spec.Clock != "" {
		at.at("at").add(CodeInvalid, "a time of day "+belongs+spec.Type)
	}
	if len(spec.Weekdays) > 0 {
		at.at("weekdays").add(CodeInvalid, belongs+spec.Type)
	}
	if spec.Overflow != "" {
		at.at("overflow").add(CodeInvalid, belongs+spec.Type)
	}
}

// refuseDelay refuses a delay where there is no date.
func refuseDelay(spec *Spec, at faults) {
	if spec.Delay != 0 {
		at.at("delay").add(CodeInvalid, "belongs to type date, not "+spec.Type)
	}
}

func parseBounds(s *Schedule, spec *Spec, at faults) {
	for _, one := range []struct {
		name string
		from *Instant
		to   *Instant
	}{{"start_at", spec.StartAt, &s.start}, {"end_at", spec.EndAt, &s.end}} {
		switch {
		case one.from == nil:
		case *one.from < MinInstant || *one.from > MaxInstant:
			at.at(one.name).add(CodeInvalid, errInstantRange.Error())
		default:
			*one.to = *one.from
		}
	}
	if s.end < s.start {
		at.at("end_at").add(CodeInvalid, "lies before start_at")
	}
}

// AsErrors returns the faults within an error of Parse or of reading a Spec; nil when it holds none.
func AsErrors(err error) Errors {
	var found Errors
	if errors.As(err, &found) {
		return found
	}
	return nil
}
