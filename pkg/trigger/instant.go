package trigger

import (
	"errors"
	"fmt"
	"time"
)

// Instant is a moment in UTC, in milliseconds since the Unix epoch. The zero value is 1970-01-01T00:00:00Z. Its text
// and JSON form is RFC 3339 in UTC with exactly three decimals; input takes any offset and precision, cut to
// milliseconds. Years outside 0001 to 9999 are refused.
type Instant int64

const (
	// MinInstant is 0001-01-01T00:00:00.000Z.
	MinInstant Instant = -62135596800000
	// MaxInstant is 9999-12-31T23:59:59.999Z.
	MaxInstant Instant = 253402300799999

	instantLayout = "2006-01-02T15:04:05.000Z"
)

var errInstantRange = errors.New("a time must lie in the years 0001 to 9999")

// InstantOf cuts t to milliseconds, towards the past.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli()) }

// ParseInstant reads an RFC 3339 time with any offset.
func ParseInstant(s string) (Instant, error) {
	if len(s) > 64 {
		return 0, errors.New("a time is written like 2026-11-18T07:00:00Z")
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("%s is not a time; write it like 2026-11-18T07:00:00Z", quote(s))
	}
	i := InstantOf(t)
	if i < MinInstant || i > MaxInstant {
		return 0, errInstantRange
	}
	return i, nil
}

// Time returns i in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// Add returns i moved by d, cut to milliseconds.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/time.Millisecond) }

// Sub returns the distance from j to i, at most the largest time.Duration (292 years).
func (i Instant) Sub(j Instant) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	switch d := int64(i - j); {
	case d > most:
		return 1<<63 - 1
	case d < -most:
		return -(1<<63 - 1)
	default:
		return time.Duration(d) * time.Millisecond
	}
}

// String returns the text form.
func (i Instant) String() string { return i.Time().Format(instantLayout) }

// MarshalText returns the text form; it fails outside the years 0001 to 9999.
func (i Instant) MarshalText() ([]byte, error) {
	if i < MinInstant || i > MaxInstant {
		return nil, errInstantRange
	}
	return i.Time().AppendFormat(make([]byte, 0, len(instantLayout)), instantLayout), nil
}

// UnmarshalText reads what ParseInstant reads.
func (i *Instant) UnmarshalText(text []byte) error {
	parsed, err := ParseInstant(string(text))
	if err != nil {
		return err
	}
	*i = parsed
	return nil
}

// MarshalJSON returns the text form as a JSON string.
func (i Instant) MarshalJSON() ([]byte, error) {
	text, err := i.MarshalText()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(text)+2)
	out = append(out, '"')
	out = append(out, text...)
	return append(out, '"'), nil
}

// UnmarshalJSON reads a JSON string; null leaves i unchanged.
func (i *Instant) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	s, ok := jsonString(data)
	if !ok {
		return errors.New("a time is a string like \"2026-11-18T07:00:00Z\"")
	}
	return i.UnmarshalText([]byte(s))
}
