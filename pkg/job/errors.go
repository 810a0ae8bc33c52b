package job

import (
	"errors"
	"fmt"
	"strings"

	"schedule-server/pkg/trigger"
)

// Code is a class of error that a caller can act on. The API maps each to one
// HTTP status.
type Code string

// The codes.
const (
	CodeInvalid            Code = "invalid"
	CodeMalformed          Code = "malformed"
	CodeNotFound           Code = "not_found"
	CodeConflict           Code = "conflict"
	CodePreconditionFailed Code = "precondition_failed"
	CodeUnauthorized       Code = "unauthorized"
	CodeForbidden          Code = "forbidden"
	CodeRateLimited        Code = "rate_limited"
	CodeTooLarge           Code = "too_large"
	CodeUnavailable        Code = "unavailable"
	CodeInternal           Code = "internal"
)

// FieldError is one fault in what a caller sent.
type FieldError struct {
	// Field is the path of the member, "schedule.expression".
	Field string `json:"field"`
	// Code is "required", "invalid", "unknown", "duplicate" or "unsupported"; of an import that prunes also "nothing_read",
	// "lines_skipped" or "too_many_deletes".
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codes of a FieldError that this package gives itself.
const (
	faultRequired  = "required"
	faultInvalid   = "invalid"
	faultUnknown   = "unknown"
	faultDuplicate = "duplicate"
)

// MaxFaults is how many faults of one input are named.
const MaxFaults = 100

// Error is an error with a code for callers.
type Error struct {
	Code Code
	// Detail is one sentence for the caller; it never holds a secret.
	Detail string
	// Fields name what is wrong, for CodeInvalid and CodeMalformed. May be empty.
	Fields []FieldError
	// Err is the cause, for operators. May be nil.
	Err error
}

// Error joins the detail, the fields and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Message)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// DetailOf is what callers may read of an error: its Detail. The cause of others may name hosts and users.
func DetailOf(err error) string {
	var known *Error
	if errors.As(err, &known) {
		return known.Detail
	}
	return "no answer"
}

// OptionError is a fault of one of the options that a room was given.
type OptionError struct {
	// Name is that of the flag that the option comes from, without dashes.
	Name string
	// Err says what is wrong and what to do. It shows no secret.
	Err error
}

// OptionErrorf makes an error about an option.
func OptionErrorf(name, format string, args ...any) *OptionError {
	return &OptionError{Name: name, Err: fmt.Errorf(format, args...)}
}

// Error names the option.
func (e *OptionError) Error() string { return "--" + e.Name + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *OptionError) Unwrap() error { return e.Err }

// Flag is the flag that the option comes from. Its value can never be right.
func (e *OptionError) Flag() (name string, usable bool) { return e.Name, false }

// Errorf makes an error with a code and a detail for the caller.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// ErrCanceled is the cause with which the context of a call ends whose run is
// canceled, as against that of a worker that stops.
var ErrCanceled = errors.New("the run is canceled")

// NotFound says that no such thing exists.
func NotFound(what, id string) *Error {
	return Errorf(CodeNotFound, "there is no %s with the id %q", what, id)
}

// Unreadable says that a job is stored in a way that this version cannot read.
func Unreadable(id string) *Error {
	return Errorf(CodeConflict, "the stored definition of the job %q cannot be read by this version: replace it whole, or delete the job", id)
}

// Unavailable says that a neighbour of the service, "the database" or "redis", does not answer.
func Unavailable(what string, err error) *Error {
	return &Error{Code: CodeUnavailable, Detail: what + " does not answer", Err: err}
}

// CodeOf is the code of an error, CodeInternal when it has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// invalid makes the error for faulty fields, nil when there are none.
func invalid(fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	detail := "1 field is invalid"
	if len(fields) > 1 {
		detail = fmt.Sprintf("%d fields are invalid", len(fields))
	}
	if len(fields) >= MaxFaults {
		fields = fields[:MaxFaults]
		detail = fmt.Sprintf("at least %d fields are invalid, and %d of them are named", MaxFaults, MaxFaults)
	}
	return &Error{Code: CodeInvalid, Detail: detail, Fields: fields}
}

// scheduleError turns the trigger room's errors into ours.
func scheduleError(err error) error { return invalid(scheduleFields(err)) }

func scheduleFields(err error) []FieldError {
	var faults trigger.Errors
	if !errors.As(err, &faults) {
		return []FieldError{{Field: "schedule", Code: "invalid", Message: err.Error()}}
	}
	fields := make([]FieldError, len(faults))
	for i, f := range faults {
		fields[i] = FieldError{Field: strings.TrimSuffix("schedule."+f.Field, "."), Code: f.Code, Message: f.Message}
	}
	return fields
}

// FieldErrorf makes the error for one faulty field: CodeInvalid, with the field's path, a code such as "invalid" or
// "required", and a message.
func FieldErrorf(field, code, format string, args ...any) error {
	return invalid([]FieldError{{Field: field, Code: code, Message: fmt.Sprintf(format, args...)}})
}

// ErrorOf is the *Error in the chain of err as a caller may see it. For an error of another kind, or one of
// CodeInternal, it is an *Error of CodeInternal that tells nothing of what went wrong.
func ErrorOf(err error) *Error {
	var e *Error
	if errors.As(err, &e) && e.Code != CodeInternal {
		return e
	}
	return &Error{Code: CodeInternal, Detail: "the service failed; its log has more under this request id"}
}
