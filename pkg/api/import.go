package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"schedule-server/pkg/job"
)

// MaxImport is how many jobs one import may hold.
const MaxImport = 20_000

// maxImportFaults is how many faults of an import are named.
const maxImportFaults = 100

// Source is one job of an import, and where it stands.
type Source struct {
	*job.Input
	// Place names it in errors: "jobs[17]".
	Place string
}

// ImportOptions say how an import is done.
type ImportOptions struct {
	// DryRun writes nothing.
	DryRun bool
	// Prune deletes every job that is not among those imported.
	Prune bool
}

// Imported says what an import did, or in a dry run would do: the ids, each list in order.
type Imported struct {
	Created   []string `json:"created"`
	Updated   []string `json:"updated"`
	Unchanged []string `json:"unchanged"`
	Deleted   []string `json:"deleted"`
	// Changes are the updated jobs before and after, at most maxChanges of them. Only in a dry run.
	Changes []ImportChange `json:"changes,omitempty"`
}

// ImportChange is one job before and after an import; nil where there is none.
type ImportChange struct {
	ID     string    `json:"id"`
	Before *document `json:"before"`
	After  *document `json:"after"`
}

// maxChanges bounds what a dry run shows.
const maxChanges = 1000

// Import creates and replaces jobs, all of them or none, in one transaction. A
// job that stands already as it is imported keeps its version, its phase and its
// plan. The error names every faulty job by its place.
func (s *Service) Import(ctx context.Context, sources []Source, o ImportOptions) (Imported, error) {
	if err := checkSources(sources); err != nil {
		return Imported{}, err
	}
	pick := job.Pick{IDs: make([]string, len(sources)), Others: o.Prune}
	for i := range sources {
		pick.IDs[i] = sources[i].ID
	}
	var plan importPlan
	decide := func(old []job.Job, now job.Instant) ([]job.Edit, error) {
		plan = importPlan{result: newImported()}
		if err := plan.decide(s, sources, old, now); err != nil {
			return nil, err
		}
		if o.DryRun {
			return nil, nil
		}
		return plan.edits, nil
	}
	open, err := s.store.EditJobs(ctx, pick, s.now, decide)
	if err != nil {
		return Imported{}, err
	}
	if o.DryRun {
		return plan.result, nil
	}
	plan.result.Changes = nil
	s.edited(ctx, plan.edits, open, false)
	return plan.result, nil
}

func newImported() Imported {
	return Imported{Created: []string{}, Updated: []string{}, Unchanged: []string{}, Deleted: []string{}}
}

// checkSources refuses too many jobs, and two of one id.
func checkSources(sources []Source) error {
	if len(sources) > MaxImport {
		return fieldError("jobs", "invalid", "an import holds at most %d jobs", MaxImport)
	}
	first := make(map[string]string, len(sources))
	var faults []job.FieldError
	for i := range sources {
		if place, double := first[sources[i].ID]; double {
			faults = append(faults, job.FieldError{Field: sources[i].Place + ".id", Code: "invalid",
				Message: fmt.Sprintf("%s has the same id %q", place, sources[i].ID)})
			continue
		}
		first[sources[i].ID] = sources[i].Place
	}
	return importFaults(faults)
}

// importFaults is the error for the faults of an import, the first of which are named.
func importFaults(faults []job.FieldError) error {
	if len(faults) == 0 {
		return nil
	}
	detail := fmt.Sprintf("nothing was imported: %d faults", len(faults))
	if len(faults) == 1 {
		detail = "nothing was imported: 1 fault"
	}
	if len(faults) > maxImportFaults {
		detail += fmt.Sprintf(", of which the first %d are named", maxImportFaults)
		faults = faults[:maxImportFaults]
	}
	return &job.Error{Code: job.CodeInvalid, Detail: detail, Fields: faults}
}

// importPlan is what an import is going to do.
type importPlan struct {
	result Imported
	edits  []job.Edit
	faults []job.FieldError
}

