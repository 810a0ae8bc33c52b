package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// How long a call waits for the queue, at most. The reconciler of a beat
// finishes what was not done by then.
const (
	enqueueWait = 2 * time.Second
	cancelWait  = 3 * time.Second
)

// Pause stops a job's schedule, until a moment in the future if one is given.
// Pausing a paused job changes until and reason. A completed job is a conflict.
func (s *Service) Pause(ctx context.Context, id string, until *job.Instant, reason string) (*job.Job, error) {
	if err := checkReason("reason", reason); err != nil {
		return nil, err
	}
	_, after, err := s.change(ctx, id, func(old *job.Job, now job.Instant) (*job.Job, error) {
		if err := checkUntil("until", until, now); err != nil {
			return nil, err
		}
		if old.Status == job.StatusCompleted {
			return nil, completed()
		}
		j := *old
		j.Pause(until, reason)
		j.UpdatedAt = now
		return &j, nil
	})
	return after, err
}

// Resume follows a paused job's schedule again from now on: what fell due in
// the pause is not made up for. An active job is left as it is; a completed one is a conflict.
func (s *Service) Resume(ctx context.Context, id string) (*job.Job, error) {
	return s.resume(ctx, id, func(_ *job.Job, now job.Instant) job.Instant { return now })
}

// CatchUp does the same from the first occurrence that the pause held back: beat
// judges what fell due since then by the job's misfire and coalesce policies.
func (s *Service) CatchUp(ctx context.Context, id string) (*job.Job, error) {
	return s.resume(ctx, id, func(j *job.Job, now job.Instant) job.Instant {
		if j.PausedFrom == nil {
			return now
		}
		return min(*j.PausedFrom-1, now)
	})
}

// resume plans a paused job's first occurrence after the moment that from gives.
func (s *Service) resume(ctx context.Context, id string, from func(*job.Job, job.Instant) job.Instant) (*job.Job, error) {
	_, after, err := s.change(ctx, id, func(old *job.Job, now job.Instant) (*job.Job, error) {
		switch old.Status {
		case job.StatusActive:
			return nil, nil
		case job.StatusCompleted:
			return nil, completed()
		}
		schedule, err := old.Compile(s.parser)
		if err != nil {
			return nil, err
		}
		j := *old
		j.Resume(schedule, from(old, now))
		j.UpdatedAt = now
		return &j, nil
	})
	return after, err
}

func completed() error {
	return job.Errorf(job.CodeConflict, "the job is completed: its schedule has no further occurrence")
}

// Delete removes a job. Its runs that have not started are canceled, now or, if
// the queue does not answer, by the reconciler; the history stays readable.
func (s *Service) Delete(ctx context.Context, id string, ifVersion int64) error {
	open, err := s.store.DeleteJob(ctx, id, max(ifVersion, AnyVersion), s.now())
	if err != nil {
		return err
	}
	s.waker.call()
	s.publisher.Announce(job.DeletionOf(id))
	s.cancelOpen(ctx, open)
	return nil
}

// cancelOpen cancels runs that are marked as to be canceled, now or, if the queue does not answer in time, by the
// reconciler of a beat.
func (s *Service) cancelOpen(ctx context.Context, open []job.Run) {
	if len(open) == 0 {
		return
	}
	s.bounded(ctx, s.cancelWait, func(ctx context.Context) {
		if _, err := s.publisher.Cancel(ctx, s.store, open, s.now); err != nil {
			s.logger.Warn("runs not canceled yet", "job_id", open[0].JobID, "runs", len(open), "error", err)
		}
	})
}

