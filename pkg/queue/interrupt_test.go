package queue

import (
	"context"
	"errors"
	"sync"
	"testing"

	"schedule-server/pkg/job"
)

// Only the call that is named is cut off, in whichever process it runs, and the
// run is not delivered again.
func TestInterruptCutsOffOneCall(t *testing.T) {
	x := newBench(t)
	entered, release := make(chan string, 2), make(chan struct{})
	var cut errorBox
	c := &calls{answer: func(ctx context.Context, task *job.Task, _ int) (job.Outcome, error) {
		entered <- task.RunID
		select {
		case <-ctx.Done():
			cut.put(task.RunID, context.Cause(ctx))
		case <-release:
		}
		return job.Outcome{}, nil
	}}
	stop := x.work(x.open("worker"), c)
	defer stop()
	x.enqueue("one", "two")
	<-entered
	<-entered
	eventually(t, "the call is cut off", func() bool {
		noError(t, x.b.Interrupt(x.ctx, []string{"one", "unknown"}))
		return cut.get("one") != nil
	})
	close(release)
	eventually(t, "both are done", func() bool { return x.state("one") == "completed" && x.state("two") == "completed" })
	if !errors.Is(cut.get("one"), job.ErrCanceled) || cut.get("two") != nil {
		t.Errorf("the calls ended by %v and %v", cut.get("one"), cut.get("two"))
	}
	if c.count() != 2 {
		t.Errorf("%d deliveries", c.count())
	}
}

// errorBox keeps errors by run.
type errorBox struct {
	mu   sync.Mutex
	errs map[string]error
}

func (b *errorBox) put(run string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.errs == nil {
		b.errs = map[string]error{}
	}
	b.errs[run] = err
}

func (b *errorBox) get(run string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.errs[run]
}
