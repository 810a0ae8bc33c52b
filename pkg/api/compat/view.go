package compat

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// task is a job as this API shows it.
type task struct {
	JobID      string  `json:"job_id"`
	Name       string  `json:"name"` // always requests_url, the name of the original's own function
	Type       string  `json:"type"`
	Data       any     `json:"data"`
	RequestURL string  `json:"request_url"`
	NextRun    *string `json:"next_run_time"` // null when paused
	Status     string  `json:"status"`        // running means active
}

// cronData are the eight fields as APScheduler spells them.
type cronData struct {
	Year      string `json:"year"`
	Month     string `json:"month"`
	Day       string `json:"day"`
	Week      string `json:"week"`
	DayOfWeek string `json:"day_of_week"`
	Hour      string `json:"hour"`
	Minute    string `json:"minute"`
	Second    string `json:"second"`
}

// dateData is the moment of a date job, in UTC.
type dateData struct {
	Year   int `json:"year"`
	Month  int `json:"month"`
	Day    int `json:"day"`
	Hour   int `json:"hour"`
	Minute int `json:"minute"`
	Second int `json:"second"`
}

// intervalData is the length of an interval. Second has a fraction only where a job of the native API has one.
type intervalData struct {
	Hour   int64       `json:"hour"`
	Minute int64       `json:"minute"`
	Second json.Number `json:"second"`
}

// show makes the view of a job.
func show(j *job.Job) task {
	t := task{JobID: j.ID, Name: "requests_url", Type: j.Schedule.Type, RequestURL: j.Request.URL, Status: "running"}
	if j.Status == job.StatusPaused {
		t.Status = "paused"
	}
	if j.NextRunAt != nil {
		next := isoformat(*j.NextRunAt)
		t.NextRun = &next
	}
	switch {
	case j.Schedule.Type == trigger.TypeDate && j.Schedule.At != nil:
		at := j.Schedule.At.Time()
		t.Data = dateData{at.Year(), int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second()}
	case j.Schedule.Type == trigger.TypeInterval:
		t.Data = showInterval(time.Duration(j.Schedule.Every))
	case j.Schedule.Fields != nil:
		t.Data = cronData(j.Schedule.Fields.Canon())
	default:
		t.Data = showExpression(j.Schedule.Expression)
	}
	return t
}

// isoformat writes a moment as Python's datetime does: a fraction only where there is one, of six digits.
func isoformat(at job.Instant) string {
	if at%1000 == 0 {
		return at.Time().Format("2006-01-02T15:04:05-07:00")
	}
	return at.Time().Format("2006-01-02T15:04:05.000000-07:00")
}

func showInterval(every time.Duration) intervalData {
	second := strconv.FormatFloat((every % time.Minute).Seconds(), 'f', -1, 64)
	return intervalData{int64(every / time.Hour), int64(every % time.Hour / time.Minute), json.Number(second)}
}

// showExpression lays a crontab expression out over the eight fields, in its own words.
func showExpression(expression string) cronData {
	words := strings.Fields(expression)
	if len(words) == 1 {
		words = strings.Fields(macro(words[0]))
	}
	if len(words) == 5 {
		words = append([]string{"0"}, words...)
	}
	if len(words) != 6 { // stored by a later version: shown whole rather than wrongly
		return cronData{"*", "*", "*", "*", "*", "*", "*", expression}
	}
	return cronData{
		Year: "*", Month: words[4], Day: words[3], Week: "*", DayOfWeek: words[5],
		Hour: words[2], Minute: words[1], Second: words[0],
	}
}

// macro is what a name such as @daily stands for, in five fields; the name itself when it is unknown.
func macro(name string) string {
	switch name {
	case "@yearly", "@annually":
		return "0 0 1 1 *"
	case "@monthly":
		return "0 0 1 * *"
	case "@weekly":
		return "0 0 * * 0"
	case "@daily", "@midnight":
		return "0 0 * * *"
	case "@hourly":
		return "0 * * * *"
	}
	return name
}
