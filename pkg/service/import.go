package service

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"schedule-server/pkg/access"
	"schedule-server/pkg/crontab"
	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

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
	// IfPlan refuses the import unless its Imported.Plan is this one. Empty: it is not looked at.
	IfPlan string
}

// Imported says what an import did, or in a dry run would do: the ids, each list in order.
type Imported struct {
	DryRun bool `json:"dry_run"`
	// Plan stands for what is done with which version of which job: it is another one as soon as somebody changes one of them.
	Plan string `json:"plan"`
	// Format is how the file is written.
	Format    importer.Format `json:"format"`
	Created   []string        `json:"created"`
	Updated   []string        `json:"updated"`
	Unchanged []string        `json:"unchanged"`
	Deleted   []string        `json:"deleted"`
	// Skipped are the lines of a crontab, or the rows of a SQLite file, that became no job.
	Skipped []crontab.Skipped `json:"skipped"`
	// Warnings say what of a job is not carried over, and which dates are in the past, at most maxChanges of these.
	Warnings []importer.Warning `json:"warnings"`
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
func (s *Service) Import(ctx context.Context, batch *importer.Batch, o ImportOptions) (Imported, error) {
	sources, skipped, err := distinct(batch)
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
	s.edited(ctx, plan.edits, open)
	return plan.described(), nil
}

func newImported(batch *importer.Batch, o ImportOptions) Imported {
	return Imported{
		DryRun: o.DryRun, Format: batch.Format, Created: []string{}, Updated: []string{}, Unchanged: []string{}, Deleted: []string{},
		Skipped: append([]crontab.Skipped{}, batch.Skipped...), Warnings: append([]importer.Warning{}, batch.Warnings...), Jobs: []ImportedJob{},
	}
}

// distinct are the jobs of a batch, no two of one id. It refuses too many jobs, and two of
// one id; of jobs that may be skipped the second is.
func distinct(b *importer.Batch) (sources []importer.Source, skipped []crontab.Skipped, err error) {
	if len(b.Jobs) > importer.MaxJobs {
		return nil, nil, job.FieldErrorf("jobs", "invalid", "an import holds at most %d jobs", importer.MaxJobs)
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
			skipped = append(skipped, skip(&source, fault))
		default:
			faults = append(faults, fault)
		}
	}
	return sources, skipped, importer.Refuse(faults)
}

// skip lists a job among those that were skipped.
func skip(s *importer.Source, fault job.FieldError) crontab.Skipped {
	return crontab.Skipped{Line: s.Line, Text: s.Text, Reason: fmt.Sprintf("%s: %s", strings.TrimPrefix(fault.Field, s.Place+"."), fault.Message)}
}

// importPlan is what an import is going to do.
type importPlan struct {
	service *Service
	batch   *importer.Batch
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
func (p *importPlan) decide(sources []importer.Source, old []job.Job) error {
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
			p.result.Skipped = append(p.result.Skipped, skip(source, importer.FaultsAt(source.Place, err)[0]))
		default:
			p.faults = append(p.faults, importer.FaultsAt(source.Place, err)...)
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
	if err := importer.Refuse(p.faults); err != nil {
		return err
	}
	p.result.Plan = p.fingerprint()
	if p.options.IfPlan != "" && p.options.IfPlan != p.result.Plan {
		return job.Errorf(job.CodePreconditionFailed, "nothing was imported: jobs were changed after the plan was made; make a new plan")
	}
	return p.checkPrune()
}

// fingerprint is what Imported.Plan is.
func (p *importPlan) fingerprint() string {
	lines := make([]string, len(p.steps))
	for i := range p.steps {
		step := &p.steps[i]
		version := int64(0)
		if step.before != nil {
			version = step.before.Version
		}
		lines[i] = fmt.Sprintf("%q %s %d\n", step.job().ID, step.action, version)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:16])
}

// secretNames are the secrets that exist; nil if no job of an import uses one.
func (s *Service) secretNames(ctx context.Context, sources []importer.Source) (map[string]bool, error) {
	if !slices.ContainsFunc(sources, func(source importer.Source) bool { return len(source.Request.SecretUses()) > 0 }) {
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
			return job.FieldErrorf(use.Field, "invalid", "there is no secret %q, which the job %q uses", use.Name, j.ID)
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
			p.result.Changes = append(p.result.Changes, ImportChange{ID: after.ID, Before: DocumentOf(before), After: DocumentOf(after)})
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
		p.result.Warnings = append(p.result.Warnings, importer.Warning{ID: j.ID, Message: past.Warning(schedule, *j.Schedule.At).Message})
	}
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
	one, err1 := json.Marshal(DocumentOf(a))
	two, err2 := json.Marshal(DocumentOf(b))
	return err1 == nil && err2 == nil && bytes.Equal(one, two) && maps.Equal(a.Request.Sealed, b.Request.Sealed)
}

