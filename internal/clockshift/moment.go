package main

import (
	"fmt"
	"time"
)

// parseMoment is the time that a text names, seen from now.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "leap-day" {
		return leapDay(now), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	var n int
	var unit string
	if _, err := fmt.Sscanf(text, "+%d%s", &n, &unit); err == nil && n >= 0 {
		switch unit {
		case "y":
			return now.AddDate(n, 0, 0), nil
		case "mo":
			return now.AddDate(0, n, 0), nil
		case "d":
			return now.AddDate(0, 0, n), nil
		}
	}
	return time.Time{}, fmt.Errorf("the moment %q is not +1y, +1mo, +1d, leap-day or an RFC 3339 time", text)
}

// leapDay is on the next 29 February, at 05:00 UTC. It is the 29th then in every zone from
// New York to Kiritimati, and stays so for the hours of a long test.
func leapDay(now time.Time) time.Time {
	for year := now.UTC().Year(); ; year++ {
		at := time.Date(year, time.February, 29, 5, 0, 0, 0, time.UTC)
		if at.Day() == 29 && at.After(now) {
			return at
		}
	}
}
