package trigger

import (
	"fmt"
	"strconv"
	"strings"
)

// The phrases that faults of both dialects share.

// number reads digits and nothing else. Values beyond a million are cut: every field is smaller.
func number(s, what string) (int, string) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, fmt.Sprintf("%s is not a %s", quote(s), whatNumber(what))
		}
		n = min(n*10+int(s[i]-'0'), 1_000_000)
	}
	switch {
	case s != "":
		return n, ""
	case what == "step":
		return 0, "the step after / is missing; write like */5"
	default:
		return 0, "a number is missing; a range is written like 1-5"
	}
}

func whatNumber(what string) string {
	if what == "step" {
		return "step; write a number such as */5"
	}
	return "number"
}

// bounded reads a number within a field's bounds.
func bounded(s string, info fieldInfo) (int, string) {
	n, problem := number(s, "number")
	if problem != "" {
		return 0, problem
	}
	if n < info.min || n > info.max {
		return 0, fmt.Sprintf("%s is outside %d-%d", clip(s), info.min, info.max)
	}
	return n, ""
}

func tooWide(s string, step, width int) string {
	if width == 0 {
		return fmt.Sprintf("%s steps over a range of one value; leave out /%d", quote(s), step)
	}
	return fmt.Sprintf("%s steps by more than its range; the widest step is %d", quote(s), width)
}

func notNumber(s string, info fieldInfo) string {
	return fmt.Sprintf("%s is not a number in %d-%d", quote(s)+named(s), info.min, info.max)
}

func indexOf(names []string, s string) int {
	for i, name := range names {
		if name == s {
			return i
		}
	}
	return -1
}

// nameChoice lists the names, or the one that was probably meant.
func nameChoice(names []string, s string) string {
	for _, name := range names {
		if len(s) >= 3 && strings.HasPrefix(s, name) {
			return name
		}
	}
	return strings.Join(names, " ")
}

func ascending(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

func nameSpan(names []string, from, to int) string {
	if from == to {
		return names[from]
	}
	return names[from] + "-" + names[to]
}

// foreign says what an APScheduler field should hold where another dialect's word was written.
func foreign(field int, s string) string {
	switch {
	case field == atDayOfWeek && (indexOf(ordinals[:], strings.Fields(s + " x")[0]) >= 0 || s == "last"):
		return `; positions such as "2nd fri" and "last sun" belong in day`
	case field == atDayOfWeek && (s == "7" || strings.HasPrefix(s, "7-") || strings.HasSuffix(s, "-7")):
		return "; here 0 is Monday and 6 is Sunday"
	case strings.Contains(s, "#"):
		return `; write the position in day: "2nd fri"`
	case field == atDay && (s == "l" || strings.HasPrefix(s, "last")):
		return `; write "last"`
	case field == atDayOfWeek && strings.HasSuffix(s, "l"):
		return `; write "last fri" in day`
	case s == "?":
		return `; write "*"`
	case strings.HasPrefix(s, "h"):
		return "; H is known in expression only"
	default:
		return ""
	}
}
