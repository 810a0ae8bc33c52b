package compat

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// encoding/json does not do here: the original answered with the words and the place of Python's parser, took NaN
// and numbers of any size, and echoed members as they were given.

// Limits of Python's parser: what is beyond them is no syntax error but a body that "cannot be parsed".
const (
	maxDepth  = 900
	maxDigits = 4300
)

// errBeyond is met where a document is beyond the limits of Python's parser.
var errBeyond = errors.New("the document is nested too deeply or holds too long a number")

// syntaxError is a fault of the document in the words of Python's parser.
type syntaxError struct {
	msg string
	pos int // in characters
}

// Error shows the message and the place.
func (e *syntaxError) Error() string { return e.msg + " at " + strconv.Itoa(e.pos) }

// kind is what a JSON value is.
type kind int8

const (
	kindNull kind = iota
	kindBool
	kindInt      // without fraction and exponent
	kindFloat    // with one of them
	kindInfinite // NaN, infinity, or a float beyond all floats; its text is null
	kindText
	kindBroken // a string with half a surrogate pair: no text
	kindArray
	kindObject
)

// value is a JSON value. The zero value is null without a text.
type value struct {
	kind kind
	text string // valid JSON without white space between its tokens
}

// document is a whole JSON text; members are those of the outermost object, the last of a name.
type document struct {
	value
	members map[string]value
}

// span is a member of the outermost object, as a place in scanner.out.
type span struct {
	name       string
	kind       kind
	start, end int
}

type scanner struct {
	src     []byte
	out     []byte // what was read, compact
	depth   int
	members []span
}

// scan reads a JSON document of valid UTF-8. The error is a *syntaxError or errBeyond.
func scan(src []byte) (*document, error) {
	s := &scanner{src: src, out: make([]byte, 0, len(src))}
	k, end, err := s.value(s.space(0))
	if err != nil {
		return nil, err
	}
	if end = s.space(end); end < len(src) {
		return nil, s.fail("Extra data", end)
	}
	text := string(s.out)
	d := &document{value: value{k, text}, members: make(map[string]value, len(s.members))}
	for _, m := range s.members {
		d.members[m.name] = value{m.kind, text[m.start:m.end]}
	}
	return d, nil
}

func (s *scanner) fail(msg string, at int) error {
	return &syntaxError{msg, utf8.RuneCount(s.src[:at])}
}

// at is the byte at a place, 0 behind the end.
func (s *scanner) at(i int) byte {
	if i < len(s.src) {
		return s.src[i]
	}
	return 0
}

func (s *scanner) space(i int) int {
	for i < len(s.src) && strings.IndexByte(" \t\n\r", s.src[i]) >= 0 {
		i++
	}
	return i
}

// value reads one value from i on and answers where it ends.
func (s *scanner) value(i int) (kind, int, error) {
	switch c := s.at(i); {
	case c == '"':
		k, end, err := s.text(i)
		if err == nil {
			s.out = append(s.out, s.src[i:end]...)
		}
		return k, end, err
	case c == '{' || c == '[':
		if s.depth++; s.depth > maxDepth {
			return kindNull, 0, errBeyond
		}
		defer func() { s.depth-- }()
		if c == '{' {
			end, err := s.object(i)
			return kindObject, end, err
		}
		end, err := s.array(i)
		return kindArray, end, err
	case c == '-' || c >= '0' && c <= '9':
		if end := s.literal(i, "-Infinity", "null"); end > 0 {
			return kindInfinite, end, nil
		}
		return s.number(i)
	}
	for _, known := range []struct {
		word, as string
		kind     kind
	}{
		{"null", "null", kindNull}, {"true", "true", kindBool}, {"false", "false", kindBool},
		{"NaN", "null", kindInfinite}, {"Infinity", "null", kindInfinite},
	} {
		if end := s.literal(i, known.word, known.as); end > 0 {
			return known.kind, end, nil
		}
	}
	return kindNull, 0, s.fail("Expecting value", i)
}

// literal reads a word, written as another; 0 when it does not stand there.
func (s *scanner) literal(i int, word, as string) int {
	if !strings.HasPrefix(string(s.src[i:min(i+len(word), len(s.src))]), word) {
		return 0
	}
	s.out = append(s.out, as...)
	return i + len(word)
}

func (s *scanner) digits(i int) int {
	for s.at(i) >= '0' && s.at(i) <= '9' {
		i++
	}
	return i
}

