package importer

import (
	"cmp"
	"context"

	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// Drafts is what a pasted text says.
type Drafts struct {
	// Kind is "command" or "crontab".
	Kind    string            `json:"kind"`
	Drafts  []Draft           `json:"drafts"`
	Skipped []crontab.Skipped `json:"skipped"`
}

// Draft is a job that was not saved.
type Draft struct {
	Line     int      `json:"line"`
	Job      DraftJob `json:"job"`
	Warnings []string `json:"warnings"`
}

// DraftJob is a definition that may lack its schedule.
type DraftJob struct {
	job.Definition
	Schedule *trigger.Spec `json:"schedule"`
}

// The limits of an answer to a pasted text: a key that may only read can ask for it.
const (
	maxDrafts  = 1000
	parsedRoom = 1 << 20
)

// ParseText reads a pasted command, or the lines of a crontab. The error is job.CodeInvalid for a text of more jobs,
// or one that grows larger, than an answer may hold.
func ParseText(ctx context.Context, text, timeZone string, parser *trigger.Parser, now job.Instant) (*Drafts, error) {
	if crontab.IsCommand(text) {
		return parseCommand(text, now), nil
	}
	file, err := crontab.Parse(ctx, text, crontab.Options{
		TimeZone: cmp.Or(timeZone, parser.TimeZone), Parser: parser, Now: now, MaxJobs: maxDrafts, Room: parsedRoom,
	})
	if err != nil {
		return nil, err
	}
	out := &Drafts{Kind: "crontab", Drafts: make([]Draft, len(file.Jobs)), Skipped: file.Skipped}
	for i := range file.Jobs {
		entry := &file.Jobs[i]
		out.Drafts[i] = Draft{entry.Line, DraftJob{entry.Definition, &entry.Definition.Schedule}, orNone(entry.Warnings)}
	}
	if out.Skipped == nil {
		out.Skipped = []crontab.Skipped{}
	}
	return out, nil
}

func parseCommand(text string, now job.Instant) *Drafts {
	out := &Drafts{Kind: "command", Drafts: []Draft{}, Skipped: []crontab.Skipped{}}
	d, warnings, err := crontab.ParseCommand(text, job.DefaultPolicy())
	if err != nil {
		out.Skipped = []crontab.Skipped{{Line: 1, Text: firstRunes(text, 200), Reason: err.Error()}}
		return out
	}
	d.Normalize(now)
	out.Drafts = []Draft{{1, DraftJob{*d, nil}, orNone(warnings)}}
	return out
}

func firstRunes(text string, most int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), most)])
}

// orNone is a list that is written as [] when it is empty.
func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
