package api

import (
	"fmt"

	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
)

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
func (b *ImportBatch) CheckPrune() error {
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
	for _, s := range skipped[:min(len(skipped), maxImportFaults)] {
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
