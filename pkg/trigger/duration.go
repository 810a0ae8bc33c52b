package trigger

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time in nanoseconds whose text form is "1h30m", "10s", "250ms", "2d". A day is 24 hours,
// a week ("w", input only) 7 days. The zero value is "0s".
type Duration time.Duration

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// durationUnits are the units of the text form, largest first.
var durationUnits = [...]struct {
	name string
	size time.Duration
}{
	{"w", week}, {"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
	{"ms", time.Millisecond}, {"us", time.Microsecond}, {"µs", time.Microsecond}, {"ns", time.Nanosecond},
}

// ParseDuration reads a text form such as "1h30m" or "1.5h". It refuses a negative, an overflowing and a unitless value.
func ParseDuration(s string) (Duration, error) {
	if len(s) > 64 {
		return 0, errors.New(`a duration is written like "1h30m"`)
	}
	if s == "0" {
		return 0, nil
	}
	if strings.HasPrefix(s, "-") {
		return 0, fmt.Errorf("%s is negative; a duration is written like \"10s\"", quote(s))
	}
	if s == "" {
		return 0, errors.New(`a duration is missing; write it like "10s"`)
	}
	total := time.Duration(0)
	for rest := s; rest != ""; {
		one, tail, err := durationTerm(rest)
		if err != nil {
			return 0, fmt.Errorf("%s %w", quote(s), err)
		}
		if one > math.MaxInt64-total {
			return 0, fmt.Errorf("%s is too long; the longest duration is 106751d", quote(s))
		}
		total += one
		rest = tail
	}
	return Duration(total), nil
}

// durationTerm reads one number with its unit.
func durationTerm(s string) (time.Duration, string, error) {
	n := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if n < 0 {
		return 0, "", fmt.Errorf("has no unit; write it like \"%ss\"", s)
	}
	number, rest := s[:n], s[n:]
	u := strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
	if u < 0 {
		u = len(rest)
	}
	for _, unit := range durationUnits {
		if unit.name != rest[:u] {
			continue
		}
		value, err := scale(number, unit.size)
		return value, rest[u:], err
	}
	return 0, "", errors.New("is not a duration; write it like \"10s\", \"1h30m\", \"2d\" (units: w d h m s ms)")
}

// scale multiplies a decimal number by a unit without a detour over floating point.
func scale(number string, unit time.Duration) (time.Duration, error) {
	whole, fraction, _ := strings.Cut(number, ".")
	if whole == "" && fraction == "" || strings.Contains(fraction, ".") {
		return 0, errors.New("is not a duration; write it like \"10s\"")
	}
	total := int64(0)
	if whole != "" {
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || n > math.MaxInt64/int64(unit) {
			return 0, errors.New("is too long; the longest duration is 106751d")
		}
		total = n * int64(unit)
	}
	part := int64(0)
	for scale := int64(unit); fraction != "" && scale >= 10; fraction = fraction[1:] {
		scale /= 10
		part += int64(fraction[0]-'0') * scale
	}
	if part > math.MaxInt64-total {
		return 0, errors.New("is too long; the longest duration is 106751d")
	}
	return time.Duration(total + part), nil
}

// String returns the text form: "2d", "1d12h", "1h30m", "250ms", "0s". Whole seconds below two minutes stay seconds: "60s".
func (d Duration) String() string {
	if seconds := d / Duration(time.Second); d%Duration(time.Second) == 0 && seconds > -120 && seconds < 120 {
		return strconv.FormatInt(int64(seconds), 10) + "s"
	}
	rest, sign := uint64(d), ""
	if d < 0 {
		rest, sign = uint64(-d), "-"
	}
	var b strings.Builder
	b.WriteString(sign)
	for _, unit := range durationUnits {
		if unit.name == "w" || unit.name == "µs" {
			continue
		}
		if n := rest / uint64(unit.size); n > 0 {
			b.WriteString(strconv.FormatUint(n, 10))
			b.WriteString(unit.name)
			rest %= uint64(unit.size)
		}
	}
	return b.String()
}

// MarshalText returns the text form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// UnmarshalJSON reads a JSON string; null leaves d unchanged. A bare number is refused: it would not say its unit.
func (d *Duration) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	s, ok := jsonString(data)
	if !ok {
		return errors.New(`a duration is a string with a unit; write "10s"`)
	}
	return d.UnmarshalText([]byte(s))
}
