package api

import (
	"cmp"
	"slices"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// maxDescribed is how many jobs of each action an import describes unless it is told a number.
const maxDescribed = 200

// describedNext is how many occurrences are shown of each.
const describedNext = 3

// ImportAction is what an import does to a job.
type ImportAction string

// The actions are the names of the lists in Imported.
const (
	ImportDeleted   ImportAction = "deleted"
	ImportUpdated   ImportAction = "updated"
	ImportCreated   ImportAction = "created"
	ImportUnchanged ImportAction = "unchanged"
)

// importStep is what an import does to one job. before or after is nil where there is none.
type importStep struct {
	action        ImportAction
	place         string
	before, after *job.Job
}

// ImportedJob shows one job of an import: as it is afterwards, or was before it was deleted. No credential is in it.
type ImportedJob struct {
	ID string `json:"id"`
	// Action is deleted, updated, created or unchanged.
	Action ImportAction `json:"action"`
	// Place is where it stands in the file: "line 12". Empty for a deleted one.
	Place  string     `json:"place,omitempty"`
	Name   string     `json:"name"`
	Status job.Status `json:"status"`
	// Words are the schedule; both empty if it cannot be read any more.
	Words    description `json:"schedule_description"`
	TimeZone string      `json:"time_zone"`
	// Next are the next moments of the schedule, three at most; none for a deleted or a completed job.
	Next   []occurrence `json:"next"`
	Method string       `json:"method"`
	URL    string       `json:"url"`
	// Changed are the fields that an update changes.
	Changed []string `json:"changed"`
	// Diff is the same with values before and after.
	Diff []access.Change `json:"-"`
}

func (s *importStep) job() *job.Job {
	if s.after != nil {
		return s.after
	}
	return s.before
}

// described is the result with its jobs described.
func (p *importPlan) described() Imported {
	rank := map[ImportAction]int{ImportDeleted: 0, ImportUpdated: 1, ImportCreated: 2, ImportUnchanged: 3}
	slices.SortFunc(p.steps, func(a, b importStep) int {
		return cmp.Or(rank[a.action]-rank[b.action], cmp.Compare(a.job().ID, b.job().ID))
	})
	most := cmp.Or(p.options.Described, maxDescribed)
	described := map[ImportAction]int{}
	for i := range p.steps {
		step := &p.steps[i]
		if described[step.action]++; described[step.action] <= most {
			p.result.Jobs = append(p.result.Jobs, p.describe(step))
		}
	}
	return p.result
}

func (p *importPlan) describe(step *importStep) ImportedJob {
	j := step.job()
	shown := ImportedJob{
		ID: j.ID, Action: step.action, Place: step.place, Name: j.Name, Status: j.Status, TimeZone: cmp.Or(j.Schedule.TimeZone, "UTC"),
		Next: []occurrence{}, Method: j.Request.Method, URL: job.RedactURL(j.Request.URL), Changed: []string{},
	}
	schedule, err := j.Compile(p.service.parser)
	if err == nil { // else it was stored by another version, and is deleted
		shown.Words = description{EN: schedule.Describe(trigger.English), ZH: schedule.Describe(trigger.Chinese)}
	}
	if err == nil && step.after != nil && j.Status != job.StatusCompleted {
		shown.Next = upcoming(schedule, planned(j, p.now), describedNext)
	}
	if step.action != ImportUpdated {
		return shown
	}
	shown.Diff = access.DiffJobs(step.before, step.after).Changes
	for _, change := range shown.Diff {
		shown.Changed = append(shown.Changed, change.Field)
	}
	for _, field := range resealed(step.before, step.after) {
		if !slices.Contains(shown.Changed, field) {
			shown.Changed = append(shown.Changed, field)
			shown.Diff = append(shown.Diff, access.Change{Field: field})
		}
	}
	return shown
}

// resealed are the fields of credentials that are not as they were. Their values are not known here.
func resealed(before, after *job.Job) []string {
	var fields []string
	for field, sealed := range after.Request.Sealed {
		if before.Request.Sealed[field] != sealed {
			fields = append(fields, "request."+field)
		}
	}
	for field := range before.Request.Sealed {
		if _, kept := after.Request.Sealed[field]; !kept {
			fields = append(fields, "request."+field)
		}
	}
	slices.Sort(fields)
	return fields
}
