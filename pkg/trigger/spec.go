package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
)

// Types of a Spec.
const (
	TypeCron     = "cron"
	TypeInterval = "interval"
	TypeDate     = "date"
	// TypeCalendarInterval is every n days, weeks, months or years at a time of the wall clock.
	TypeCalendarInterval = "calendar_interval"
)

// Spec is the JSON form of a schedule, as a user writes it. Parse turns it into a Schedule and says what is wrong.
type Spec struct {
	// Type is TypeCron, TypeInterval, TypeCalendarInterval or TypeDate.
	Type string `json:"type"`
	// Expression is a crontab expression of 5 fields, of 6 with seconds first, or a macro. For TypeCron; then Fields
	// is nil.
	Expression string `json:"expression,omitempty"`
	// Fields is a cron in the dialect of APScheduler. For TypeCron; then Expression is empty.
	Fields *Fields `json:"fields,omitempty"`
	// Every is the distance between occurrences, 1 second or more. For TypeInterval.
	Every Duration `json:"every,omitempty"`
	// Anchor is the first occurrence, from which the others are counted. For TypeInterval.
	Anchor *Instant `json:"anchor,omitempty"`
	// At is the one occurrence. For TypeDate.
	At *Instant `json:"at,omitempty"`
	// Delay says At as a distance from when the job is made; Settle turns it into At. For TypeDate.
	Delay Duration `json:"delay,omitempty"`
	// Period is written as "every". For TypeCalendarInterval.
	Period Period `json:"-"`
	// Clock is the time of day, HH:MM or HH:MM:SS, written as "at". For TypeCalendarInterval.
	Clock string `json:"-"`
	// Weekdays are the days of a week on which it fires, "mon" or "mon-fri"; none: that of StartAt. For a Period of weeks.
	Weekdays []string `json:"weekdays,omitempty"`
	// Overflow is what becomes of a day that a month lacks: OverflowLast, which "" is too, or OverflowSkip. For a Period
	// of months or years.
	Overflow string `json:"overflow,omitempty"`
	// Calendar keeps the occurrences to working days, or to the others. Nil: no calendar.
	Calendar *CalendarRule `json:"calendar,omitempty"`
	// TimeZone is an IANA name; "" is UTC.
	TimeZone string `json:"time_zone,omitempty"`
	// StartAt is the first moment that may be an occurrence; nil is no bound.
	StartAt *Instant `json:"start_at"`
	// EndAt is the last moment that may be an occurrence; nil is no bound.
	EndAt *Instant `json:"end_at"`
	// Exclude takes occurrences away; an occurrence that any of them matches is none. Written as [] when empty.
	Exclude []Exclusion `json:"exclude"`

	// Notes say what was read in another form than ours. They are not kept.
	Notes []Warning `json:"-"`
	// Local are the moments that were written without an offset, by the names of their members, until Settle reads them
	// in the time zone.
	Local map[string]LocalTime `json:"-"`
}

// MarshalJSON writes exclude as [] when there is none.
func (s Spec) MarshalJSON() ([]byte, error) {
	type plain Spec
	if s.Exclude == nil {
		s.Exclude = []Exclusion{}
	}
	if s.Period == (Period{}) && s.Clock == "" {
		return json.Marshal(plain(s))
	}
	return json.Marshal(struct {
		plain
		Every Period `json:"every"`
		At    string `json:"at,omitempty"`
	}{plain(s), s.Period, s.Clock})
}

// UnmarshalJSON reads a schedule strictly. The error is Errors, with a path for each fault, when the JSON is
// well-formed but a member is unknown or of the wrong form.
func (s *Spec) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	var found Errors
	at := faults{"", &found}
	var out Spec
	if !object(data, at, func(name string, value json.RawMessage, at faults) bool {
		return out.member(name, value, at)
	}) {
		at.path = "schedule"
		at.add(CodeInvalid, `a schedule is an object such as {"type": "cron", "expression": "0 2 * * *"}`)
	}
	if len(found) > 0 {
		return found
	}
	out.Accept()
	*s = out
	return nil
}

// member reads one member; false when its name is unknown.
func (s *Spec) member(name string, value json.RawMessage, at faults) bool {
	switch name {
	case "type":
		s.Type = text(value, at)
	case "expression":
		s.Expression = text(value, at)
	case "fields":
		if !isNull(value) {
			s.Fields = new(Fields)
			s.Fields.read(value, at)
		}
	case "every":
		s.readEvery(value, at)
	case "anchor":
		s.readMoment(name, value, &s.Anchor, at)
	case "at":
		s.readMoment(name, value, &s.At, at)
	case "delay":
		decode(value, &s.Delay, at)
	case "weekdays":
		decodeStrings(value, &s.Weekdays, at)
	case "overflow":
		s.Overflow = text(value, at)
	case "calendar":
		if !isNull(value) {
			s.Calendar = readCalendarRule(value, at)
		}
	case "time_zone":
		s.TimeZone = text(value, at)
	case "start_at":
		s.readMoment(name, value, &s.StartAt, at)
	case "end_at":
		s.readMoment(name, value, &s.EndAt, at)
	case "exclude":
		s.Exclude = readExclusions(value, at)
	default:
		return false
	}
	return true
}

// object calls member for each member of a JSON object, in the order of their names, and reports whether data is
// one. Names that member does not know are faults.
func object(data []byte, at faults, member func(string, json.RawMessage, faults) bool) bool {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return false
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if below := at.at(name); !member(name, members[name], below) {
			below.path = at.at(clip(name)).path
			below.add(CodeUnknown, "there is no such field")
		}
	}
	return true
}

// clip bounds a name that is shown as a path.
func clip(name string) string {
	q := quote(name)
	return q[1 : len(q)-1]
}

func isNull(data []byte) bool { return bytes.Equal(bytes.TrimSpace(data), []byte("null")) }

// jsonString decodes data if it is a JSON string.
func jsonString(data []byte) (string, bool) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '"' {
		return "", false
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return "", false
	}
	return s, true
}

// text reads a string; null is "".
func text(value json.RawMessage, at faults) string {
	if isNull(value) {
		return ""
	}
	s, ok := jsonString(value)
	if !ok {
		at.add(CodeInvalid, "must be a string")
	}
	return s
}

// decode reads a value that knows how to unmarshal itself.
func decode(value json.RawMessage, into any, at faults) {
	err := json.Unmarshal(value, into)
	if err == nil {
		return
	}
	var several Errors
	if errors.As(err, &several) {
		for _, one := range several {
			at.at(one.Field).add(one.Code, one.Message)
		}
		return
	}
	at.add(CodeInvalid, fmt.Sprint(err))
}
