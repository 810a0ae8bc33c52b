package worker

import (
	"context"
	"fmt"

	"schedule-server/pkg/job"
)

// Try makes the task's call once, reports it to nobody, and tells what came of it.
// Hosts that are held back are called all the same: somebody wants to know. The
// error says that ctx ended before the call did.
func (w *Worker) Try(ctx context.Context, task *job.Task) (*job.Trial, error) {
	a := w.attempt(ctx, task, 1)
	if a.aborted {
		return nil, fmt.Errorf("a trial was cut off: %w", context.Cause(ctx))
	}
	return &job.Trial{Trigger: job.TriggerTest, Attempt: a.Attempt, Response: a.response}, nil
}
