package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// largest is an expression of about the greatest size that is allowed.
const largest = "(?:a?){240}b"

func compiled(t *testing.T, text string) *job.Pattern {
	t.Helper()
	p, err := job.CompilePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// An expression that was stored before sizes were bounded, or comes from elsewhere, is not compiled, and nothing is called for it.
func TestLargeStoredPatterns(t *testing.T) {
	target := answering(t, 200, "")
	b := newBench(t)
	for _, text := range []string{"(a?){1000}b", "(" + strings.Repeat("a?", 500) + "){1000}b", strings.Repeat("x", 1<<20)} {
		for _, success := range []job.Success{{BodyMatch: text}, {BodyNotMatch: text}} {
			e := b.expect(t, taskFor(target.URL, func(t *job.Task) { t.Policy.Success = success }), job.ReasonInvalidRequest)
			if e.State != job.StateFailed || e.Response != nil || !strings.Contains(errorOf(e.Attempt), "success.body_") {
				t.Errorf("%.20q: %s %s", text, e.State, errorOf(e.Attempt))
			}
		}
	}
	if len(b.rules.compiled) != 0 {
		t.Errorf("%d are kept", len(b.rules.compiled))
	}
}

// Matching ends with the attempt's time, and with the run that is canceled.
func TestMatchingEndsWithTheAttempt(t *testing.T) {
	target := answering(t, 200, strings.Repeat("a", maxBody))
	b := newBench(t)
	for range cap(b.matching.slots) {
		b.matching.slots <- struct{}{} // all that may match at once do so, for ever
	}
	task := taskFor(target.URL, attemptTimeoutOf(300*time.Millisecond), func(t *job.Task) { t.Policy.Success.BodyMatch = largest })
	e := b.expect(t, task, job.ReasonTimeout)
	if e.State != job.StateRetrying || !strings.Contains(errorOf(e.Attempt), "body_match") || e.Response.StatusCode != 200 {
		t.Errorf("%s, %s, %+v", e.State, errorOf(e.Attempt), e.Response)
	}
	quick := taskFor(target.URL, func(t *job.Task) { t.Policy.Success.BodyMatch = "^a+$" })
	b.expect(t, quick, job.ReasonOK)

	m := newMatching()
	ended, end := context.WithCancelCause(t.Context())
	end(job.ErrCanceled)
	if _, err := m.match(ended, compiled(t, largest), []byte(target.URL+strings.Repeat("a", maxBody))); !errors.Is(err, job.ErrCanceled) {
		t.Errorf("%v", err)
	}
	body := strings.Repeat("a", maxBody)
	r := &endingReader{ctx: ended, r: bytes.NewReader([]byte(body))}
	if compiled(t, largest).MatchReader(r) || r.read > checkEvery {
		t.Errorf("%d characters were matched after the end", r.read)
	}
}

// In pieces or whole, the verdict is the same.
func TestMatchingInPieces(t *testing.T) {
	m := newMatching()
	long := strings.Repeat("äb\xff", quickMatch/1600) // enough to be matched in pieces
	for text, want := range map[string]bool{
		"(?:z?){240}end$": true, "(?:z?){240}ende$": false, "^äb(?:z?){240}": true, "b.end(?:z?){240}$": true,
		`(?:\pL?){160}\xff`: false, "(?:z?){240}\uFFFDend": true, "": true,
	} {
		p := compiled(t, text)
		got, err := m.match(t.Context(), p, []byte(long+"end"))
		if whole := p.MatchString(long + "end"); err != nil || got != want || whole != want {
			t.Errorf("%q: %v, whole %v, %v", text, got, whole, err)
		}
	}
}

// What is kept compiled is bounded by its size, whatever the number.
func TestCompiledRulesAreBounded(t *testing.T) {
	var r rules
	for i := range maxRules {
		if _, err := r.of(&job.Success{BodyMatch: largest, BodyNotMatch: largest + fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, one := range r.compiled {
			size += one.size()
		}
		if size != r.size || size > maxRulesSize {
			t.Fatalf("after %d: %d, counted %d", i, size, r.size)
		}
	}
}
