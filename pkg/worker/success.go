package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"schedule-server/pkg/job"
)

// Bounds of the compiled success policies that are kept: how many, and how large their programs are in all.
const maxRules, maxRulesSize = 256, 64 * job.MaxPatternSize

// rule is a compiled success policy.
type rule struct {
	status          []statusRange
	match, notMatch *job.Pattern
}

// size is how large the programs of a rule are.
func (r *rule) size() int {
	size := 0
	for _, p := range []*job.Pattern{r.match, r.notMatch} {
		if p != nil {
			size += p.Size
		}
	}
	return size
}

type statusRange struct{ low, high int }

type ruleKey struct{ status, match, notMatch string }

// rules keeps compiled success policies, because most tasks share a few.
type rules struct {
	mu       sync.RWMutex
	compiled map[ruleKey]*rule
	// size is that of all of them.
	size int
}

// of compiles the policy, or finds it compiled. The error names what is wrong with it.
func (r *rules) of(s *job.Success) (*rule, error) {
	key := ruleKey{strings.Join(s.Status, " "), s.BodyMatch, s.BodyNotMatch}
	r.mu.RLock()
	known := r.compiled[key]
	r.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	made, err := compileRule(s)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.compiled[key] != nil {
		return made, nil // another call was faster
	}
	r.size += made.size()
	if r.compiled == nil || len(r.compiled) >= maxRules || r.size > maxRulesSize {
		r.compiled, r.size = make(map[ruleKey]*rule), made.size()
	}
	r.compiled[key] = made
	return made, nil
}

func compileRule(s *job.Success) (*rule, error) {
	patterns := s.Status
	if len(patterns) == 0 {
		patterns = job.DefaultPolicy().Success.Status
	}
	made := &rule{}
	for _, pattern := range patterns {
		low, high, err := job.StatusRange(pattern)
		if err != nil {
			return nil, fmt.Errorf("success.status: %w", err)
		}
		made.status = append(made.status, statusRange{low, high})
	}
	var err error
	if made.match, err = compilePattern(s.BodyMatch); err != nil {
		return nil, fmt.Errorf("success.body_match: %w", err)
	}
	if made.notMatch, err = compilePattern(s.BodyNotMatch); err != nil {
		return nil, fmt.Errorf("success.body_not_match: %w", err)
	}
	return made, nil
}

// compilePattern gives nil for an empty text.
func compilePattern(text string) (*job.Pattern, error) {
	if text == "" {
		return nil, nil
	}
	return job.CompilePattern(text)
}

// judgeStatus gives nil for a success.
func (r *rule) judgeStatus(code int) *fault {
	for _, s := range r.status {
		if s.low <= code && code <= s.high {
			return nil
		}
	}
	return statusFault(code)
}

// judgeBody gives nil for a success. The error says that ctx ended before that was known.
func (r *rule) judgeBody(ctx context.Context, m *matching, body []byte) (*fault, error) {
	if r.match != nil {
		if matched, err := m.match(ctx, r.match, body); err != nil || !matched {
			return &fault{job.ReasonBodyMismatch, errors.New("the answer does not match body_match")}, err
		}
	}
	if r.notMatch != nil {
		if matched, err := m.match(ctx, r.notMatch, body); err != nil || matched {
			return &fault{job.ReasonBodyMismatch, errors.New("the answer matches body_not_match")}, err
		}
	}
	return nil, nil
}
