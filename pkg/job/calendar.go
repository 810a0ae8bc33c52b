package job

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"schedule-server/pkg/trigger"
)

// The bounds of calendars.
const (
	// MaxCalendars is how many may be kept beside the built-in ones.
	MaxCalendars = 200
	// MaxCalendarBytes bounds what one is read from.
	MaxCalendarBytes = 1 << 20
)

// Calendar is a calendar as it is kept.
type Calendar struct {
	ID string `json:"id"`
	trigger.CalendarSpec
	// BuiltIn says that it comes with the program, and nobody has replaced it.
	BuiltIn bool `json:"built_in"`
	// Ends is the last day it knows, "2026-12-31"; nil when it has no days of its own.
	Ends *string `json:"ends"`
	// UsedBy counts the jobs that go by it.
	UsedBy int64 `json:"used_by"`
	// UpdatedAt is nil for a built-in one.
	UpdatedAt *Instant `json:"updated_at"`
}

// Complete checks a calendar and fills in what follows from its days. The error is an *Error that names fields.
func (c *Calendar) Complete() error {
	compiled, err := trigger.CompileCalendar(c.ID, 0, c.CalendarSpec)
	if err != nil {
		var faults []FieldError
		for _, f := range trigger.AsErrors(err) {
			faults = append(faults, FieldError{Field: f.Field, Code: f.Code, Message: f.Message})
		}
		return invalid(faults)
	}
	if c.Ends = nil; compiled.Ends() != "" {
		ends := compiled.Ends()
		c.Ends = &ends
	}
	if c.Weekend == nil {
		c.Weekend = []string{"sat", "sun"}
	}
	if c.Off == nil {
		c.Off = []trigger.CalendarDay{}
	}
	if c.Work == nil {
		c.Work = []trigger.CalendarDay{}
	}
	return nil
}

// DecodeCalendar reads a calendar from our own JSON, or the days of one year from holiday-cn's, which are put in the place
// of that year's in old; nil: there is no old one. The error is an *Error.
func DecodeCalendar(data []byte, old *trigger.CalendarSpec) (spec trigger.CalendarSpec, err error) {
	if len(data) > MaxCalendarBytes {
		return spec, Errorf(CodeInvalid, "a calendar is at most %d bytes", MaxCalendarBytes)
	}
	members, err := Members(bytes.TrimPrefix(data, []byte("\uFEFF")))
	if err != nil {
		return spec, err
	}
	if days, ok := members["days"]; ok {
		return decodeHolidays(days, old)
	}
	var in struct {
		ID *string `json:"id"`
		trigger.CalendarSpec
		BuiltIn   json.RawMessage `json:"built_in"`
		Ends      json.RawMessage `json:"ends"`
		UsedBy    json.RawMessage `json:"used_by"`
		UpdatedAt json.RawMessage `json:"updated_at"`
	}
	err = Decode(data, &in)
	return in.CalendarSpec, err
}

// decodeHolidays reads the days of holiday-cn.
func decodeHolidays(data json.RawMessage, old *trigger.CalendarSpec) (spec trigger.CalendarSpec, err error) {
	var days []struct {
		Name     string `json:"name"`
		Date     string `json:"date"`
		IsOffDay *bool  `json:"isOffDay"`
	}
	if json.Unmarshal(data, &days) != nil || len(days) == 0 || len(days) > trigger.MaxCalendarDays {
		return spec, FieldErrorf("days", "invalid", `days is a list such as [{"name": "国庆节", "date": "2026-10-01", "isOffDay": true}]`)
	}
	if old != nil {
		spec = *old
	}
	years := map[string]bool{}
	for i, day := range days {
		if _, err := time.Parse(time.DateOnly, day.Date); err != nil || day.IsOffDay == nil {
			return spec, FieldErrorf(fmt.Sprintf("days[%d]", i), "invalid", "a day has a date such as 2026-10-01, and isOffDay")
		}
		years[day.Date[:4]] = true
	}
	other := func(list []trigger.CalendarDay) (kept []trigger.CalendarDay) {
		for _, d := range list {
			if len(d.Date) >= 4 && !years[d.Date[:4]] {
				kept = append(kept, d)
			}
		}
		return kept
	}
	spec.Off, spec.Work = other(spec.Off), other(spec.Work)
	for _, day := range days {
		one := trigger.CalendarDay{Date: day.Date, Name: day.Name}
		if *day.IsOffDay {
			spec.Off = append(spec.Off, one)
		} else {
			spec.Work = append(spec.Work, one)
		}
	}
	byDate := func(a, b trigger.CalendarDay) int { return cmp.Compare(a.Date, b.Date) }
	slices.SortFunc(spec.Off, byDate)
	slices.SortFunc(spec.Work, byDate)
	return spec, nil
}
