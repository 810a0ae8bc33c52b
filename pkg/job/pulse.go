package job

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// failingFor is how long something fails until that is more than a hiccup.
	failingFor = 5 * time.Second
	// stillFor is how long nothing moves until it counts as stuck.
	stillFor = 30 * time.Second
)

// ErrStalled is the cause of an error that says that work which is to be done is not.
var ErrStalled = errors.New("nobody does it")

// Stalled makes an error that says what is not being done.
func Stalled(format string, args ...any) error {
	return &Error{Code: CodeUnavailable, Detail: fmt.Sprintf(format, args...), Err: ErrStalled}
}

// Pulse tells whether work that is to be done again and again is being done. It goes by
// distances alone. Make it with NewPulse.
type Pulse struct {
	clock func() time.Time

	mu    sync.Mutex
	begun bool
	moved time.Time
	// failed is since when it fails, err why. Nil: it does not.
	failed time.Time
	err    error
}

// NewPulse makes a Pulse of work that has not begun yet. Nil: the clock of the machine.
func NewPulse(clock func() time.Time) *Pulse {
	if clock == nil {
		clock = time.Now
	}
	return &Pulse{clock: clock}
}

// Moved notes that the work goes on, though it may not be done.
func (p *Pulse) Moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = p.clock()
}

// Done notes how a piece of work ended.
func (p *Pulse) Done(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun, p.moved = true, p.clock()
	if err != nil && p.err == nil {
		p.failed = p.moved
	}
	p.err = err
}

// Failing is why the work has failed for a while; nil when it does not.
func (p *Pulse) Failing() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := p.clock().Sub(p.failed); p.err != nil && since >= failingFor {
		return Errorf(CodeUnavailable, "failing for %s: %s", since.Round(time.Second), DetailOf(p.err))
	}
	return nil
}

// Beating is why the work is not being done: it fails, is stuck, or has not begun.
func (p *Pulse) Beating() error {
	if err := p.Failing(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun && p.err == nil && p.moved.IsZero() {
		return Errorf(CodeUnavailable, "not begun yet")
	}
	if still := p.clock().Sub(p.moved); still >= stillFor {
		return Errorf(CodeUnavailable, "stuck for %s", still.Round(time.Second))
	}
	return nil
}
