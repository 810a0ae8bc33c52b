package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
)

// MaxImport is how many jobs one import may hold.
const MaxImport = 20_000

// maxImportFaults is how many faults of an import are named.
const maxImportFaults = 100

// DefaultMaxDeletes is how many jobs an import deletes without being told a number.
const DefaultMaxDeletes = 10

// ImportOptions say how an import is done.
type ImportOptions struct {
	// DryRun writes nothing.
	DryRun bool
	// Prune deletes every job that is not among those imported.
	Prune bool
	// MaxDeletes is how many jobs Prune may delete; more refuse the whole import.
	MaxDeletes int
	// Confirmed are the ids that may be deleted, which somebody was shown. Nil: any.
	Confirmed map[string]bool
	// Described is how many jobs of each action Imported.Jobs describes. Zero: 200.
	Described int
}

// Imported says what an import did, or in a dry run would do: the ids, each list in order.
type Imported struct {
	DryRun bool `json:"dry_run"`
	// Format is how the file is written.
	Format    Format   `json:"format"`
	Created   []string `json:"created"`
	Updated   []string `json:"updated"`
	Unchanged []string `json:"unchanged"`
	Deleted   []string `json:"deleted"`
	// Skipped are the lines of a crontab, or the rows of a SQLite file, that became no job.
	Skipped []crontab.Skipped `json:"skipped"`
	// Warnings say what of a job is not carried over, and which dates are in the past, at most maxChanges of these.
	Warnings []ImportWarning `json:"warnings"`
	// Refused says why the same import would be refused if it were no dry run. Nil: it would not.
	Refused *job.FieldError `json:"refused,omitempty"`
	// Jobs describes the jobs, the deleted ones first, the unchanged ones last; not all of them if there are many.
	Jobs []ImportedJob `json:"jobs"`
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
// plan. The error names every faulty job by its place; it is a *PruneError where
// more would be deleted than may be.
func (s *Service) Import(ctx context.Context, batch *ImportBatch, o ImportOptions) (Imported, error) {
	sources, skipped, err := batch.distinct()
	if err != nil {
		return Imported{}, err
	}
	secrets, err := s.secretNames(ctx, sources)
	if err != nil {
		return Imported{}, err
	}
	pick := job.Pick{IDs: make([]string, len(sources)), Others: o.Prune}
	for i := range sources {
		pick.IDs[i] = sources[i].ID
	}
	var plan importPlan
	decide := func(old []job.Job, now job.Instant) ([]job.Edit, error) {
		plan = importPlan{service: s, batch: batch, options: o, secrets: secrets, now: now, result: newImported(batch, o)}
		plan.result.Skipped = append(plan.result.Skipped, skipped...)
		err := plan.decide(sources, old)
		return plan.edits, err
	}
	if o.DryRun {
		now := s.now()
		old, err := s.store.PickJobs(ctx, pick, now)
		if err == nil {
			_, err = decide(old, now)
		}
		if err != nil {
			return Imported{}, err
		}
		return plan.described(), nil
	}
	open, err := s.store.EditJobs(ctx, pick, s.now, decide)
	if err != nil {
		return Imported{}, err
	}
	plan.result.Changes = nil
	s.edited(ctx, plan.edits, open, false)
	return plan.described(), nil
}

func newImported(batch *ImportBatch, o ImportOptions) Imported {
	return Imported{
		DryRun: o.DryRun, Format: batch.Format, Created: []string{}, Updated: []string{}, Unchanged: []string{}, Deleted: []string{},
		Skipped: append([]crontab.Skipped{}, batch.Skipped...), Warnings: append([]ImportWarning{}, batch.Warnings...), Jobs: []ImportedJob{},
	}
}

// distinct are the jobs of a batch, no two of one id. It refuses too many jobs, and two of
// one id; of jobs that may be skipped the second is.
func (b *ImportBatch) distinct() (sources []Source, skipped []crontab.Skipped, err error) {
	if len(b.Jobs) > MaxImport {
		return nil, nil, fieldError("jobs", "invalid", "an import holds at most %d jobs", MaxImport)
	}
	first := make(map[string]string, len(b.Jobs))
	var faults []job.FieldError
	for _, source := range b.Jobs {
		place, double := first[source.ID]
		fault := job.FieldError{Field: source.Place + ".id", Code: "invalid", Message: fmt.Sprintf("%s has the same id %q", place, source.ID)}
		switch {
		case !double:
			first[source.ID] = source.Place
			sources = append(sources, source)
		case source.Line > 0:
			skipped = append(skipped, source.skip(fault))
		default:
			faults = append(faults, fault)
		}
	}
	return sources, skipped, importFaults(faults)
}

// skip lists a job among those that were skipped.
func (s *Source) skip(fault job.FieldError) crontab.Skipped {
	return crontab.Skipped{Line: s.Line, Text: s.Text, Reason: fmt.Sprintf("%s: %s", strings.TrimPrefix(fault.Field, s.Place+"."), fault.Message)}
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
	service *Service
	batch   *ImportBatch
	options ImportOptions
	// secrets are those that exist. Nil: no job of the import uses one.
	secrets map[string]bool
	now     job.Instant
	result  Imported
	edits   []job.Edit
	steps   []importStep
	faults  []job.FieldError
	// pastDates counts the warnings of dates in the past.
	pastDates int
}

// decide plans what becomes of the jobs of a file, and of those beside them. It plans nothing in part.
func (p *importPlan) decide(sources []Source, old []job.Job) error {
	byID := make(map[string]*job.Job, len(old))
	for i := range old {
		byID[old[i].ID] = &old[i]
	}
	for i := range sources {
		source := &sources[i]
		before := byID[source.ID]
		delete(byID, source.ID)
		after, err := p.service.imported(before, source.Input, p.now)
		if err == nil {
			err = p.checkSecrets(after)
		}
		switch {
		case err == nil:
			p.add(source.Place, before, after)
			p.warn(after)
		case source.Line > 0 && job.CodeOf(err) == job.CodeInvalid:
			p.result.Skipped = append(p.result.Skipped, source.skip(faultsAt(source.Place, err)[0]))
		default:
			p.faults = append(p.faults, faultsAt(source.Place, err)...)
		}
	}
	for i := range old { // those left over are pruned, in the order of their ids
		if j := byID[old[i].ID]; j != nil {
			p.result.Deleted = append(p.result.Deleted, j.ID)
			p.edits = append(p.edits, job.Edit{ID: j.ID})
			p.steps = append(p.steps, importStep{action: ImportDeleted, before: j})
		}
	}
	slices.Sort(p.result.Created)
	slices.Sort(p.result.Updated)
	slices.Sort(p.result.Unchanged)
	slices.SortFunc(p.result.Skipped, func(a, b crontab.Skipped) int { return a.Line - b.Line })
	if err := importFaults(p.faults); err != nil {
		return err
	}
	return p.checkPrune()
}

// secretNames are the secrets that exist; nil if no job of an import uses one.
func (s *Service) secretNames(ctx context.Context, sources []Source) (map[string]bool, error) {
	if !slices.ContainsFunc(sources, func(source Source) bool { return len(source.Request.SecretUses()) > 0 }) {
		return nil, nil
	}
	all, err := s.store.ListSecrets(ctx)
	names := make(map[string]bool, len(all))
	for i := range all {
		names[all[i].Name] = true
	}
	return names, err
}

// checkSecrets refuses a job that uses a secret which does not exist. The store does so too, but only
// when it writes, and without the place.
func (p *importPlan) checkSecrets(j *job.Job) error {
	for _, use := range j.Request.SecretUses() {
		if !p.secrets[use.Name] {
			return fieldError(use.Field, "invalid", "there is no secret %q, which the job %q uses", use.Name, j.ID)
		}
	}
	return nil
}

// add sorts one job in.
func (p *importPlan) add(place string, before, after *job.Job) {
	step := importStep{action: ImportUpdated, place: place, before: before, after: after}
	switch {
	case before == nil:
		step.action = ImportCreated
		p.result.Created = append(p.result.Created, after.ID)
	case sameDocument(before, after):
		step.action = ImportUnchanged
		p.result.Unchanged = append(p.result.Unchanged, after.ID)
	default:
		p.result.Updated = append(p.result.Updated, after.ID)
		if len(p.result.Changes) < maxChanges {
			p.result.Changes = append(p.result.Changes, ImportChange{ID: after.ID, Before: documentOf(before), After: documentOf(after)})
		}
	}
	p.steps = append(p.steps, step)
	if step.action != ImportUnchanged {
		p.edits = append(p.edits, job.Edit{ID: after.ID, After: after})
	}
}

// warn notes a job whose date is in the past and still to be dealt with.
func (p *importPlan) warn(j *job.Job) {
	past, ok := j.PastDate(p.now)
	if !ok || p.pastDates >= maxChanges {
		return
	}
	if schedule, err := j.Compile(p.service.parser); err == nil {
		p.pastDates++
		p.result.Warnings = append(p.result.Warnings, ImportWarning{j.ID, past.Warning(schedule, *j.Schedule.At).Message})
	}
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
