package worker

import (
	"bytes"
	"encoding/hex"
	"html"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// layer is data with escapes read, and where each byte of it comes from.
type layer struct {
	text []byte
	// from are the places in the data, one more than there are bytes. Nil: the same, or not asked for.
	from []int32
	// end is the length of the data.
	end int
}

// at is the place in the data of a byte of the layer.
func (l *layer) at(i int) int {
	if l.from == nil {
		return i
	}
	return int(l.from[i])
}

// escape reads the escape that data begins with: what it means, and its width.
// Zero width: it is none. A negative one: it is the beginning of one.
type escape func(data []byte) (value []byte, width int)

const (
	// leads begin an escape.
	leads = `%\&`
	// maxNested is how often an escape may have been escaped again.
	maxNested = 3
)

// layersOf gives data as it stands, and with escapes of each kind read, once, twice
// and three times, and those of all kinds. Cut says that data may end within an escape. Unless tracked,
// layers do not say where their bytes come from.
func layersOf(data []byte, cut, tracked bool) []*layer {
	raw := &layer{text: data, end: len(data)}
	layers := []*layer{raw}
	if !bytes.ContainsAny(data, leads) {
		return layers
	}
	kinds := map[byte]bool{}
	for _, kind := range []struct {
		leads string
		read  escape
	}{{"%", percentEscape}, {`\`, backslashEscape}, {"&", entity}, {leads, anyEscape}} {
		if kind.leads == leads && len(kinds) < 2 {
			break // the escapes are all of one kind, and have been read
		}
		l := raw
		for range maxNested {
			for _, c := range []byte(leads) {
				if bytes.IndexByte(l.text, c) >= 0 {
					kinds[c] = true
				}
			}
			if l = l.read(kind.leads, kind.read, cut, tracked); l == nil {
				break
			}
			layers = append(layers, l)
		}
	}
	return layers
}

// read gives the layer with its escapes read; nil when it has none.
func (l *layer) read(leads string, read escape, cut, tracked bool) *layer {
	deeper := &layer{end: l.end}
	changed := false
	for i := 0; i < len(l.text); {
		next := bytes.IndexAny(l.text[i:], leads)
		if next < 0 {
			next = len(l.text) - i
		}
		if next == len(l.text) {
			return nil
		}
		deeper.add(l, i, next, tracked)
		if i += next; i == len(l.text) {
			break
		}
		value, width := read(l.text[i:])
		switch {
		case width > 0:
			changed = true
			deeper.text = append(deeper.text, value...)
			for range value {
				deeper.track(l.at(i), tracked)
			}
			i += width
		case width < 0 && cut:
			i = len(l.text) // the rest of it was cut off
		default:
			deeper.add(l, i, 1, tracked)
			i++
		}
	}
	if !changed {
		return nil
	}
	deeper.track(l.end, tracked)
	return deeper
}

// add takes over bytes of another layer.
func (l *layer) add(other *layer, from, length int, tracked bool) {
	if l.text == nil {
		l.text = make([]byte, 0, len(other.text))
	}
	l.text = append(l.text, other.text[from:from+length]...)
	if tracked {
		for i := range length {
			l.from = append(l.from, int32(other.at(from+i)))
		}
	}
}

func (l *layer) track(at int, tracked bool) {
	if tracked {
		l.from = append(l.from, int32(at))
	}
}

// squeezed is the layer without line breaks and spaces, which may stand within base64.
func (l *layer) squeezed(tracked bool) *layer {
	if !bytes.ContainsAny(l.text, "\r\n ") {
		return l
	}
	tight := &layer{text: make([]byte, 0, len(l.text)), end: l.end}
	for i, c := range l.text {
		if c != '\r' && c != '\n' && c != ' ' {
			tight.text = append(tight.text, c)
			tight.track(l.at(i), tracked)
		}
	}
	tight.track(l.at(len(l.text)), tracked)
	return tight
}

func anyEscape(data []byte) ([]byte, int) {
	switch data[0] {
	case '%':
		return percentEscape(data)
	case '\\':
		return backslashEscape(data)
	}
	return entity(data)
}

// percentEscape reads %41.
func percentEscape(data []byte) ([]byte, int) {
	if data[0] != '%' {
		return nil, 0
	}
	if len(data) < 3 {
		return nil, -1
	}
	var b [1]byte
	if _, err := hex.Decode(b[:], data[1:3]); err != nil {
		return nil, 0
	}
	return b[:], 3
}

// backslashEscape reads the escapes of JSON and of programming languages: \n, \x41,
// \u0041, \U00000041, \".
func backslashEscape(data []byte) ([]byte, int) {
	if data[0] != '\\' {
		return nil, 0
	}
	if len(data) < 2 {
		return nil, -1
	}
	switch c := data[1]; c {
	case 'n', 'r', 't', 'b', 'f':
		return []byte{map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}[c]}, 2
	case 'x', 'U':
		width := map[byte]int{'x': 4, 'U': 10}[c]
		if len(data) < width {
			return nil, -1
		}
		n, err := strconv.ParseUint(string(data[2:width]), 16, 32)
		switch {
		case err != nil:
		case c == 'x':
			return []byte{byte(n)}, width
		default:
			return utf8.AppendRune(nil, rune(n)), width
		}
	case 'u':
		return unicodeEscape(data)
	}
	return data[1:2], 2
}

// unicodeEscape reads \u0041, and \ud83d\ude00 for one character beyond 16 bits.
func unicodeEscape(data []byte) ([]byte, int) {
	unit := func(data []byte) rune {
		if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
			return -1
		}
		n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(n)
	}
	first := unit(data)
	switch {
	case first < 0 && len(data) < 6:
		return nil, -1
	case first < 0:
		return nil, 0
	case !utf16.IsSurrogate(first):
		return utf8.AppendRune(nil, first), 6
	case len(data) < 12:
		return nil, -1
	}
	if r := utf16.DecodeRune(first, unit(data[6:])); r != utf8.RuneError {
		return utf8.AppendRune(nil, r), 12
	}
	return nil, 0
}

// entity reads the character references of HTML and XML: &amp; &#38; &#x26;.
func entity(data []byte) ([]byte, int) {
	const longest = 12
	if data[0] != '&' {
		return nil, 0
	}
	head := data[:min(len(data), longest)]
	end := slices.Index(head, ';')
	if end < 0 {
		if len(head) < longest {
			return nil, -1
		}
		return nil, 0
	}
	reference := string(head[:end+1])
	value := html.UnescapeString(reference)
	if value == reference {
		return nil, 0
	}
	return []byte(value), end + 1
}
