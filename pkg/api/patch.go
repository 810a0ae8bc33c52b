package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"schedule-server/pkg/job"
)

// patchTries is how often a patch is merged anew because the job was changed meanwhile.
const patchTries = 50

// errMoved says that a job is not any more as a patch was merged into it.
var errMoved = errors.New("the job was changed meanwhile")

// document is what a user writes of a job: what a merge patch sees, and what an export holds.
type document struct {
	job.Definition
	Status      job.Status   `json:"status"`
	PauseReason *string      `json:"pause_reason"`
	PausedUntil *job.Instant `json:"paused_until"`
}

// Patch changes a job by a JSON merge patch (RFC 7386) and answers it before
// and after. A dry run writes nothing. The patch is merged and read before the job is held
// for the change, so that a large one keeps nobody from writing.
func (s *Service) Patch(ctx context.Context, id string, patch []byte, ifVersion int64, dryRun bool) (before, after *job.Job, err error) {
	members, err := job.Members(patch)
	if err != nil {
		return nil, nil, err
	}
	for range patchTries {
		before, after, err = s.patch(ctx, id, members, ifVersion, dryRun)
		if !errors.Is(err, errMoved) {
			return before, after, err
		}
	}
	return nil, nil, job.Errorf(job.CodeConflict, "others are changing the job: try again")
}

func (s *Service) patch(ctx context.Context, id string, patch map[string]json.RawMessage, ifVersion int64, dryRun bool) (before, after *job.Job, err error) {
	if before, err = s.store.GetJob(ctx, id); err != nil {
		return nil, nil, err
	}
	if before.Unreadable {
		return nil, nil, job.Unreadable(id)
	}
	now := s.now()
	before = before.AsOf(s.parser, now)
	if err := checkVersion(before, ifVersion); err != nil {
		return nil, nil, err
	}
	in, err := s.merge(before, patch, now)
	if err != nil {
		return nil, nil, err
	}
	if dryRun {
		after, err = s.revise(before, in, now)
		return before, after, err
	}
	return s.change(ctx, id, func(old *job.Job, now job.Instant) (*job.Job, error) {
		if err := checkVersion(old, ifVersion); err != nil {
			return nil, err
		}
		if old.Version != before.Version || old.Status != before.Status {
			return nil, errMoved
		}
		return s.revise(old, in, now)
	})
}

// merge applies a patch to a job's document and reads the result as an input.
func (s *Service) merge(old *job.Job, patch map[string]json.RawMessage, now job.Instant) (*job.Input, error) {
	doc := documentOf(old)
	if status, ok := patch["status"]; ok && !bytes.Equal(status, []byte(`"paused"`)) {
		doc.PauseReason, doc.PausedUntil = nil, nil // they go with the pause, unless the patch itself holds on to them
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, &job.Error{Code: job.CodeInternal, Detail: "the job cannot be written as JSON", Err: err}
	}
	merged, err := mergePatch(text, patch)
	if err != nil {
		return nil, job.Errorf(job.CodeMalformed, "the body is not a merge patch: %v", err)
	}
	return job.DecodeInput(merged, old.ID, s.parser, now)
}

// mergePatch is MergePatch of RFC 7386, section 2, for a patch that is an object: what is no object in the target
// counts as an empty one, null removes a member, objects are merged, and anything else replaces. Each level is read
// once more than the one above: job.MaxDepth bounds a patch.
func mergePatch(target json.RawMessage, patch map[string]json.RawMessage) (json.RawMessage, error) {
	merged := map[string]json.RawMessage{}
	if isObject(target) {
		if err := json.Unmarshal(target, &merged); err != nil {
			return nil, err
		}
	}
	for name, value := range patch {
		switch {
		case string(value) == "null":
			delete(merged, name)
		case isObject(value):
			var inner map[string]json.RawMessage
			if err := json.Unmarshal(value, &inner); err != nil {
				return nil, err
			}
			into, err := mergePatch(merged[name], inner)
			if err != nil {
				return nil, err
			}
			merged[name] = into
		default:
			merged[name] = value
		}
	}
	return json.Marshal(merged)
}

func isObject(text json.RawMessage) bool { return len(text) > 0 && text[0] == '{' }
