package trigger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Exclusion takes occurrences away. The kinds given together (dates, weekdays, times) must all match; several
// Exclusions of a Spec are alternatives. All are read in the schedule's zone. At least one kind must be given.
type Exclusion struct {
	// Name is for people ("CN holidays"). Optional.
	Name string `json:"name,omitempty"`
	// Dates are days ("2026-12-25"), ranges of days with both ends in ("2026-12-24/2027-01-02"), days of every year
	// ("12-25") and ranges of these ("12-24/01-02").
	Dates []string `json:"dates,omitempty"`
	// Weekdays are English three-letter names or ranges of them ("sat", "mon-fri").
	Weekdays []string `json:"weekdays,omitempty"`
	// Times are ranges of the wall clock.
	Times []TimeRange `json:"times,omitempty"`
}

// TimeRange is a stretch of the wall clock, HH:MM or HH:MM:SS. It goes over midnight when To lies before From.
type TimeRange struct {
	// From is the first moment in the range.
	From string `json:"from"`
	// To is the first moment after the range; "24:00" is the end of the day.
	To string `json:"to"`
}

// Bounds of what one Spec may exclude.
const (
	maxExclusions     = 100
	maxExclusionItems = 1000
	maxExclusionName  = 200
)

// UnmarshalJSON reads the object, or one of the short forms as a string: "2026-12-25", "2026-12-24/2027-01-02",
// "12-25", "sat,sun", "sat-sun", "22:00-06:00". The error is Errors.
func (e *Exclusion) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	var found Errors
	out := readExclusion(data, faults{"", &found})
	if len(found) > 0 {
		return found
	}
	*e = out
	return nil
}

func readExclusions(data []byte, at faults) []Exclusion {
	if isNull(data) {
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		at.add(CodeInvalid, "must be a list")
		return nil
	}
	if len(items) > maxExclusions {
		at.add(CodeInvalid, fmt.Sprintf("has %d entries; at most %d, and one entry holds many dates", len(items), maxExclusions))
		return nil
	}
	out := make([]Exclusion, 0, len(items))
	for i, item := range items {
		out = append(out, readExclusion(item, at.at("["+strconv.Itoa(i)+"]")))
	}
	return out
}

func readExclusion(data []byte, at faults) (e Exclusion) {
	if s, ok := jsonString(data); ok {
		e, problem := shortExclusion(s)
		if problem != "" {
			at.add(CodeInvalid, problem)
		}
		return e
	}
	ok := object(data, at, func(name string, value json.RawMessage, at faults) bool {
		switch name {
		case "name":
			e.Name = text(value, at)
		case "dates":
			decodeStrings(value, &e.Dates, at)
		case "weekdays":
			decodeStrings(value, &e.Weekdays, at)
		case "times":
			e.Times = readTimes(value, at)
		default:
			return false
		}
		return true
	})
	if !ok {
		at.add(CodeInvalid, `must be an object such as {"weekdays": ["sat", "sun"]} or a string such as "2026-12-25"`)
	}
	return e
}

func decodeStrings(value json.RawMessage, into *[]string, at faults) {
	if err := json.Unmarshal(value, into); err != nil {
		at.add(CodeInvalid, "must be a list of strings")
	}
}

func readTimes(value json.RawMessage, at faults) []TimeRange {
	var items []json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil {
		at.add(CodeInvalid, `must be a list of objects such as {"from": "22:00", "to": "06:00"}`)
		return nil
	}
	var out []TimeRange
	for i, item := range items {
		var one TimeRange
		below := at.at("[" + strconv.Itoa(i) + "]")
		ok := object(item, below, func(name string, value json.RawMessage, at faults) bool {
			switch name {
			case "from":
				one.From = text(value, at)
			case "to":
				one.To = text(value, at)
			default:
				return false
			}
			return true
		})
		if !ok {
			below.add(CodeInvalid, `must be an object such as {"from": "22:00", "to": "06:00"}`)
		}
		out = append(out, one)
	}
	return out
}

// shortExclusion reads the string form.
func shortExclusion(s string) (e Exclusion, problem string) {
	s = strings.TrimSpace(s)
	switch {
	case len(s) > maxExclusionName:
		return e, fmt.Sprintf("is longer than %d bytes; write an object with dates", maxExclusionName)
	case strings.Contains(s, ":"):
		from, to, ok := strings.Cut(s, "-")
		if !ok {
			return e, fmt.Sprintf("%s is no range of times; write like \"22:00-06:00\"", quote(s))
		}
		e.Times = []TimeRange{{strings.TrimSpace(from), strings.TrimSpace(to)}}
	case s != "" && s[0] >= '0' && s[0] <= '9':
		e.Dates = splitList(s)
	default:
		e.Weekdays = splitList(s)
		for _, one := range e.Weekdays {
			if _, problem := weekdayRange(one); problem != "" {
				return e, fmt.Sprintf("%s is no exclusion; write like \"2026-12-25\", \"12-25\", \"sat,sun\" or \"22:00-06:00\"", quote(s))
			}
		}
	}
	return e, ""
}

func splitList(s string) []string {
	list := strings.Split(s, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// weekdayRange reads "sat" or "mon-fri" into bits, 0 = Sunday; ranges go round the end of the week.
func weekdayRange(s string) (uint8, string) {
	first, last, isRange := strings.Cut(strings.ToLower(s), "-")
	from := indexOf(sundayFirst[:], first)
	to := from
	if isRange {
		to = indexOf(sundayFirst[:], last)
	}
	if from < 0 || to < 0 {
		return 0, fmt.Sprintf("%s is not a weekday; write mon tue wed thu fri sat sun, or a range such as mon-fri", quote(s))
	}
	set := uint8(1 << from)
	for from != to {
		from = (from + 1) % 7
		set |= 1 << from
	}
	return set, ""
}

// clockTime reads HH:MM or HH:MM:SS into a second of the day; 24:00 only where end is set.
func clockTime(s string, end bool) (int64, string) {
	bad := fmt.Sprintf("%s is not a time of day; write like 22:00 or 22:00:30", quote(s))
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, bad
	}
	total := int64(0)
	for i := range 3 {
		n := 0
		if i < len(parts) {
			var problem string
			if n, problem = number(parts[i], "number"); problem != "" || len(parts[i]) > 2 {
				return 0, bad
			}
		}
		if limit := [3]int{24, 59, 59}[i]; n > limit {
			return 0, bad
		}
		total = total*60 + int64(n)
	}
	if total > daySeconds || total == daySeconds && !end {
		return 0, bad
	}
	return total, ""
}
