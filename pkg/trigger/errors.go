package trigger

import "strings"

// Codes of an Error.
const (
	// CodeRequired marks a member that is missing.
	CodeRequired = "required"
	// CodeInvalid marks a member whose value is wrong.
	CodeInvalid = "invalid"
	// CodeUnknown marks a member that does not exist.
	CodeUnknown = "unknown"
	// CodeUnsupported marks a value that other schedulers know and this one refuses; the message says what to
	// write instead.
	CodeUnsupported = "unsupported"
)

// Error is one fault in a Spec.
type Error struct {
	// Field is the path within the schedule: "expression", "fields.minute", "exclude[0].dates[1]".
	Field string `json:"field"`
	// Code is CodeRequired, CodeInvalid, CodeUnknown or CodeUnsupported.
	Code string `json:"code"`
	// Message says what is wrong and what would be right: "minute: 61 is outside 0-59".
	Message string `json:"message"`
}

// Error returns the path and the message.
func (e Error) Error() string { return e.Field + ": " + e.Message }

// maxErrors bounds how many faults of one Spec are named.
const maxErrors = 100

// Errors are the faults of one Spec, in the order of its members, the first 100 where there are more. Never empty when
// returned as an error.
type Errors []Error

// Error joins the faults with "; ".
func (e Errors) Error() string {
	parts := make([]string, len(e))
	for i, one := range e {
		parts[i] = one.Error()
	}
	return strings.Join(parts, "; ")
}

// faults collects Errors below one path.
type faults struct {
	path string
	list *Errors
}

func (f faults) add(code, message string) {
	if len(*f.list) >= maxErrors {
		return
	}
	*f.list = append(*f.list, Error{Field: f.path, Code: code, Message: message})
}

func (f faults) at(member string) faults {
	switch {
	case f.path == "":
		return faults{path: member, list: f.list}
	case strings.HasPrefix(member, "["):
		return faults{path: f.path + member, list: f.list}
	}
	return faults{path: f.path + "." + member, list: f.list}
}

// quote shows a piece of the user's text in a message, cut where it is long.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for cut > 0 && s[cut]&0xC0 == 0x80 { // never inside a UTF-8 sequence
			cut--
		}
		s = s[:cut] + "…"
	}
	return `"` + strings.ToValidUTF8(s, "�") + `"`
}