func (p *importPlan) decide(s *Service, sources []Source, old []job.Job, now job.Instant) error {
	byID := make(map[string]*job.Job, len(old))
	for i := range old {
		byID[old[i].ID] = &old[i]
	}
	for i := range sources {
		source := &sources[i]
		before := byID[source.ID]
		delete(byID, source.ID)
		after, err := s.imported(before, source.Input, now)
		if err != nil {
			p.faults = append(p.faults, faultsAt(source.Place, err)...)
			continue
		}
		p.add(before, after)
	}
	for i := range old { // those left over are pruned, in the order of their ids
		if j := byID[old[i].ID]; j != nil {
			p.result.Deleted = append(p.result.Deleted, j.ID)
			p.edits = append(p.edits, job.Edit{ID: j.ID})
		}
	}
	slices.Sort(p.result.Created)
	slices.Sort(p.result.Updated)
	slices.Sort(p.result.Unchanged)
	return importFaults(p.faults)
}

// add sorts one job in.
func (p *importPlan) add(before, after *job.Job) {
	switch {
	case before == nil:
		p.result.Created = append(p.result.Created, after.ID)
	case sameDocument(before, after):
		p.result.Unchanged = append(p.result.Unchanged, after.ID)
		return
	default:
		p.result.Updated = append(p.result.Updated, after.ID)
		if len(p.result.Changes) < maxChanges {
			p.result.Changes = append(p.result.Changes, ImportChange{ID: after.ID, Before: documentOf(before), After: documentOf(after)})
		}
	}
	p.edits = append(p.edits, job.Edit{ID: after.ID, After: after})
}

// faultsAt puts the place of a job in front of what is wrong with it.
func faultsAt(place string, err error) []job.FieldError {
	p := problemOf(err)
	if len(p.Errors) == 0 {
		return []job.FieldError{{Field: place, Code: "invalid", Message: p.Detail}}
	}
	faults := make([]job.FieldError, len(p.Errors))
	for i, f := range p.Errors {
		faults[i] = job.FieldError{Field: place + "." + f.Field, Code: f.Code, Message: f.Message}
	}
	return faults
}

// imported is the job that an import makes of an old one, nil for none. A job that
// was completed where it comes from, and is new here, stays so: a date of the past must not run again.
func (s *Service) imported(old *job.Job, in *job.Input, now job.Instant) (*job.Job, error) {
	if in.PausedUntil != nil && *in.PausedUntil <= now {
		active := job.StatusActive
		ended := *in
		ended.Status, ended.PausedUntil, ended.PauseReason = &active, nil, nil
		in = &ended
	}
	done := in.Status != nil && *in.Status == job.StatusCompleted
	if !done || old != nil && job.SameSchedule(&old.Schedule, &in.Schedule) {
		return s.revise(old, in, now)
	}
	j := job.Job{CreatedAt: now}
	if old != nil {
		j = *old
	}
	j.Definition, j.UpdatedAt, j.Status = in.Definition, now, job.StatusCompleted
	if err := s.seal(&j, old); err != nil {
		return nil, err
	}
	j.PauseReason, j.PausedUntil, j.PausedFrom, j.NextRunAt, j.DueAt = nil, nil, nil, nil, nil
	return &j, nil
}

// sameDocument reports whether a change changes nothing that a user wrote.
func sameDocument(a, b *job.Job) bool {
	one, err1 := json.Marshal(documentOf(a))
	two, err2 := json.Marshal(documentOf(b))
	return err1 == nil && err2 == nil && bytes.Equal(one, two) && maps.Equal(a.Request.Sealed, b.Request.Sealed)
}

// documentOf is the part of a job that a user writes.
func documentOf(j *job.Job) *document {
	return &document{Definition: j.Definition, Status: j.Status, PauseReason: j.PauseReason, PausedUntil: j.PausedUntil}
}
