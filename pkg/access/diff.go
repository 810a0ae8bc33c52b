package access

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"schedule-server/pkg/job"
)

// Bounds of a diff, in bytes.
const (
	maxValue = 1 << 10
	maxDiff  = 16 << 10
)

// Diff is what became of something, field by field.
type Diff struct {
	Changes []Change
	// Truncated says that there were more, or that values were longer.
	Truncated bool
	size      int
}

// DiffJobs tells what became of a job: nil before it was made, nil after it was
// deleted. Of one that was made or deleted it tells what is not as it is by default.
func DiffJobs(before, after *job.Job) Diff {
	d := DiffOf(told(before), told(after))
	for i := range d.Changes {
		if before == nil {
			d.Changes[i].Before = json.RawMessage(nothing)
		}
		if after == nil {
			d.Changes[i].After = json.RawMessage(nothing)
		}
	}
	return d
}

const nothing = "null"

// toldJob is what the audit log tells of a job: what a caller can set.
type toldJob struct {
	job.Definition
	Status      job.Status   `json:"status"`
	PauseReason *string      `json:"pause_reason"`
	PausedUntil *job.Instant `json:"paused_until"`
}

func told(j *job.Job) toldJob {
	if j == nil {
		return toldJob{Definition: job.Definition{Policy: job.DefaultPolicy()}}
	}
	return toldJob{j.Definition, j.Status, j.PauseReason, j.PausedUntil}
}

// DiffOf compares two values by their JSON, nil for none. Credentials are
// compared and not shown.
func DiffOf(before, after any) Diff {
	var d Diff
	d.walk(field{}, plain(before), plain(after))
	return d
}

// plain is a value as JSON has it: maps, lists and leaves.
func plain(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return nil // a moment outside the calendar; validation has refused it already
	}
	var out any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&out) != nil {
		return nil
	}
	return out
}

// field is a place in a value.
type field struct {
	path, name string
	// hidden says that it, or what it is part of, may hold credentials.
	hidden bool
}

// member is a place below.
func (f field) member(name string) field {
	return field{strings.TrimPrefix(f.path+"."+name, "."), name, f.hidden || job.CarriesCredentials(name)}
}

func (d *Diff) walk(at field, before, after any) {
	b, bIsMap := before.(map[string]any)
	a, aIsMap := after.(map[string]any)
	if (bIsMap || before == nil) && (aIsMap || after == nil) && (bIsMap || aIsMap) {
		names := slices.Collect(maps.Keys(b))
		for name := range a {
			if _, both := b[name]; !both {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if !reflect.DeepEqual(b[name], a[name]) { // most are equal
				d.walk(at.member(name), b[name], a[name])
			}
		}
		return
	}
	was, is := text(before), text(after)
	if bytes.Equal(was, is) {
		return
	}
	d.add(Change{Field: at.path, Before: d.shown(at, before, was), After: d.shown(at, after, is)})
}

func (d *Diff) add(c Change) {
	d.size += len(c.Field) + len(c.Before) + len(c.After)
	if d.size > maxDiff {
		d.Truncated = true
		return
	}
	d.Changes = append(d.Changes, c)
}

// shown is a value as it may be read later, by people who may not know what it held.
func (d *Diff) shown(at field, value any, whole json.RawMessage) json.RawMessage {
	words, isText := value.(string)
	switch {
	case value == nil:
		return whole
	case at.hidden:
		return text(job.Redacted)
	case isText && strings.HasSuffix(at.name, "url"):
		words = job.RedactURL(words)
	}
	switch {
	case isText && len(words) > maxValue:
		d.Truncated = true
		return text(strings.ToValidUTF8(words[:maxValue], "") + "…")
	case isText:
		return text(words)
	case len(whole) > maxValue:
		d.Truncated = true
		return text("…")
	}
	return whole
}

// text writes what JSON can hold.
func text(value any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // it was read from JSON
	return bytes.TrimSpace(out.Bytes())
}
