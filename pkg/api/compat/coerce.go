package compat

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// field is a member of a body. What a body may hold is a table of them, in the order in which faults are reported.
type field struct {
	name     string
	integer  bool // else a string
	required bool
}

// form is what a body gave for a table of fields.
type form struct {
	raw   map[string]value // as it was given; absent members are absent
	texts map[string]string
	ints  map[string]int64 // beyond int64 the nearest that it holds
}

// given reports whether a member was given, be it null.
func (f *form) given(name string) bool {
	_, ok := f.raw[name]
	return ok
}

// echo is a member as it was given, null when it was not.
func (f *form) echo(name string) json.RawMessage {
	if v, ok := f.raw[name]; ok {
		return json.RawMessage(v.text)
	}
	return null
}

// problem is why a value does not fit a field, in pydantic's words.
type problem struct{ kind, msg string }

func (p *problem) fault(name string, input json.RawMessage) fault {
	return fault{Type: p.kind, Loc: []any{"body", name}, Msg: p.msg, Input: input}
}

// fill reads a document by a table of fields and answers every fault.
func fill(d *document, fields []field) (*form, []fault) {
	f := &form{raw: d.members, texts: map[string]string{}, ints: map[string]int64{}}
	var faults []fault
	for _, one := range fields {
		v, ok := d.members[one.name]
		if !ok {
			if one.required {
				missing := problem{"missing", "Field required"}
				faults = append(faults, missing.fault(one.name, json.RawMessage(d.text)))
			}
			continue
		}
		var wrong *problem
		if one.integer {
			f.ints[one.name], wrong = toInteger(v)
		} else {
			f.texts[one.name], wrong = toText(v)
		}
		if wrong != nil {
			faults = append(faults, wrong.fault(one.name, json.RawMessage(v.text)))
		}
	}
	return f, faults
}

// toText takes strings only.
func toText(v value) (string, *problem) {
	switch v.kind {
	case kindText:
		return unquote(v.text), nil
	case kindBroken:
		return "", &problem{"string_unicode", "Input should be a valid string, unable to parse raw data as a unicode string"}
	}
	return "", &problem{"string_type", "Input should be a valid string"}
}

// toInteger takes what stands for a whole number: 11, 11.0, "11", " 1_1.0 ", true.
func toInteger(v value) (int64, *problem) {
	switch v.kind {
	case kindInt:
		return saturate(v.text), nil
	case kindFloat:
		return floatToInteger(v.text)
	case kindInfinite:
		return 0, &problem{"finite_number", "Input should be a finite number"}
	case kindBool:
		return int64(strings.Count(v.text, "true")), nil
	case kindText:
		return textToInteger(unquote(v.text))
	case kindBroken:
		return textToInteger("")
	}
	return 0, &problem{"int_type", "Input should be a valid integer"}
}

func tooBig() *problem {
	return &problem{"int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size"}
}

func floatToInteger(text string) (int64, *problem) {
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || f != math.Trunc(f):
		return 0, &problem{"int_from_float", "Input should be a valid integer, got a number with a fractional part"}
	case f <= math.MinInt64 || f >= math.MaxInt64:
		return 0, tooBig()
	}
	return int64(f), nil
}

// textToInteger reads a sign, digits with single underscores between them, any underscores behind a leading zero,
// and a fraction of zeros; white space around all of it.
func textToInteger(text string) (int64, *problem) {
	unparsable := &problem{"int_parsing", "Input should be a valid integer, unable to parse string as an integer"}
	number, fraction, found := strings.Cut(strings.TrimSpace(text), ".")
	if found && (fraction == "" || strings.Trim(fraction, "0") != "") {
		return 0, unparsable
	}
	sign := ""
	if number != "" && (number[0] == '+' || number[0] == '-') {
		sign, number = number[:1], number[1:]
	}
	if strings.HasPrefix(number, "0") {
		if rest := strings.TrimLeft(number, "0_"); rest != "" {
			number = rest
		}
	}
	if number == "" || number[0] == '_' || number[len(number)-1] == '_' || strings.Contains(number, "__") {
		return 0, unparsable
	}
	number = strings.ReplaceAll(number, "_", "")
	if strings.Trim(number, "0123456789") != "" {
		return 0, unparsable
	}
	if len(strings.TrimLeft(number, "0")) > maxDigits {
		return 0, tooBig()
	}
	return saturate(sign + number), nil
}

// saturate reads digits with a sign; beyond int64 it is the nearest that int64 holds.
func saturate(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // which does so on overflow, the only error there can be
	return n
}

// unquote decodes a JSON string that was scanned.
func unquote(text string) string {
	var s string
	_ = json.Unmarshal([]byte(text), &s) // scanned, so it is one
	return s
}
