package service

import (
	"context"
	"errors"
	"slices"

	"schedule-server/pkg/job"
)

// Limits of a change of many jobs.
const (
	maxBulk = 1_000_000
	// bulkChunk is how many jobs one transaction changes, so that claims get their turn.
	bulkChunk = 500
	// maxBulkErrors is how many refused jobs an answer names.
	maxBulkErrors = 1000
)

// BulkAction is what is done with many jobs.
type BulkAction string

// The bulk actions.
const (
	BulkPause  BulkAction = "pause"
	BulkResume BulkAction = "resume"
	BulkRun    BulkAction = "run"
	BulkDelete BulkAction = "delete"
	BulkTag    BulkAction = "tag"
	BulkUntag  BulkAction = "untag"
)

// Bulk asks for one action on many jobs.
type Bulk struct {
	Action BulkAction
	// IDs are the jobs; nil: those that Filter matches.
	IDs    []string
	Filter job.JobQuery
	// Tag is put on or taken off by BulkTag and BulkUntag.
	Tag string
}

// BulkResult says what a Bulk did.
type BulkResult struct {
	// Matched counts the jobs that exist among those asked for, Changed those on which the action did something.
	Matched int `json:"matched"`
	Changed int `json:"changed"`
	// Failed counts the jobs that were refused or not reached.
	Failed int `json:"failed"`
	// Errors names those, at most maxBulkErrors of them, in the order of their ids.
	Errors []BulkError `json:"errors"`
}

// BulkError is why one job was refused.
type BulkError struct {
	ID      string   `json:"id"`
	Code    job.Code `json:"code"`
	Message string   `json:"message"`
}

func (r *BulkResult) refuse(id string, err error) {
	r.Failed++
	if len(r.Errors) == maxBulkErrors {
		return
	}
	known := job.ErrorOf(err)
	message := known.Detail
	if len(known.Fields) > 0 {
		message = known.Fields[0].Message
	}
	r.Errors = append(r.Errors, BulkError{ID: id, Code: known.Code, Message: message})
}

