package worker

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"schedule-server/pkg/job"
)

// maxRules is how many different success policies are kept compiled.
const maxRules = 256

// rule is a compiled success policy.
type rule struct {
	status          []statusRange
	match, notMatch *regexp.Regexp
}

type statusRange struct{ low, high int }

type ruleKey struct{ status, match, notMatch string }

// rules keeps compiled success policies, because most tasks share a few.
type rules struct {
	mu       sync.RWMutex
	compiled map[ruleKey]*rule
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
	if r.compiled == nil || len(r.compiled) >= maxRules {
		r.compiled = make(map[ruleKey]*rule)
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
func compilePattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	return regexp.Compile(text)
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

// judgeBody gives nil for a success.
func (r *rule) judgeBody(body []byte) *fault {
	if r.match != nil && !r.match.Match(body) {
		return &fault{job.ReasonBodyMismatch, errors.New("the answer does not match body_match")}
	}
	if r.notMatch != nil && r.notMatch.Match(body) {
		return &fault{job.ReasonBodyMismatch, errors.New("the answer matches body_not_match")}
	}
	return nil
}
