package e2e

import (
	"strings"
	"testing"
	"time"
)

// outcome is what a command that has ended said, and its exit code.
type outcome struct {
	t    *testing.T
	args string
	text string
	code int
}

// command runs a program to its end.
func command(t *testing.T, program string, args ...string) outcome {
	t.Helper()
	p := start(t, program, args...)
	return p.outcome(t, args...)
}

// outcome waits for a command to end.
func (p *process) outcome(t *testing.T, args ...string) outcome {
	t.Helper()
	select {
	case <-p.Done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%v did not end:\n%s", args, p.Log.Tail(shown))
	}
	return outcome{t, strings.Join(args, " "), p.Log.String(), p.Cmd.ProcessState.ExitCode()}
}

// succeeds checks that a command ended well and said all that is wanted.
func (o outcome) succeeds(want ...string) outcome {
	o.t.Helper()
	if o.code != 0 {
		o.t.Fatalf("%s ended with %d and said:\n%s", o.args, o.code, o.text)
	}
	return o.said(want...)
}

// fails checks that a command refused, and said why.
func (o outcome) fails(want ...string) outcome {
	o.t.Helper()
	if o.code != 1 {
		o.t.Fatalf("%s ended with %d and said:\n%s", o.args, o.code, o.text)
	}
	return o.said(want...)
}

func (o outcome) said(want ...string) outcome {
	o.t.Helper()
	for _, text := range want {
		if !strings.Contains(o.text, text) {
			o.t.Errorf("%s did not say %q:\n%s", o.args, text, o.text)
		}
	}
	return o
}