func (s *scanner) number(start int) (kind, int, error) {
	k, i := kindInt, start
	if s.at(i) == '-' {
		i++
	}
	first := i
	if i = s.digits(i); i == first {
		return kindNull, 0, s.fail("Expecting value", start)
	}
	if s.at(first) == '0' {
		i = first + 1 // what follows is no part of the number
	}
	length := i - first
	if end := s.digits(i + 1); s.at(i) == '.' && end > i+1 {
		k, i = kindFloat, end
	}
	if s.at(i) == 'e' || s.at(i) == 'E' {
		sign := i + 1
		if s.at(sign) == '+' || s.at(sign) == '-' {
			sign++
		}
		if end := s.digits(sign); end > sign {
			k, i = kindFloat, end
		}
	}
	if k == kindInt && length > maxDigits {
		return k, 0, errBeyond
	}
	text := s.src[start:i]
	if k == kindFloat {
		if f, _ := strconv.ParseFloat(string(text), 64); math.IsInf(f, 0) {
			k, text = kindInfinite, null
		}
	}
	s.out = append(s.out, text...)
	return k, i, nil
}

func (s *scanner) array(i int) (int, error) {
	s.out = append(s.out, '[')
	i = s.space(i + 1)
	for first := true; first && s.at(i) != ']' || !first; first = false {
		_, end, err := s.value(i)
		if err != nil {
			return 0, err
		}
		if i = s.space(end); s.at(i) == ']' {
			break
		}
		if s.at(i) != ',' {
			return 0, s.fail("Expecting ',' delimiter", i)
		}
		s.out = append(s.out, ',')
		i = s.space(i + 1)
	}
	s.out = append(s.out, ']')
	return i + 1, nil
}

func (s *scanner) object(i int) (int, error) {
	s.out = append(s.out, '{')
	i = s.space(i + 1)
	for first := true; first && s.at(i) != '}' || !first; first = false {
		end, err := s.member(i)
		if err != nil {
			return 0, err
		}
		if i = s.space(end); s.at(i) == '}' {
			break
		}
		if s.at(i) != ',' {
			return 0, s.fail("Expecting ',' delimiter", i)
		}
		s.out = append(s.out, ',')
		i = s.space(i + 1)
	}
	s.out = append(s.out, '}')
	return i + 1, nil
}

func (s *scanner) member(i int) (int, error) {
	if s.at(i) != '"' {
		return 0, s.fail("Expecting property name enclosed in double quotes", i)
	}
	_, end, err := s.text(i)
	if err != nil {
		return 0, err
	}
	name := s.src[i:end]
	if i = s.space(end); s.at(i) != ':' {
		return 0, s.fail("Expecting ':' delimiter", i)
	}
	s.out = append(append(s.out, name...), ':')
	start := len(s.out)
	k, end, err := s.value(s.space(i + 1))
	if err == nil && s.depth == 1 {
		s.members = append(s.members, span{unquote(string(name)), k, start, len(s.out)})
	}
	return end, err
}

// text reads a string and answers where it ends.
func (s *scanner) text(start int) (kind, int, error) {
	k, high := kindText, false // high: the last character was the first half of a surrogate pair
	for i := start + 1; i < len(s.src); {
		switch c := s.src[i]; {
		case c == '"':
			if high {
				k = kindBroken
			}
			return k, i + 1, nil
		case c < 0x20:
			return k, 0, s.fail("Invalid control character at", i)
		case c != '\\':
			if high {
				k, high = kindBroken, false
			}
			i++
			continue
		}
		if i+1 == len(s.src) {
			break
		}
		unit, end, err := s.escape(i)
		if err != nil {
			return k, 0, err
		}
		low := unit >= 0xDC00 && unit <= 0xDFFF
		if low != high {
			k = kindBroken
		}
		high = unit >= 0xD800 && unit <= 0xDBFF
		i = end
	}
	return k, 0, s.fail("Unterminated string starting at", start)
}

// escape reads an escape, of which the first character behind the backslash is there: its UTF-16 unit, 0 for the
// short ones, and its end.
func (s *scanner) escape(i int) (unit uint64, end int, err error) {
	if s.src[i+1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, s.src[i+1]) < 0 {
			return 0, 0, s.fail("Invalid \\escape", i)
		}
		return 0, i + 2, nil
	}
	digits := s.src[i+2 : min(i+6, len(s.src))]
	unit, err = strconv.ParseUint(string(digits), 16, 16)
	if err != nil || len(digits) < 4 || i+6 == len(s.src) {
		return 0, 0, s.fail("Invalid \\uXXXX escape", i+1)
	}
	return unit, i + 6, nil
}
