package queue

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// admission decides whether the commands of this process may reach its Redis. A
// command that may not fails as it would if Redis were away, so that everything waits
// as it does then. It is a hook of every client.
type admission struct {
	refused atomic.Pointer[job.Error]
	mu      sync.Mutex
	changed chan struct{} // closed at the next change
}

// newAdmission admits everything.
func newAdmission() *admission { return &admission{changed: make(chan struct{})} }

// set admits, or refuses with an error. It reports whether that is a change.
func (a *admission) set(refused *job.Error) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.refused.Swap(refused)
	if (before == nil) == (refused == nil) && (refused == nil || before.Detail == refused.Detail) {
		return false
	}
	close(a.changed)
	a.changed = make(chan struct{})
	return true
}

// state is why commands are refused, nil if they are not, and what closes when that changes.
func (a *admission) state() (refused *job.Error, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused.Load(), a.changed
}

// refuses reports whether commands are refused.
func (a *admission) refuses() bool { return a != nil && a.refused.Load() != nil }

// examining marks a context whose commands are admitted in any case: they find out whether others may be.
type examining struct{}

// harmless are the commands that make a connection, and read or write no data.
var harmless = map[string]bool{
	"hello": true, "auth": true, "select": true, "client": true, "ping": true, "readonly": true, "cluster": true, "info": true,
}

func (a *admission) check(ctx context.Context, cmds ...redis.Cmder) error {
	refused := a.refused.Load()
	if refused == nil || ctx.Value(examining{}) != nil {
		return nil
	}
	for _, cmd := range cmds {
		if !harmless[cmd.Name()] {
			return refused
		}
	}
	return nil
}

// DialHook changes nothing.
func (a *admission) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook refuses a command.
func (a *admission) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := a.check(ctx, cmd); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook refuses all commands of a pipeline.
func (a *admission) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := a.check(ctx, cmds...); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// While runs a part of the process while its commands may reach Redis: the part's
// context ends when they are refused, and the part is run again when they are admitted.
func (b *Broker) While(part func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			refused, changed := b.admission.state()
			if refused != nil {
				select {
				case <-changed:
				case <-ctx.Done():
				}
				continue
			}
			admitted, end := context.WithCancel(ctx)
			go func() {
				defer end()
				select {
				case <-changed:
				case <-admitted.Done():
				}
			}()
			err := part(admitted)
			byItself := admitted.Err() == nil
			end()
			if err != nil || byItself {
				return err
			}
		}
		return nil
	}
}
