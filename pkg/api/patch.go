package api

import (
	"bytes"
	"context"
	"encoding/json"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"schedule-server/pkg/job"
)

// document is what a user writes of a job: what a merge patch sees, and what an export holds.
type document struct {
	job.Definition
	Status      job.Status   `json:"status"`
	PauseReason *string      `json:"pause_reason"`
	PausedUntil *job.Instant `json:"paused_until"`
}

// Patch changes a job by a JSON merge patch (RFC 7386) and answers it before
// and after. A dry run writes nothing.
func (s *Service) Patch(ctx context.Context, id string, patch []byte, ifVersion int64, dryRun bool) (before, after *job.Job, err error) {
	members, err := job.Members(patch)
	if err != nil {
		return nil, nil, err
	}
	change := func(old *job.Job, now job.Instant) (*job.Job, error) {
		if err := checkVersion(old, ifVersion); err != nil {
			return nil, err
		}
		in, err := s.merge(old, patch, members, now)
		if err != nil {
			return nil, err
		}
		return s.revise(old, in, now)
	}
	if !dryRun {
		return s.change(ctx, id, change)
	}
	if before, err = s.store.GetJob(ctx, id); err != nil {
		return nil, nil, err
	}
	if before.Unreadable {
		return nil, nil, job.Unreadable(id)
	}
	now := s.now()
	before = before.AsOf(s.parser, now)
	after, err = change(before, now)
	return before, after, err
}

// merge applies a patch to a job's document and reads the result as an input.
func (s *Service) merge(old *job.Job, patch []byte, members map[string]json.RawMessage, now job.Instant) (*job.Input, error) {
	doc := documentOf(old)
	if status, ok := members["status"]; ok && !bytes.Equal(status, []byte(`"paused"`)) {
		doc.PauseReason, doc.PausedUntil = nil, nil // they go with the pause, unless the patch itself holds on to them
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, &job.Error{Code: job.CodeInternal, Detail: "the job cannot be written as JSON", Err: err}
	}
	merged, err := jsonpatch.MergePatch(text, patch)
	if err != nil {
		return nil, job.Errorf(job.CodeMalformed, "the body is not a merge patch: %v", err)
	}
	return job.DecodeInput(merged, old.ID, s.parser, now)
}
