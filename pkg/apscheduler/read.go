package apscheduler

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nlpodyssey/gopickle/types"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// Row is a row of the table apscheduler_jobs.
type Row struct {
	ID string `db:"id"`
	// NextRunTime is in seconds since the epoch; nil: the job is paused.
	NextRunTime *float64 `db:"next_run_time"`
	// State is the pickle, at most MaxPickle bytes.
	State []byte `db:"job_state"`
}

// Read turns a row into a job with its id, schedule, phase, pause, jitter, grace and URL.
// The job is called by GET and once, as the original did. Warnings say what of the row is
// not carried over; the error says for people why the row cannot become a job.
func Read(row Row, parser *trigger.Parser, now job.Instant) (in *job.Input, warnings []string, err error) {
	value, err := unpickle(row.State)
	if err != nil {
		return nil, nil, err
	}
	state, ok := value.(*types.Dict)
	if !ok {
		return nil, nil, errPickle
	}
	if in, err = inputOf(row, state); err != nil {
		return nil, nil, err
	}
	in.Normalize(now)
	if faults := in.Validate(parser); len(faults) > 0 {
		return nil, nil, fmt.Errorf("%s: %s", faults[0].Field, faults[0].Message)
	}
	if more := len(items(member(state, "args"))) - 1; more > 0 {
		warnings = append(warnings, fmt.Sprintf("its function takes %d more arguments, which are not carried over", more))
	}
	if named, ok := member(state, "kwargs").(*types.Dict); ok && named.Len() > 0 {
		warnings = append(warnings, fmt.Sprintf("its function takes %d named arguments, which are not carried over", named.Len()))
	}
	if in.Policy.Jitter > 0 && in.Schedule.Type == trigger.TypeInterval {
		warnings = append(warnings, "its phase is that of its next run, which has some jitter in it")
	}
	return in, warnings, nil
}

// inputOf is the job of a row before it is checked.
func inputOf(row Row, state *types.Dict) (*job.Input, error) {
	in := &job.Input{Definition: job.Definition{ID: row.ID, Policy: policyOf(state)}}
	in.Policy.MisfireGraceTime = job.Unlimited
	if grace, ok := number(member(state, "misfire_grace_time")); ok && grace > 0 && grace < 1e9 {
		in.Policy.MisfireGraceTime = job.Grace(time.Duration(grace) * time.Second)
	}
	arguments := items(member(state, "args"))
	if len(arguments) == 0 {
		return nil, errors.New("its function takes no URL")
	}
	address, ok := arguments[0].(string)
	if !ok {
		return nil, errors.New("its function takes no URL")
	}
	in.Request = job.Request{Method: "GET", URL: address, FollowRedirects: job.MaxRedirects}
	var err error
	if in.Schedule, err = scheduleOf(member(state, "trigger"), row.NextRunTime); err != nil {
		return nil, err
	}
	if in.Policy.Jitter, err = jitterOf(member(state, "trigger")); err != nil {
		return nil, err
	}
	status := job.StatusActive
	if row.NextRunTime == nil {
		status = job.StatusPaused
	}
	in.Status = &status
	in.AnchorMade = in.Schedule.Type == trigger.TypeInterval && in.Schedule.Anchor == nil
	return in, nil
}

// jitterOf is by how much a trigger spreads its moments: up to that many seconds.
func jitterOf(v any) (job.Duration, error) {
	o, ok := v.(*object)
	if !ok {
		return 0, errPickle
	}
	seconds, isFloat := o.get("jitter").(float64)
	if n, ok := number(o.get("jitter")); ok {
		seconds, isFloat = float64(n), true
	}
	switch {
	case o.get("jitter") == nil:
		return 0, nil
	case !isFloat || !(seconds >= 0 && seconds < 1e9):
		return 0, errors.New("its jitter is no number of seconds")
	}
	return job.Duration(time.Duration(seconds*1000) * time.Millisecond), nil
}

func policyOf(state *types.Dict) job.Policy {
	p := job.DefaultPolicy()
	p.Retry.MaxAttempts = 1
	if coalesce, ok := member(state, "coalesce").(bool); ok && !coalesce {
		p.Coalesce = job.CoalesceAll
	}
	if n, ok := number(member(state, "max_instances")); ok && n > 1 {
		p.ConcurrencyPolicy = job.ConcurrencyAllow
	}
	return p
}

// scheduleOf reads a trigger.
func scheduleOf(v any, next *float64) (spec trigger.Spec, err error) {
	o, ok := v.(*object)
	if !ok {
		return spec, errPickle
	}
	if spec.StartAt, err = instantOf(o.get("start_date")); err != nil {
		return spec, err
	}
	if spec.EndAt, err = instantOf(o.get("end_date")); err != nil {
		return spec, err
	}
	switch o.name[strings.LastIndexByte(o.name, '.')+1:] {
	case "CronTrigger":
		spec.Type = trigger.TypeCron
		if spec.TimeZone, err = zoneOf(o.get("timezone")); err != nil {
			return spec, err
		}
		spec.Fields, err = fieldsOf(o.get("fields"))
		return spec, err
	case "IntervalTrigger":
		spec.Type = trigger.TypeInterval
		every, err := lengthOf(o.get("interval"))
		spec.Every = job.Duration(every)
		spec.Anchor, spec.StartAt = spec.StartAt, nil
		if next != nil && *next > 0 && *next < 253_402_300_799 {
			at := job.Instant(math.Floor(*next * 1000))
			spec.Anchor = &at // the phase
		}
		return spec, err
	case "DateTrigger":
		spec.Type = trigger.TypeDate
		spec.At, err = instantOf(o.get("run_date"))
		return spec, err
	}
	return spec, errors.New("its trigger is neither cron, interval nor date")
}

// fieldsOf reads the fields of a cron.
func fieldsOf(v any) (*trigger.Fields, error) {
	fields := &trigger.Fields{}
	into := map[string]*string{
		"year": &fields.Year, "month": &fields.Month, "day": &fields.Day, "week": &fields.Week,
		"day_of_week": &fields.DayOfWeek, "hour": &fields.Hour, "minute": &fields.Minute, "second": &fields.Second,
	}
	for _, one := range items(v) {
		o, ok := one.(*object)
		if !ok {
			return nil, errPickle
		}
		name, _ := o.get("name").(string)
		text := into[name]
		expressions := items(o.get("expressions"))
		if text == nil || len(expressions) == 0 || len(expressions) > 100 {
			return nil, errPickle
		}
		var parts []string
		for _, expression := range expressions {
			part, err := expressionOf(expression)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		*text = strings.Join(slices.Compact(parts), ",")
	}
	for _, name := range slices.Sorted(maps.Keys(into)) {
		if *into[name] == "" { // a field that is left out would be taken for its default
			return nil, fmt.Errorf("its trigger lacks the field %s", name)
		}
	}
	return fields, nil
}
