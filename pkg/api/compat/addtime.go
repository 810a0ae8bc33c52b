package compat

import (
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// addDate adds a job that runs once, at a second of UTC. One in the past is taken, and missed.
func (h *Handler) addDate(c *fiber.Ctx) error {
	table := fields()
	for _, name := range []string{"year", "month", "day", "hour", "minute", "second"} {
		table = append(table, field{name: name, integer: true, required: true})
	}
	f, faults, err := readForm(c, table)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return unprocessable(faults...)
	}
	at, faults := moment(f)
	return h.add(c, f, table, plan{
		schedule: trigger.Spec{Type: trigger.TypeDate, At: &at},
		grace:    job.Grace(time.Minute),
		faults:   faults,
	})
}

// moment reads the six members of a date; with any fault the moment is of no meaning.
func moment(f *form) (job.Instant, []fault) {
	var faults []fault
	for _, limit := range []struct {
		name      string
		low, high int64
	}{{"year", 1, 9999}, {"month", 1, 12}, {"day", 1, 31}, {"hour", 0, 23}, {"minute", 0, 59}, {"second", 0, 59}} {
		if n := f.ints[limit.name]; n < limit.low || n > limit.high {
			faults = append(faults, wrong(f, limit.name, fmt.Sprintf("%s must be %d to %d", limit.name, limit.low, limit.high)))
		}
	}
	if len(faults) > 0 {
		return 0, faults
	}
	month := time.Month(f.ints["month"])
	at := time.Date(int(f.ints["year"]), month, int(f.ints["day"]),
		int(f.ints["hour"]), int(f.ints["minute"]), int(f.ints["second"]), 0, time.UTC)
	if at.Month() != month { // the day ran over into the next
		faults = append(faults, wrong(f, "day", fmt.Sprintf("there is no day %d in month %d of the year %d",
			f.ints["day"], month, f.ints["year"])))
	}
	return trigger.InstantOf(at), faults
}

// units are the members of an interval with their seconds.
type unit struct {
	name    string
	seconds int64
}

func units() []unit { return []unit{{"hours", 3600}, {"minutes", 60}, {"seconds", 1}} }

// addInterval adds a job that runs at equal distances, first one distance from now.
func (h *Handler) addInterval(c *fiber.Ctx) error {
	table := fields()
	for _, one := range units() {
		table = append(table, field{name: one.name, integer: true})
	}
	f, faults, err := readForm(c, table)
	if err != nil {
		return err
	}
	if unset(f) { // of three nulls none is a fault of its own
		if faults = others(faults); len(faults) == 0 {
			return &envelopeError{"30001", "Please set the interval."}
		}
	}
	if len(faults) > 0 {
		return unprocessable(faults...)
	}
	every, faults := length(f)
	now := h.now()
	return h.add(c, f, table, plan{
		schedule: trigger.Spec{Type: trigger.TypeInterval, Every: job.Duration(every), Anchor: &now},
		grace:    job.Unlimited,
		faults:   faults,
	})
}

// unset reports whether each member of the interval is absent or null.
func unset(f *form) bool {
	for _, one := range units() {
		if v, ok := f.raw[one.name]; ok && v.kind != kindNull {
			return false
		}
	}
	return true
}

// others are the faults that do not lie in the interval.
func others(faults []fault) []fault {
	var kept []fault
	for _, one := range faults {
		switch one.Loc[len(one.Loc)-1] {
		case "hours", "minutes", "seconds":
		default:
			kept = append(kept, one)
		}
	}
	return kept
}

// longest is the longest interval: what nanoseconds in an int64 hold.
const longest = int64(1<<63-1) / int64(time.Second)

// length adds an interval up; with any fault it is one of no meaning.
func length(f *form) (time.Duration, []fault) {
	var faults []fault
	var total, most int64
	largest, smallest := "", ""
	for _, one := range units() {
		n, ok := f.ints[one.name]
		if !ok {
			continue
		}
		if smallest = one.name; n > longest || n < -longest {
			faults = append(faults, wrong(f, one.name, tooLong))
			continue
		}
		total += n * one.seconds
		if share := max(n, -n) * one.seconds; largest == "" || share > most {
			largest, most = one.name, share
		}
	}
	switch {
	case len(faults) > 0:
		return time.Second, faults
	case total < 1:
		return time.Second, []fault{wrong(f, smallest, "an interval is at least 1 second in all")}
	case total > longest:
		return time.Second, []fault{wrong(f, largest, tooLong)}
	}
	return time.Duration(total) * time.Second, nil
}

const tooLong = "an interval is at most 106751 days (292 years) in all"
