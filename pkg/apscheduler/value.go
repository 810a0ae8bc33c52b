package apscheduler

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nlpodyssey/gopickle/types"

	"schedule-server/pkg/job"
)

// number reads a whole number.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	}
	return 0, false
}

// items are the elements of a list or a tuple.
func items(v any) []any {
	switch l := v.(type) {
	case *types.List:
		return *l
	case *types.Tuple:
		return *l
	}
	return nil
}

// zoneOf is the IANA name of a time zone of Python's; nil is UTC.
func zoneOf(v any) (string, error) {
	if v == nil {
		return "UTC", nil
	}
	o, ok := v.(*object)
	if ok {
		switch o.name {
		case "zoneinfo.ZoneInfo._unpickle", "zoneinfo.ZoneInfo", "pytz._p", "pytz.timezone":
			if len(o.args) > 0 {
				if name, ok := o.args[0].(string); ok {
					return name, nil
				}
			}
		case "pytz._UTC", "pytz.UTC":
			return "UTC", nil
		case "datetime.timezone":
			if len(o.args) > 0 {
				if offset, err := lengthOf(o.args[0]); err == nil {
					return offsetZone(offset)
				}
			}
		}
	}
	return "", fmt.Errorf("its time zone has no IANA name")
}

// offsetZone is the zone of a fixed offset, whose names have their sign reversed.
func offsetZone(offset time.Duration) (string, error) {
	hours := int(offset / time.Hour)
	switch {
	case offset == 0:
		return "UTC", nil
	case offset%time.Hour != 0 || hours < -12 || hours > 14:
		return "", fmt.Errorf("its time zone is the fixed offset %s, and only those of whole hours have a name", offset)
	}
	return fmt.Sprintf("Etc/GMT%+d", -hours), nil
}

// lengthOf is a datetime.timedelta.
func lengthOf(v any) (time.Duration, error) {
	o, ok := v.(*object)
	if !ok || o.name != "datetime.timedelta" || len(o.args) > 3 {
		return 0, errPickle
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Second, time.Microsecond}[:len(o.args)] {
		n, ok := number(o.args[i])
		if !ok || n < -1e6 && i == 0 || n > 1e5 && i == 0 || n < 0 && i > 0 || n > 1e6*86_400 && i > 0 {
			return 0, errPickle
		}
		total += time.Duration(n) * unit
	}
	return total, nil
}

// instantOf is a datetime.datetime; nil for None.
func instantOf(v any) (*job.Instant, error) {
	if v == nil {
		return nil, nil
	}
	o, ok := v.(*object)
	if !ok || o.name != "datetime.datetime" || len(o.args) == 0 {
		return nil, errPickle
	}
	raw, ok := bytesOf(o.args[0])
	if !ok || len(raw) != 10 {
		return nil, errPickle
	}
	zone := "UTC"
	if len(o.args) > 1 {
		var err error
		if zone, err = zoneOf(o.args[1]); err != nil {
			return nil, err
		}
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("its time zone is not known")
	}
	micro := int(raw[7])<<16 | int(raw[8])<<8 | int(raw[9])
	at := time.Date(int(binary.BigEndian.Uint16(raw)), time.Month(raw[2]&0x7f), int(raw[3]), int(raw[4]), int(raw[5]), int(raw[6]), micro*1000, place)
	instant := job.Instant(at.UnixMilli())
	return &instant, nil
}

// bytesOf is a bytes object, or what protocol 2 has instead: text in Latin-1.
func bytesOf(v any) ([]byte, bool) {
	switch b := v.(type) {
	case []byte:
		return b, true
	case string:
		return []byte(b), true
	case *object:
		if b.name == "_codecs.encode" && len(b.args) == 2 {
			text, ok := b.args[0].(string)
			raw := make([]byte, 0, len(text))
			for _, r := range text {
				raw = append(raw, byte(r))
			}
			return raw, ok
		}
	}
	return nil, false
}

// Words of APScheduler's fields.
var (
	weekdays  = [...]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	positions = [...]string{"1st", "2nd", "3rd", "4th", "5th", "last"}
)

// expressionOf writes one expression of a field as APScheduler reads it.
func expressionOf(v any) (string, error) {
	o, ok := v.(*object)
	if !ok {
		return "", errPickle
	}
	step := ""
	if n, ok := number(o.get("step")); ok {
		step = "/" + strconv.FormatInt(n, 10)
	}
	first, hasFirst := number(o.get("first"))
	last, hasLast := number(o.get("last"))
	switch o.name[strings.LastIndexByte(o.name, '.')+1:] {
	case "AllExpression":
		return "*" + step, nil
	case "RangeExpression", "MonthRangeExpression":
		text := strconv.FormatInt(first, 10)
		if hasLast && last != first {
			text += "-" + strconv.FormatInt(last, 10)
		}
		if hasFirst {
			return text + step, nil
		}
	case "WeekdayRangeExpression":
		if hasFirst && first >= 0 && first < 7 && (!hasLast || last >= 0 && last < 7) {
			text := weekdays[first]
			if hasLast && last != first {
				text += "-" + weekdays[last]
			}
			return text + step, nil
		}
	case "WeekdayPositionExpression":
		position, ok1 := number(o.get("option_num"))
		day, ok2 := number(o.get("weekday"))
		if ok1 && ok2 && position >= 0 && position < 6 && day >= 0 && day < 7 {
			return positions[position] + " " + weekdays[day], nil
		}
	case "LastDayOfMonthExpression":
		return "last", nil
	}
	return "", errPickle
}
