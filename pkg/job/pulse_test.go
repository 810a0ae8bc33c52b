package job

import (
	"errors"
	"testing"
	"time"
)

// A hiccup is no failure, and what fails, hangs or has not begun is said in words that hide the cause.
func TestPulse(t *testing.T) {
	now := time.Unix(1000, 0)
	p := NewPulse(func() time.Time { return now })
	check := func(what, want string) {
		t.Helper()
		got := ""
		if err := p.Beating(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	check("at first", "not begun yet")
	p.Moved()
	check("under way", "")
	p.Done(nil)
	p.Done(&Error{Code: CodeUnavailable, Detail: "redis refuses to work (NOPERM)", Err: errors.New("at 10.0.0.1")})
	now = now.Add(4 * time.Second)
	check("a hiccup", "")
	p.Done(errors.New("10.0.0.1 refused"))
	now = now.Add(2 * time.Second)
	check("a failure", "failing for 6s: no answer")
	p.Done(nil)
	check("well again", "")
	now = now.Add(29 * time.Second)
	check("resting", "")
	now = now.Add(time.Second)
	check("hanging", "stuck for 30s")
	if err := p.Failing(); err != nil {
		t.Errorf("what rests is failing: %v", err)
	}
	p.Moved()
	check("it moves", "")
}