// bounded runs a piece of work and waits for it no longer than the limit, even
// where its neighbours do not heed their context. It outlives the call's own end.
func (s *Service) bounded(ctx context.Context, limit time.Duration, work func(context.Context)) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), limit)
	done := make(chan struct{})
	s.behind.Go(func() {
		defer stop()
		defer close(done)
		work(ctx)
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
}

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
	doc := DocumentOf(old)
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

// maxReason bounds pause_reason, in characters.
const maxReason = 1000

// revise makes the job that follows from an input over an old job, nil for
// none. What an edit does not touch keeps its plan: an occurrence that is due
// and not yet claimed is neither lost nor doubled by it.
func (s *Service) revise(old *job.Job, in *job.Input, now job.Instant) (*job.Job, error) {
	j := job.Job{Status: job.StatusActive, CreatedAt: now}
	if old != nil {
		j = *old
	}
	j.Definition, j.UpdatedAt, j.Unreadable = in.Definition, now, false
	if in.AnchorMade && old != nil && old.Schedule.Type == trigger.TypeInterval && old.Schedule.Every == j.Schedule.Every {
		j.Schedule.Anchor = old.Schedule.Anchor // the same definition sent again shifts no phase
	}
	if in.AnchorMade && old != nil && old.Schedule.Type == trigger.TypeCalendarInterval && old.Schedule.Period == j.Schedule.Period {
		j.Schedule.StartAt = old.Schedule.StartAt
	}
	if in.ZoneMade && old != nil && old.Schedule.TimeZone == "" && j.Schedule.Type != trigger.TypeDate {
		j.Schedule.TimeZone = "" // the server's own zone is for new jobs: this one was made in UTC
	}
	if err := s.seal(&j, old); err != nil {
		return nil, err
	}
	schedule, err := j.Compile(s.parser)
	if err != nil {
		return nil, err
	}
	rescheduled := old == nil || !job.SameSchedule(&old.Schedule, &j.Schedule)
	start := now
	if rescheduled {
		start = planFrom(&j.Schedule, now)
		if _, ok := schedule.Next(start); !ok {
			return nil, job.FieldErrorf("schedule", "invalid", "it never fires: it has no occurrence after %s", now)
		}
	}
	switch {
	case staysPaused(old, in):
		if err := pause(&j, old, in, now); err != nil {
			return nil, err
		}
		if rescheduled { // what the pause held back of another schedule is gone with that
			j.PausedFrom = first(schedule, start)
		}
		return &j, nil
	case rescheduled || old.Status == job.StatusPaused:
		j.Status, j.PauseReason, j.PausedUntil = job.StatusActive, nil, nil
		j.Plan(schedule, start)
	case j.NextRunAt != nil && old.Policy.Jitter != j.Policy.Jitter:
		due := *j.NextRunAt + j.Policy.JitterAt(schedule, j.ID, *j.NextRunAt)
		j.DueAt = &due
	}
	return &j, nil
}

// first is the first occurrence after a moment; nil when there is none.
func first(schedule *trigger.Schedule, after job.Instant) *job.Instant {
	next, ok := schedule.Next(after)
	if !ok {
		return nil
	}
	return &next
}

// planFrom is the moment after which the first occurrence of a new schedule is
// looked for: now, but for a date in the past, which the misfire policy judges.
func planFrom(spec *trigger.Spec, now job.Instant) job.Instant {
	if spec.Type == trigger.TypeDate && spec.At != nil && *spec.At <= now {
		return *spec.At - 1
	}
	return now
}

// staysPaused reports whether a job is paused after an edit. A status of
// completed is what a caller read and sends back: it asks for nothing.
func staysPaused(old *job.Job, in *job.Input) bool {
	if in.Status == nil || *in.Status == job.StatusCompleted {
		return old != nil && old.Status == job.StatusPaused
	}
	return *in.Status == job.StatusPaused
}

// pause takes the end and the reason of a pause from the input where it speaks
// of one, else from the old job.
func pause(j, old *job.Job, in *job.Input, now job.Instant) error {
	until, reason := in.PausedUntil, in.PauseReason
	if in.Status == nil || *in.Status != job.StatusPaused {
		until, reason = old.PausedUntil, old.PauseReason
	}
	text := ""
	if reason != nil {
		text = *reason
	}
	if err := checkReason("pause_reason", text); err != nil {
		return err
	}
	kept := old != nil && old.PausedUntil != nil && until != nil && *old.PausedUntil == *until
	if !kept {
		if err := checkUntil("paused_until", until, now); err != nil {
			return err
		}
	}
	j.Pause(until, text)
	return nil
}

func checkUntil(field string, until *job.Instant, now job.Instant) error {
	if until != nil && *until <= now {
		return job.FieldErrorf(field, "invalid", "%s is in the past; now is %s", *until, now)
	}
	return nil
}

func checkReason(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > maxReason {
		return job.FieldErrorf(field, "invalid", "a reason is at most %d characters, without NUL", maxReason)
	}
	return nil
}