// DocumentOf is the part of a job that a user writes.
func DocumentOf(j *job.Job) *document {
	return &document{Definition: j.Definition, Status: j.Status, PauseReason: j.PauseReason, PausedUntil: j.PausedUntil}
}

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

// Codes for why an import that prunes is refused.
const (
	faultNothingRead    = "nothing_read"
	faultLinesSkipped   = "lines_skipped"
	faultTooManyDeletes = "too_many_deletes"
)

// PruneError refuses an import that would delete more jobs than it may. It unwraps to an *job.Error: CodeConflict.
type PruneError struct {
	// Deletes are the jobs that would be deleted.
	Deletes Deletes
	err     *job.Error
}

// Deletes says which jobs an import would delete.
type Deletes struct {
	Total int `json:"total"`
	// IDs are the first of them, at most 100.
	IDs []string `json:"ids"`
}

// maxRefusedIDs is how many ids a refusal names.
const maxRefusedIDs = 100

// Error joins what is refused and why.
func (e *PruneError) Error() string { return e.err.Error() }

// Unwrap gives the error with its code.
func (e *PruneError) Unwrap() error { return e.err }

// CheckPrune refuses to delete by a file in which nothing was read, or of which something was
// skipped: what is missing in it is no sign that a job is to go. It needs no database.
func CheckPrune(b *importer.Batch) error {
	fault := pruneFault(len(b.Jobs), b.Skipped)
	if fault == nil {
		return nil
	}
	return refusePrune(*fault, b.Skipped)
}

func pruneFault(jobs int, skipped []crontab.Skipped) *job.FieldError {
	switch {
	case jobs == 0:
		return &job.FieldError{Field: "prune", Code: faultNothingRead, Message: "no job was read, and prune would delete all"}
	case len(skipped) == 1:
		return &job.FieldError{Field: "prune", Code: faultLinesSkipped, Message: "1 line was skipped, and prune would delete the job it may have made before"}
	case len(skipped) > 1:
		return &job.FieldError{Field: "prune", Code: faultLinesSkipped,
			Message: fmt.Sprintf("%d lines were skipped, and prune would delete the jobs they may have made before", len(skipped))}
	}
	return nil
}

// refusePrune is the error for a file by which nothing may be deleted. It names the lines that were skipped.
func refusePrune(fault job.FieldError, skipped []crontab.Skipped) error {
	e := &job.Error{Code: job.CodeInvalid, Detail: "nothing was imported: the file cannot be used to prune", Fields: []job.FieldError{fault}}
	for _, s := range skipped[:min(len(skipped), importer.MaxFaults)] {
		e.Fields = append(e.Fields, job.FieldError{Field: fmt.Sprintf("line %d", s.Line), Code: "unsupported", Message: s.Reason})
	}
	return e
}

// checkPrune refuses a plan that deletes what it should not. A dry run only notes that.
func (p *importPlan) checkPrune() error {
	if !p.options.Prune {
		return nil
	}
	deleted := p.result.Deleted
	if fault := pruneFault(len(p.batch.Jobs), p.result.Skipped); fault != nil {
		return p.refuse(*fault, refusePrune(*fault, p.result.Skipped))
	}
	if p.options.Confirmed != nil {
		for _, id := range deleted {
			if !p.options.Confirmed[id] {
				return job.Errorf(job.CodeConflict, "nothing was imported: the job %q was made after you were asked what to delete", id)
			}
		}
	}
	if len(deleted) <= p.options.MaxDeletes {
		return nil
	}
	fault := job.FieldError{Field: "max_deletes", Code: faultTooManyDeletes,
		Message: fmt.Sprintf("%d jobs would be deleted, more than max_deletes, which is %d", len(deleted), p.options.MaxDeletes)}
	return p.refuse(fault, &PruneError{
		Deletes: Deletes{Total: len(deleted), IDs: deleted[:min(len(deleted), maxRefusedIDs)]},
		err: &job.Error{Code: job.CodeConflict, Fields: []job.FieldError{fault},
			Detail: fmt.Sprintf("nothing was imported: prune would delete %d jobs", len(deleted))},
	})
}

func (p *importPlan) refuse(fault job.FieldError, err error) error {
	if p.options.DryRun {
		p.result.Refused = &fault
		return nil
	}
	return err
}
