package importer

import (
	"bytes"
	"mime"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// ReadCalendar reads a calendar of a media type: text/calendar, or JSON, our own or that of holiday-cn, whose days are put
// in the place of the same years' in old; nil: there is no old one. The error is an *job.Error.
func ReadCalendar(media string, data []byte, old *trigger.CalendarSpec) (trigger.CalendarSpec, error) {
	kind, _, _ := mime.ParseMediaType(media)
	switch {
	case kind == "text/calendar" || bytes.HasPrefix(bytes.TrimSpace(data), []byte("BEGIN:VCALENDAR")):
		return readICS(data)
	case kind == "" || kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return job.DecodeCalendar(data, old)
	}
	return trigger.CalendarSpec{}, job.Errorf(job.CodeInvalid, "a calendar is application/json or text/calendar")
}

// readICS takes the events that last whole days as days off.
func readICS(data []byte) (spec trigger.CalendarSpec, err error) {
	if len(data) > job.MaxCalendarBytes {
		return spec, job.Errorf(job.CodeInvalid, "a calendar is at most %d bytes", job.MaxCalendarBytes)
	}
	calendar, err := ics.ParseCalendar(bytes.NewReader(data))
	if err != nil {
		return spec, job.Errorf(job.CodeMalformed, "the body is no calendar of RFC 5545: %v", err)
	}
	for _, property := range calendar.CalendarProperties {
		if property.IANAToken == string(ics.PropertyXWRCalName) {
			spec.Name = cutBytes(property.Value)
		}
	}
	for _, event := range calendar.Events() {
		first, whole := icsDay(event, ics.ComponentPropertyDtStart)
		if !whole || canceled(event) {
			continue
		}
		name := ""
		if summary := event.GetProperty(ics.ComponentPropertySummary); summary != nil {
			name = cutBytes(summary.Value)
		}
		if event.GetProperty(ics.ComponentPropertyRrule) != nil || event.GetProperty(ics.ComponentPropertyRdate) != nil {
			return spec, job.Errorf(job.CodeInvalid, "the event %q of %s comes again and again: write each of its days out", name, first.Format(time.DateOnly))
		}
		last := first
		if end, ok := icsDay(event, ics.ComponentPropertyDtEnd); ok && end.After(first) {
			last = end.AddDate(0, 0, -1) // the end is the first day that is not off
		}
		date := first.Format(time.DateOnly)
		if last.After(first) {
			date += "/" + last.Format(time.DateOnly)
		}
		spec.Off = append(spec.Off, trigger.CalendarDay{Date: date, Name: name})
	}
	if spec.Off == nil {
		return spec, job.Errorf(job.CodeInvalid, "no event in it lasts a whole day")
	}
	return spec, nil
}

func icsDay(event *ics.VEvent, name ics.ComponentProperty) (time.Time, bool) {
	property := event.GetProperty(name)
	if property == nil {
		return time.Time{}, false
	}
	day, err := time.Parse("20060102", strings.TrimSpace(property.Value))
	return day, err == nil
}

func canceled(event *ics.VEvent) bool {
	status := event.GetProperty(ics.ComponentPropertyStatus)
	return status != nil && strings.EqualFold(status.Value, "CANCELLED")
}

// cutBytes shortens a name to what a calendar keeps.
func cutBytes(text string) string {
	const most = 200
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}
