package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"schedule-server/pkg/trigger"
)

// Decode reads a JSON object into dst, a pointer to a struct, and names every
// member that is unknown, there twice or of the wrong type by its path. Members that are
// absent, or null where dst has no pointer, leave dst as it was: fill it with
// the defaults first. The error is an *Error: CodeMalformed for what is no JSON
// object, CodeInvalid with Fields otherwise.
func Decode(data []byte, dst any) error {
	whole, err := readObject(data)
	if err != nil {
		return err
	}
	value := reflect.ValueOf(dst).Elem()
	d := decoder{root: value.Type(), faults: duplicates(whole)}
	d.object(whole, "", value)
	return invalid(d.faults)
}

// MaxDepth is how deep the objects and lists of what Members reads may be nested. A job has six levels.
const MaxDepth = 16

// Members reads a JSON object and returns its members. The error is that of Decode, CodeMalformed also
// for what is nested deeper than MaxDepth.
func Members(data []byte) (map[string]json.RawMessage, error) {
	whole, err := readObject(data)
	if err != nil {
		return nil, err
	}
	if deeperThan(whole, MaxDepth) {
		return nil, Errorf(CodeMalformed, "the body is nested deeper than %d levels", MaxDepth)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(whole, &members); err != nil {
		return nil, malformed(data, err)
	}
	return members, invalid(duplicates(whole))
}

// readObject returns the JSON object that data is, without the space around it.
func readObject(data []byte) (json.RawMessage, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, malformed(data, err)
	}
	if whole = bytes.TrimSpace(whole); whole[0] != '{' {
		return nil, &Error{Code: CodeMalformed, Detail: "the body is not a JSON object"}
	}
	return whole, nil
}

func malformed(data []byte, err error) error {
	var syntax *json.SyntaxError
	if len(bytes.TrimSpace(data)) == 0 {
		return &Error{Code: CodeMalformed, Detail: "the body is empty; a JSON object is expected"}
	}
	if errors.As(err, &syntax) {
		return &Error{Code: CodeMalformed, Detail: fmt.Sprintf("the body is not JSON: %v (at byte %d)", err, syntax.Offset)}
	}
	return &Error{Code: CodeMalformed, Detail: "the body is not JSON: " + err.Error()}
}

// decoder walks a struct along its JSON names. encoding/json alone stops at the
// first fault and does not say where it lies.
type decoder struct {
	// root is what the whole input is read into.
	root   reflect.Type
	faults []FieldError
}

// fault notes a fault. Those beyond the first MaxFaults are not kept.
func (d *decoder) fault(path, code, message string) {
	if len(d.faults) >= MaxFaults {
		return
	}
	if code == faultUnknown {
		message += hint(d.root, path)
	}
	d.faults = append(d.faults, FieldError{Field: path, Code: code, Message: message})
}

func (d *decoder) object(data json.RawMessage, path string, dst reflect.Value) {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		d.fault(path, faultInvalid, "an object is expected")
		return
	}
	known := fieldsByName(dst)
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		at := strings.TrimPrefix(path+"."+name, ".")
		field, ok := known[name]
		if !ok {
			d.fault(clipPath(at), faultUnknown, "there is no such field")
			continue
		}
		d.value(members[name], at, field)
	}
}

func (d *decoder) value(data json.RawMessage, path string, dst reflect.Value) {
	if dst.Kind() == reflect.Pointer && dst.Type().Elem().Kind() == reflect.Struct && string(data) != "null" {
		if dst.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
		}
		d.value(data, path, dst.Elem())
		return
	}
	if dst.Kind() == reflect.Struct && !dst.Addr().Type().Implements(reflect.TypeFor[json.Unmarshaler]()) {
		if string(data) != "null" {
			d.object(data, path, dst)
		}
		return
	}
	if dst.Kind() == reflect.Pointer && dst.Type().Elem().Kind() == reflect.Struct && !dst.Type().Implements(reflect.TypeFor[json.Unmarshaler]()) {
		if string(data) != "null" {
			dst.Set(reflect.New(dst.Type().Elem()))
			d.object(data, path, dst.Elem())
		}
		return
	}
	err := json.Unmarshal(data, dst.Addr().Interface())
	var wrongType *json.UnmarshalTypeError
	var nested *Error
	var faults trigger.Errors
	switch {
	case err == nil:
	case errors.As(err, &nested) && len(nested.Fields) > 0:
		for _, f := range nested.Fields {
			d.fault(path+"."+f.Field, f.Code, f.Message)
		}
	case errors.As(err, &faults):
		for _, f := range faults {
			at := strings.TrimSuffix(path+"."+f.Field, ".")
			if f.Field == path { // a schedule that is no object names itself
				at = path
			}
			d.fault(at, f.Code, f.Message)
		}
	case errors.As(err, &wrongType):
		at := strings.TrimSuffix(path+"."+wrongType.Field, ".")
		d.fault(at, faultInvalid, fmt.Sprintf("%s is expected, not a JSON %s", typeName(wrongType.Type), wrongType.Value))
	default:
		d.fault(path, faultInvalid, strings.TrimPrefix(err.Error(), "json: "))
	}
}

