package notify

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// Filter picks jobs, in the words of GET /jobs.
type Filter struct {
	Text      string     `json:"q,omitempty"`
	Tags      []string   `json:"tag,omitempty"`
	Type      string     `json:"type,omitempty"`
	Status    job.Status `json:"status,omitempty"`
	LastState job.State  `json:"last_state,omitempty"`
	Host      string     `json:"host,omitempty"`
}

// Empty reports whether the filter picks every job.
func (f *Filter) Empty() bool {
	return f.Text == "" && len(f.Tags) == 0 && f.Type == "" && f.Status == "" && f.LastState == "" && f.Host == ""
}

// Query is the filter as jobs are looked up by it.
func (f *Filter) Query() job.JobQuery {
	return job.JobQuery{Text: f.Text, Tags: f.Tags, Type: f.Type, Status: f.Status, LastState: f.LastState, Host: f.Host}
}

// Quiet is a time of day in which nobody is disturbed.
type Quiet struct {
	// From and To are times of day, "22:00" and "08:00". From is inclusive, To is not.
	From string `json:"from"`
	To   string `json:"to"`
	// TimeZone is an IANA zone. Empty: UTC.
	TimeZone string `json:"time_zone"`
}

// Rule says which incidents are told to which channels.
type Rule struct {
	ID     string `json:"id"`
	Filter Filter `json:"filter"`
	// Kinds are those that it tells of. Empty: all but missed, which many jobs are now and then.
	Kinds []Kind `json:"kinds"`
	// After is how many runs in a row must have failed. Zero: one.
	After int `json:"after"`
	// RemindEvery repeats what is still so. Zero: never.
	RemindEvery job.Duration `json:"remind_every"`
	// Close tells also that it is over. Nil: it does.
	Close    *bool    `json:"close"`
	Quiet    *Quiet   `json:"quiet"`
	Channels []string `json:"channels"`
}

// Closes reports whether the rule tells that an incident is over.
func (r *Rule) Closes() bool { return r.Close == nil || *r.Close }

// Tells reports whether the rule is about incidents of that kind, after so many times.
func (r *Rule) Tells(kind Kind, count int64) bool {
	if len(r.Kinds) == 0 {
		if kind == KindMissed {
			return false
		}
	} else if !slices.Contains(r.Kinds, kind) {
		return false
	}
	return kind != KindFailing || count >= int64(max(1, r.After))
}

// Rules are all rules, in their order.
type Rules struct {
	Rules []Rule `json:"rules"`
}

// The limits of rules.
const (
	MaxRules    = 200
	MaxChannels = 100
	maxAfter    = 1000
	minRemind   = time.Minute
)

var ids = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ValidID reports whether a text can name a rule or a channel.
func ValidID(id string) bool { return ids.MatchString(id) }

// Validate names every fault of rules; known are the channels that there are.
func (r *Rules) Validate(known map[string]bool) (faults []job.FieldError) {
	add := func(field, format string, args ...any) {
		faults = append(faults, job.FieldError{Field: field, Code: "invalid", Message: fmt.Sprintf(format, args...)})
	}
	if len(r.Rules) > MaxRules {
		add("rules", "there are at most %d rules", MaxRules)
		return faults
	}
	seen := map[string]bool{}
	for i := range r.Rules {
		rule, at := &r.Rules[i], fmt.Sprintf("rules[%d].", i)
		if !ValidID(rule.ID) {
			add(at+"id", "an id is 1 to 64 letters, digits and . _ - that begin with a letter or digit")
		} else if seen[rule.ID] {
			add(at+"id", "another rule has the id %q", rule.ID)
		}
		seen[rule.ID] = true
		for n, kind := range rule.Kinds {
			if !kind.Known() {
				add(fmt.Sprintf("%skinds[%d]", at, n), "%q is not one of %v", kind, Kinds())
			}
		}
		if rule.After < 0 || rule.After > maxAfter {
			add(at+"after", "after is 0 to %d", maxAfter)
		}
		if every := time.Duration(rule.RemindEvery); every != 0 && every < minRemind {
			add(at+"remind_every", "remind_every is at least %v, or 0s for never", minRemind)
		}
		if len(rule.Channels) == 0 {
			add(at+"channels", "a rule names at least one channel")
		}
		for n, id := range rule.Channels {
			if !known[id] {
				add(fmt.Sprintf("%schannels[%d]", at, n), "there is no channel %q", id)
			}
		}
		for n, tag := range rule.Filter.Tags {
			if !job.ValidTag(tag) {
				add(fmt.Sprintf("%sfilter.tag[%d]", at, n), "a tag is 1 to %d characters", job.MaxTagRunes)
			}
		}
		faults = append(faults, rule.Filter.check(at+"filter.")...)
		faults = append(faults, rule.Quiet.check(at+"quiet.")...)
	}
	return faults
}

