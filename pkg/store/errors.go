package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

// callerError carries the error of a function that the caller passed in through
// a transaction, to come out as it was.
type callerError struct{ err error }

func (e callerError) Error() string { return e.err.Error() }

// fail turns an error of a driver into one for callers.
func fail(doing string, err error) error {
	err = plain(err)
	var own callerError
	var known *job.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.err
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return job.Unavailable("the database", fmt.Errorf("%s: %w", doing, err))
	}
	switch classify(err) {
	case faultAway, faultBusy, faultAgain:
		return &job.Error{Code: job.CodeUnavailable, Detail: "the database " + ails(err), Err: fmt.Errorf("%s: %w", doing, err)}
	case faultDuplicate:
		return &job.Error{Code: job.CodeConflict, Detail: "there is one with this id already", Err: fmt.Errorf("%s: %w", doing, err)}
	}
	return &job.Error{Code: job.CodeInternal, Detail: "the database refused a statement", Err: fmt.Errorf("%s: %w", doing, err)}
}

// storable reports whether a text can be a value in both databases: PostgreSQL
// takes neither NUL nor broken UTF-8, so nothing is stored under such an id.
func storable(texts ...string) bool {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}