// Bulk does one action with many jobs, a few hundred in a transaction, in the order of their ids. A job that
// cannot take part is named in the result and holds up no other. When the database
// refuses in the middle the result says what was done and that the rest was not; the error is for when nothing was.
func (s *Service) Bulk(ctx context.Context, b Bulk) (BulkResult, error) {
	result := BulkResult{Errors: []BulkError{}}
	ids := b.IDs
	if ids == nil {
		var err error
		if ids, err = s.store.MatchJobs(ctx, b.Filter, "", maxBulk); err != nil {
			return result, err
		}
	} else {
		ids = slices.Clone(ids)
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	for at := 0; at < len(ids); at += bulkChunk {
		chunk := ids[at:min(at+bulkChunk, len(ids))]
		done, err := s.bulkChunk(ctx, &b, chunk)
		if err != nil && result.Changed == 0 {
			return result, err
		}
		if err != nil {
			result.unreached(ids[at:], b.IDs == nil, err)
			return result, nil
		}
		for _, id := range chunk {
			if refusal := done.refused[id]; refusal != nil {
				result.refuse(id, refusal)
			}
		}
		result.Matched += done.matched
		result.Changed += done.changed
	}
	return result, nil
}

// unreached notes the jobs that are left when the database refuses, which are known to exist if they were looked up.
func (r *BulkResult) unreached(ids []string, exist bool, err error) {
	if exist {
		r.Matched += len(ids)
	}
	for _, id := range ids {
		r.refuse(id, err)
	}
}

// chunkResult is what became of a few hundred jobs.
type chunkResult struct {
	matched, changed int
	refused          map[string]error
}

// bulkChunk works on a few hundred jobs.
func (s *Service) bulkChunk(ctx context.Context, b *Bulk, ids []string) (chunkResult, error) {
	if b.Action == BulkRun {
		return s.runChunk(ctx, ids)
	}
	var done chunkResult
	var edits []job.Edit
	open, err := s.store.EditJobs(ctx, job.Pick{IDs: ids}, s.now, func(old []job.Job, now job.Instant) ([]job.Edit, error) {
		edits, done = nil, chunkResult{matched: len(old), refused: map[string]error{}}
		for _, id := range ids {
			done.refused[id] = job.NotFound("job", id)
		}
		for i := range old {
			delete(done.refused, old[i].ID)
			edit, err := s.bulkEdit(b, &old[i], now)
			switch {
			case err != nil:
				done.refused[old[i].ID] = err
			case edit != nil:
				edits = append(edits, *edit)
			}
		}
		done.changed = len(edits)
		return edits, nil
	})
	if err != nil {
		return chunkResult{}, err
	}
	s.edited(ctx, edits, open)
	return done, nil
}

// edited tells beat and the pages of many changes, and cancels the open runs of deleted jobs.
func (s *Service) edited(ctx context.Context, edits []job.Edit, open []job.Run) {
	if len(edits) == 0 {
		return
	}
	s.waker.call()
	s.publisher.Announce(job.NewsOfEdits(edits)...)
	s.cancelOpen(ctx, open)
}

// bulkEdit is what an action makes of one job; nil when there is nothing to do.
func (s *Service) bulkEdit(b *Bulk, old *job.Job, now job.Instant) (*job.Edit, error) {
	if old.Unreadable && b.Action != BulkDelete {
		return nil, job.Unreadable(old.ID)
	}
	j := *old
	j.UpdatedAt = now
	switch b.Action {
	case BulkDelete:
		return &job.Edit{ID: old.ID}, nil
	case BulkPause, BulkResume:
		if old.Status == job.StatusCompleted {
			return nil, completed()
		}
		if (old.Status == job.StatusPaused) == (b.Action == BulkPause) {
			return nil, nil
		}
		if b.Action == BulkPause {
			j.Pause(nil, "")
			break
		}
		schedule, err := old.Compile(s.parser)
		if err != nil {
			return nil, err
		}
		j.Resume(schedule, now)
	case BulkTag:
		if slices.Contains(old.Tags, b.Tag) {
			return nil, nil
		}
		if len(old.Tags) >= job.MaxTags {
			return nil, job.FieldErrorf("tags", "invalid", "there are at most %d tags", job.MaxTags)
		}
		j.Tags = append(slices.Clone(old.Tags), b.Tag)
		slices.Sort(j.Tags)
	case BulkUntag:
		if !slices.Contains(old.Tags, b.Tag) {
			return nil, nil
		}
		j.Tags = slices.DeleteFunc(slices.Clone(old.Tags), func(tag string) bool { return tag == b.Tag })
	}
	return &job.Edit{ID: old.ID, After: &j}, nil
}

// runChunk starts a run of each job by hand.
func (s *Service) runChunk(ctx context.Context, ids []string) (chunkResult, error) {
	var runs []job.Run
	now := s.now()
	tasks, refused, err := s.store.StartEach(ctx, ids, func(due *job.Due) ([]job.Run, error) {
		run := manualRun(due, now)
		if err := admit(&run, due, false); err != nil {
			return nil, err
		}
		return []job.Run{run}, nil
	})
	if err != nil {
		return chunkResult{}, err
	}
	done := chunkResult{matched: len(ids), changed: len(ids) - len(refused), refused: refused}
	for _, err := range refused {
		var known *job.Error
		if errors.As(err, &known) && known.Code == job.CodeNotFound {
			done.matched--
		}
	}
	for i := range tasks {
		runs = append(runs, job.Run{ID: tasks[i].RunID, JobID: tasks[i].JobID, Trigger: job.TriggerManual, State: job.StateQueued, ScheduledAt: now})
	}
	s.publisher.Announce(job.NewsOf(runs)...)
	s.deliver(ctx, tasks)
	return done, nil
}
