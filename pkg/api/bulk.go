package api

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
	"schedule-server/pkg/trigger"
)

// maxBulkIDs is how many jobs a call may name.
const maxBulkIDs = 100_000

// bulkFilter has the members of the list's query.
type bulkFilter struct {
	Text      string   `json:"q"`
	Tags      textList `json:"tag"`
	Type      string   `json:"type"`
	Status    string   `json:"status"`
	LastState string   `json:"last_state"`
	Host      string   `json:"host"`

	DueSince *job.Instant `json:"due_since"`
	DueUntil *job.Instant `json:"due_until"`
}

// textList is a text or a list of texts.
type textList []string

// UnmarshalJSON reads either.
func (l *textList) UnmarshalJSON(data []byte) error {
	if data[0] != '"' {
		return json.Unmarshal(data, (*[]string)(l))
	}
	*l = []string{""}
	return json.Unmarshal(data, &(*l)[0])
}

func (s *Server) bulkJobs(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	var in struct {
		Action service.BulkAction `json:"action"`
		IDs    []string           `json:"ids"`
		Filter *bulkFilter        `json:"filter"`
		Tag    string             `json:"tag"`
	}
	if err := decode(c, &in, false); err != nil {
		return err
	}
	b := service.Bulk{Action: in.Action, IDs: in.IDs, Tag: in.Tag}
	var faults []job.FieldError
	fault := func(field, code, message string) {
		faults = append(faults, job.FieldError{Field: field, Code: code, Message: message})
	}
	tagging := in.Action == service.BulkTag || in.Action == service.BulkUntag
	switch {
	case in.Action == "":
		fault("action", "required", "action is pause, resume, run, delete, tag or untag")
	case !slices.Contains([]service.BulkAction{service.BulkPause, service.BulkResume, service.BulkRun, service.BulkDelete, service.BulkTag, service.BulkUntag}, in.Action):
		fault("action", "invalid", "action is pause, resume, run, delete, tag or untag")
	case tagging && !job.ValidTag(in.Tag):
		fault("tag", "invalid", "a tag is 1 to 64 characters")
	case !tagging && in.Tag != "":
		fault("tag", "invalid", "tag goes with the actions tag and untag")
	}
	switch {
	case (in.IDs == nil) == (in.Filter == nil):
		fault("ids", "required", "either ids or filter says which jobs; an empty filter means all")
	case len(in.IDs) > maxBulkIDs:
		fault("ids", "invalid", "there are at most 100000 ids")
	case in.Filter != nil:
		b.Filter = in.Filter.query(fault)
	}
	if len(faults) > 0 {
		return &job.Error{Code: job.CodeInvalid, Detail: "the body is invalid", Fields: faults}
	}
	done, err := s.deps.Service.Bulk(c.UserContext(), b)
	if err != nil {
		return err
	}
	return c.JSON(done)
}

// query is the filter as the list takes it.
func (f *bulkFilter) query(fault func(field, code, message string)) job.JobQuery {
	for _, one := range []struct {
		name, value string
		words       []string
	}{
		{"type", f.Type, []string{trigger.TypeCron, trigger.TypeInterval, trigger.TypeCalendarInterval, trigger.TypeDate}},
		{"status", f.Status, words(job.StatusActive, job.StatusPaused, job.StatusCompleted)},
		{"last_state", f.LastState, words(finalStates()...)},
	} {
		if one.value != "" && !slices.Contains(one.words, one.value) {
			fault("filter."+one.name, "invalid", "there is no such "+one.name)
		}
	}
	if len(f.Tags) > maxFilterTags {
		fault("filter.tag", "invalid", fmt.Sprintf("a filter names at most %d tags", maxFilterTags))
	}
	return job.JobQuery{
		Text: f.Text, Tags: f.Tags, Type: f.Type, Status: job.Status(f.Status), LastState: job.State(f.LastState), Host: f.Host,
		DueSince: f.DueSince, DueUntil: f.DueUntil,
	}
}
