package trigger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// LocalTime is a moment as a wall clock shows it, without an offset.
type LocalTime struct{ civil int64 }

// localLayouts are how a moment without an offset is written.
var localLayouts = [...]string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

// readMoment reads a moment with an offset, or one without, which Settle reads in the time zone.
func (s *Spec) readMoment(name string, value json.RawMessage, into **Instant, at faults) {
	written, ok := jsonString(value)
	if !ok {
		if hint := epochHint(value); hint != "" {
			at.add(CodeInvalid, "a time is a string; write "+hint)
			return
		}
		decode(value, into, at)
		return
	}
	plain, found := Plain(written)
	s.noteLookalikes(name, found)
	if name == "at" && clockText.MatchString(plain) {
		s.Clock = plain
		return
	}
	if civil, ok := localMoment(plain); ok {
		if name == "end_at" && len(plain) == len(time.DateOnly) {
			civil += daySeconds - 1 // the last day is in
		}
		if s.Local == nil {
			s.Local = map[string]LocalTime{}
		}
		s.Local[name] = LocalTime{civil}
		return
	}
	if moment, err := ParseInstant(plain); err == nil {
		*into = &moment
		return
	}
	if right := offsetSpelling(plain); right != "" {
		at.add(CodeInvalid, fmt.Sprintf("%s is not a time; write %s", quote(plain), quote(right)))
		return
	}
	decode(value, into, at)
}

func localMoment(s string) (civil int64, ok bool) {
	if len(s) > 32 {
		return 0, false
	}
	for _, layout := range localLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix(), t.Year() >= 1
		}
	}
	return 0, false
}

// epochHint is the moment that a number of seconds or milliseconds since 1970 probably means, in quotes; "" for none.
func epochHint(value json.RawMessage) string {
	n, err := strconv.ParseInt(strings.TrimSpace(string(value)), 10, 64)
	if err != nil || n < 1e9 {
		return ""
	}
	at := Instant(n)
	if n < 1e11 {
		at = Instant(n * 1000)
	}
	if at > MaxInstant {
		return ""
	}
	return quote(at.String())
}

// offsetSpelling writes an offset such as +0800, or a blank for the T, as RFC 3339 has it; "" where that is not what is wrong.
func offsetSpelling(s string) string {
	for _, layout := range []string{"2006-01-02T15:04:05-0700", "2006-01-02T15:04-07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05-0700", "2006-01-02 15:04:05 -07:00", "2006-01-02T15:04:05-07"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return ""
}

// Settle fills in what a spec says by reference to the moment it is made and to the Parser's own time zone: moments
// without an offset, a delay, and the zone where none is named. What it cannot settle is left for Parse to refuse.
func (p *Parser) Settle(spec *Spec, now Instant) {
	if spec.TimeZone == "" && spec.Type != "" {
		spec.TimeZone = p.TimeZone
	}
	if spec.Type == TypeDate && spec.Delay > 0 && spec.At == nil && spec.Local == nil && time.Duration(spec.Delay) <= maxDelay {
		at := now.Add(time.Duration(spec.Delay))
		spec.At, spec.Delay = &at, 0
	}
	p.settleLocal(spec)
	if spec.Type == TypeCalendarInterval && spec.StartAt == nil {
		spec.StartAt = &now
	}
}

// maxDelay is how far ahead a delay may point.
const maxDelay = 3660 * day

func (p *Parser) settleLocal(spec *Spec) {
	if len(spec.Local) == 0 {
		return
	}
	z, err := p.zones.get(spec.TimeZone)
	if err != nil {
		return // Parse names the zone
	}
	for name, local := range spec.Local {
		at := Instant(z.instant(local.civil) * 1000)
		switch name {
		case "at":
			spec.At = &at
		case "anchor":
			spec.Anchor = &at
		case "start_at":
			spec.StartAt = &at
		case "end_at":
			spec.EndAt = &at
		}
	}
	spec.Local = nil
}

// instant is when a wall clock of the zone shows a civil second: the first time where it does so twice, and later by
// the gap where it never does.
func (z *zone) instant(civil int64) int64 {
	before := z.at(civil - day2) // no change of offset is as long
	t := civil - before.offset
	for p := before; p.end <= t; {
		p = z.at(p.end)
		if t = civil - p.offset; t < p.start { // the clock skips it
			return civil - p.before
		}
	}
	return t
}

const day2 = 2 * daySeconds