// fieldsByName maps the JSON names of a struct, embedded structs included, to its fields.
func fieldsByName(dst reflect.Value) map[string]reflect.Value {
	known := map[string]reflect.Value{}
	for i := range dst.NumField() {
		field := dst.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			for inner, value := range fieldsByName(dst.Field(i)) {
				known[inner] = value
			}
		case name != "" && name != "-":
			known[name] = dst.Field(i)
		}
	}
	return known
}

// typeName says in JSON's words what a Go type is read from.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}

// Input is a job as a caller sends it. The members that only the service
// writes are accepted, so that what GET answered can be sent back, and not read.
type Input struct {
	Definition
	// Status may be active or paused; nil when not given.
	Status      *Status  `json:"status"`
	PauseReason *string  `json:"pause_reason"`
	PausedUntil *Instant `json:"paused_until"`
	// AnchorMade says that the anchor of an interval, or the start of a calendar interval, was not given: DecodeInput made it.
	AnchorMade bool `json:"-"`
	// ZoneMade says the same of the time zone.
	ZoneMade bool `json:"-"`
	// IDMade says the same of the id.
	IDMade bool `json:"-"`

	NextRunAt json.RawMessage `json:"next_run_at"`
	LastRun   json.RawMessage `json:"last_run"`
	Version   json.RawMessage `json:"version"`
	CreatedAt json.RawMessage `json:"created_at"`
	UpdatedAt json.RawMessage `json:"updated_at"`
	Recent    json.RawMessage `json:"recent"`
	Words     json.RawMessage `json:"schedule_description"`
	Warnings  json.RawMessage `json:"warnings"`
	Incidents json.RawMessage `json:"incidents"`
}

// DecodeInput reads a job over the defaults, and validates it as of the given
// moment. An id in the path of the call goes before the one in the body. The
// error is an *Error that names fields.
func DecodeInput(data []byte, id string, parser *trigger.Parser, now Instant) (*Input, error) {
	in := &Input{Definition: Definition{Policy: DefaultPolicy()}}
	if err := Decode(data, in); err != nil {
		return nil, err
	}
	if err := in.complete(id, parser, now); err != nil {
		return nil, err
	}
	return in, nil
}

func (in *Input) complete(id string, parser *trigger.Parser, now Instant) error {
	faults := in.claimID(id)
	if in.ID == "" {
		in.ID, in.IDMade = NewID(now), true
	}
	in.AnchorMade = in.Schedule.Type == trigger.TypeInterval && in.Schedule.Anchor == nil ||
		in.Schedule.Type == trigger.TypeCalendarInterval && in.Schedule.StartAt == nil && in.Schedule.Local == nil
	in.ZoneMade = in.Schedule.TimeZone == ""
	parser.Settle(&in.Schedule, now)
	in.Normalize(now)
	if in.Status != nil && *in.Status != StatusActive && *in.Status != StatusPaused && *in.Status != StatusCompleted {
		faults = append(faults, FieldError{"status", faultInvalid, "status is active or paused"})
	}
	if in.PausedUntil != nil && (in.Status == nil || *in.Status != StatusPaused) {
		faults = append(faults, FieldError{"paused_until", faultInvalid, "paused_until goes with status paused"})
	}
	return invalid(append(faults, in.Validate(parser)...))
}

func (in *Input) claimID(id string) []FieldError {
	if id == "" {
		return nil
	}
	if in.ID != "" && in.ID != id {
		return []FieldError{{"id", faultInvalid, "the id in the body is not the one in the path"}}
	}
	in.ID = id
	return nil
}