func (f *Filter) check(at string) (faults []job.FieldError) {
	one := func(field, value string, of ...string) {
		if value != "" && !slices.Contains(of, value) {
			faults = append(faults, job.FieldError{Field: at + field, Code: "invalid", Message: fmt.Sprintf("%q is not one of %v", value, of)})
		}
	}
	one("type", f.Type, "cron", "interval", "date")
	one("status", string(f.Status), string(job.StatusActive), string(job.StatusPaused), string(job.StatusCompleted))
	states := make([]string, 0, len(job.States()))
	for _, state := range job.States() {
		states = append(states, string(state))
	}
	one("last_state", string(f.LastState), states...)
	if len(f.Text) > job.MaxTextRunes || len(f.Host) > job.MaxIDBytes || len(f.Tags) > job.MaxTags {
		faults = append(faults, job.FieldError{Field: at + "q", Code: "invalid", Message: "the filter is too long"})
	}
	return faults
}

func (q *Quiet) check(at string) (faults []job.FieldError) {
	if q == nil {
		return nil
	}
	for _, one := range []struct{ field, value string }{{"from", q.From}, {"to", q.To}} {
		if _, err := timeOfDay(one.value); err != nil {
			faults = append(faults, job.FieldError{Field: at + one.field, Code: "invalid", Message: "write a time of day such as 22:00"})
		}
	}
	if _, err := time.LoadLocation(q.TimeZone); err != nil || q.TimeZone == "Local" {
		faults = append(faults, job.FieldError{Field: at + "time_zone", Code: "invalid", Message: fmt.Sprintf("there is no time zone %q", q.TimeZone)})
	}
	return faults
}

// timeOfDay reads "22:00" as minutes since midnight.
func timeOfDay(text string) (int, error) {
	at, err := time.Parse("15:04", text)
	return at.Hour()*60 + at.Minute(), err
}

// Until is the end of the quiet time that a moment lies in; the moment itself when it lies in none.
func (q *Quiet) Until(at job.Instant) job.Instant {
	if q == nil {
		return at
	}
	zone, err := time.LoadLocation(q.TimeZone)
	from, errFrom := timeOfDay(q.From)
	to, errTo := timeOfDay(q.To)
	if err != nil || errFrom != nil || errTo != nil || from == to {
		return at
	}
	local := at.Time().In(zone)
	now, days := local.Hour()*60+local.Minute(), 0
	switch {
	case from < to && (now < from || now >= to), from > to && now < from && now >= to:
		return at
	case from > to && now >= from:
		days = 1
	}
	end := time.Date(local.Year(), local.Month(), local.Day()+days, to/60, to%60, 0, 0, zone)
	return max(at, trigger.InstantOf(end))
}

// Target is a channel that hears of a transition.
type Target struct {
	Channel string
	// Hold: nothing is sent before.
	Hold job.Instant
}

// Situation is what decides who is told.
type Situation struct {
	Kind  Kind
	Count int64
	// Matches are the places of the rules whose filters pick the job. An incident of the service matches every rule.
	Matches map[int]bool
	// Own is what the job itself says.
	Own job.Notify
	// Except is a channel that is not told: it is the one that fails.
	Except string
	At     job.Instant
	// Told are the channels that heard of the opening; a reminder and a close go to no other.
	Told map[string]bool
}

// Targets are the channels that are told of a transition, each once, in the order of the rules.
func (r *Rules) Targets(s *Situation, transition Transition) (targets []Target) {
	add := func(channel string, quiet *Quiet) {
		hold := s.At
		if s.Kind != KindService {
			hold = quiet.Until(s.At)
		}
		if channel == s.Except || transition != Opened && !s.Told[channel] || transition == Opened && s.Told[channel] {
			return
		}
		for i := range targets {
			if targets[i].Channel == channel { // told as early as any rule says
				targets[i].Hold = min(targets[i].Hold, hold)
				return
			}
		}
		targets = append(targets, Target{channel, hold})
	}
	if s.Own.Rules != job.NotifyNone {
		for i := range r.Rules {
			rule := &r.Rules[i]
			service := s.Kind == KindService
			if !service && !s.Matches[i] || !rule.Tells(s.Kind, s.Count) || transition == Closed && !rule.Closes() {
				continue
			}
			for _, channel := range rule.Channels {
				add(channel, rule.Quiet)
			}
		}
	}
	if own := &s.Own; len(own.Channels) > 0 && ownTells(own, s.Kind, s.Count) {
		for _, channel := range own.Channels {
			add(channel, nil)
		}
	}
	return targets
}

// ownTells reports whether a job's own channels hear of a kind.
func ownTells(own *job.Notify, kind Kind, count int64) bool {
	rule := Rule{After: own.After}
	for _, one := range own.Kinds {
		rule.Kinds = append(rule.Kinds, Kind(one))
	}
	return rule.Tells(kind, count)
}

// Wants reports whether anybody could want to hear of a kind: it is not looked for otherwise.
func (r *Rules) Wants(kind Kind) bool {
	return slices.ContainsFunc(r.Rules, func(rule Rule) bool { return rule.Tells(kind, maxAfter) })
}

// RemindEvery is the shortest time after which somebody wants to be reminded. Zero: nobody does.
func (r *Rules) RemindEvery(s *Situation) (every time.Duration) {
	for i := range r.Rules {
		rule := &r.Rules[i]
		wants := time.Duration(rule.RemindEvery)
		if wants == 0 || !rule.Tells(s.Kind, s.Count) || s.Kind != KindService && !s.Matches[i] {
			continue
		}
		if every == 0 || wants < every {
			every = wants
		}
	}
	return every
}
