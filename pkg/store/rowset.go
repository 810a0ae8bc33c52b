package store

import (
	"encoding/json"
	"strconv"

	"schedule-server/pkg/job"
)

// rowset is rows on their way to the database as one parameter, a JSON array of
// arrays: a statement for each would cost far more than what it does.
type rowset struct {
	buf []byte
	n   int
}

// add appends one row. Values are nil, text, whole numbers and moments.
func (r *rowset) add(values ...any) {
	if r.n == 0 {
		r.buf = append(r.buf, '[')
	} else {
		r.buf = append(r.buf, ',')
	}
	r.n++
	for i, value := range values {
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		r.buf = append(r.buf, sep)
		r.value(value)
	}
	r.buf = append(r.buf, ']')
}

func (r *rowset) value(value any) {
	switch v := value.(type) {
	case string:
		r.buf = appendText(r.buf, v)
	case *string:
		if v == nil {
			r.buf = append(r.buf, "null"...)
			return
		}
		r.buf = appendText(r.buf, *v)
	case int:
		r.buf = strconv.AppendInt(r.buf, int64(v), 10)
	case int64:
		r.buf = strconv.AppendInt(r.buf, v, 10)
	case job.Instant:
		r.buf = strconv.AppendInt(r.buf, int64(v), 10)
	case *job.Instant:
		if v == nil {
			r.buf = append(r.buf, "null"...)
			return
		}
		r.buf = strconv.AppendInt(r.buf, int64(*v), 10)
	default:
		r.buf = append(r.buf, "null"...)
	}
}

// text is the value of the parameter :rows.
func (r *rowset) text() string {
	if r.n == 0 {
		return "[]"
	}
	return string(append(r.buf, ']'))
}

// appendText writes a JSON string. Most texts here are ids, which need no escape, or JSON, of which the quotes do.
func appendText(buf []byte, text string) []byte {
	start := len(buf)
	buf = append(buf, '"')
	from := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c > '~':
			quoted, _ := json.Marshal(cleanText(text)) // strings always marshal
			return append(buf[:start], quoted...)
		case c == '"' || c == '\\':
			buf = append(append(buf, text[from:i]...), '\\')
			from = i
		}
	}
	return append(append(buf, text[from:]...), '"')
}
