package trigger

import (
	"encoding/json"
	"strconv"
)

// Fields is a cron in the dialect of APScheduler: all fields must match, weekday 0 is Monday. "" means that a field
// was not given; it then takes its default by position, see Canon. The values are kept as they were written.
type Fields struct {
	Year      string `json:"year,omitempty"`
	Month     string `json:"month,omitempty"`
	Day       string `json:"day,omitempty"`
	Week      string `json:"week,omitempty"`
	DayOfWeek string `json:"day_of_week,omitempty"`
	Hour      string `json:"hour,omitempty"`
	Minute    string `json:"minute,omitempty"`
	Second    string `json:"second,omitempty"`
}

// Positions of the fields, most significant first.
const (
	atYear = iota
	atMonth
	atDay
	atWeek
	atDayOfWeek
	atHour
	atMinute
	atSecond
	fieldCount
)

// fieldInfo describes a field of the APScheduler dialect.
type fieldInfo struct {
	name     string
	min, max int
	lesser   string // the default after the least significant field given
}

var fieldInfos = [fieldCount]fieldInfo{
	{"year", 1970, 9999, "*"},
	{"month", 1, 12, "1"},
	{"day", 1, 31, "1"},
	{"week", 1, 53, "*"},
	{"day_of_week", 0, 6, "*"},
	{"hour", 0, 23, "0"},
	{"minute", 0, 59, "0"},
	{"second", 0, 59, "0"},
}

func (f *Fields) member(i int) *string {
	return [fieldCount]*string{&f.Year, &f.Month, &f.Day, &f.Week, &f.DayOfWeek, &f.Hour, &f.Minute, &f.Second}[i]
}

// filled returns the eight fields with the defaults of APScheduler: a field not given is * if a less significant one
// is given, else its minimum; week and day_of_week are always *; with no field given at all every one is *.
func (f Fields) filled() [fieldCount]string {
	var out [fieldCount]string
	last := -1
	for i := range out {
		out[i] = *f.member(i)
		if out[i] != "" {
			last = i
		}
	}
	for i := range out {
		switch {
		case out[i] != "":
		case last >= 0 && i > last:
			out[i] = fieldInfos[i].lesser
		default:
			out[i] = "*"
		}
	}
	return out
}

// Canon returns all eight fields in the form APScheduler shows: defaults filled in, names in lower case, numbers
// without leading zeros, no spaces around commas ("MON-FRI" is "mon-fri", "5-5" is "5"). A field that is not valid
// is returned as it was written.
func (f Fields) Canon() Fields {
	out := Fields{}
	var ignored Errors
	for i, value := range f.filled() {
		parts, ok := parseField(i, value, faults{"", &ignored})
		if ok {
			value = canonParts(i, parts)
		}
		*out.member(i) = value
	}
	return out
}

// UnmarshalJSON reads an object whose members are strings or integers. The error is Errors.
func (f *Fields) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	var found Errors
	var out Fields
	out.read(data, faults{"", &found})
	if len(found) > 0 {
		return found
	}
	*f = out
	return nil
}

func (f *Fields) read(data []byte, at faults) {
	ok := object(data, at, func(name string, value json.RawMessage, at faults) bool {
		for i, info := range fieldInfos {
			if info.name == name {
				*f.member(i) = fieldText(value, at)
				return true
			}
		}
		return false
	})
	if !ok {
		at.add(CodeInvalid, `must be an object such as {"hour": "2", "minute": "*/15"}`)
	}
}

// fieldText reads a string or an integer; null is not given.
func fieldText(value json.RawMessage, at faults) string {
	if isNull(value) {
		return ""
	}
	if s, ok := jsonString(value); ok {
		if s == "" {
			at.add(CodeInvalid, `is empty; leave it out or write "*"`)
		}
		return s
	}
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil {
		at.add(CodeInvalid, `must be a string such as "*/15" or an integer`)
		return ""
	}
	return strconv.FormatInt(n, 10)
}
