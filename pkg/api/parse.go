package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// parsed is what a pasted text says.
type parsed struct {
	// Kind is "command" or "crontab".
	Kind    string            `json:"kind"`
	Drafts  []draft           `json:"drafts"`
	Skipped []crontab.Skipped `json:"skipped"`
}

// draft is a job that was not saved.
type draft struct {
	Line     int      `json:"line"`
	Job      draftJob `json:"job"`
	Warnings []string `json:"warnings"`
}

// draftJob is a definition that may lack its schedule.
type draftJob struct {
	job.Definition
	Schedule *trigger.Spec `json:"schedule"`
}

// The limits of an answer to a pasted text: a key that may only read can ask for it.
const (
	maxDrafts  = 1000
	parsedRoom = 1 << 20
)

// parseJobs reads a pasted text and saves nothing. A text that cannot become a
// job is no fault of the call: the answer says why.
func (s *Server) parseJobs(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	var in struct {
		Text     string `json:"text"`
		TimeZone string `json:"time_zone"`
	}
	if err := decode(c, &in, false); err != nil {
		return err
	}
	if in.Text == "" {
		return fieldError("text", "required", "text is missing: a curl or wget command, or lines of a crontab")
	}
	if err := s.checkZone(in.TimeZone); err != nil {
		return err
	}
	if crontab.IsCommand(in.Text) {
		return c.JSON(s.parseCommand(in.Text))
	}
	file, err := crontab.Parse(c.UserContext(), in.Text, crontab.Options{
		TimeZone: in.TimeZone, Parser: s.deps.Parser, Now: s.deps.Now(), MaxJobs: maxDrafts, Room: parsedRoom,
	})
	if err != nil {
		return err
	}
	out := parsed{Kind: "crontab", Drafts: make([]draft, len(file.Jobs)), Skipped: file.Skipped}
	for i := range file.Jobs {
		entry := &file.Jobs[i]
		out.Drafts[i] = draft{entry.Line, draftJob{entry.Definition, &entry.Definition.Schedule}, orNone(entry.Warnings)}
	}
	if out.Skipped == nil {
		out.Skipped = []crontab.Skipped{}
	}
	return c.JSON(out)
}

// checkZone refuses the name of a zone that is none; the empty name is UTC.
func (s *Server) checkZone(name string) error {
	if _, err := s.deps.Parser.Parse(trigger.Spec{Type: trigger.TypeDate, At: new(job.Instant), TimeZone: name}, ""); err != nil {
		return fieldError("time_zone", "invalid", "time_zone is an IANA name such as Europe/Berlin")
	}
	return nil
}

func (s *Server) parseCommand(text string) parsed {
	out := parsed{Kind: "command", Drafts: []draft{}, Skipped: []crontab.Skipped{}}
	d, warnings, err := crontab.ParseCommand(text, job.DefaultPolicy())
	if err != nil {
		out.Skipped = []crontab.Skipped{{Line: 1, Text: firstRunes(text, 200), Reason: err.Error()}}
		return out
	}
	d.Normalize(s.deps.Now())
	out.Drafts = []draft{{1, draftJob{*d, nil}, orNone(warnings)}}
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
