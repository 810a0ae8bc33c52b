package worker

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

const (
	// minHidden is the shortest text that is looked for in answers, in bytes:
	// shorter ones stand everywhere by chance.
	minHidden = 4
	// enough is how many bytes of a long text give it away.
	enough = 64
)

// hider takes texts that no account may show out of what is kept of a call: its
// secrets and its completion token, in the forms in which targets echo them. It
// looks through escapes (percent, backslashes, HTML; also escaped again) and knows
// base64 in all alignments, hexadecimal and UTF-16. Nil hides nothing.
type hider struct {
	texts []needle
	// shortest is the length that gives one of them away, at least: no form of a text is shorter than the text.
	shortest int
	// plain and base64 are the forms of the texts; nil until they are needed.
	plain, base64 []needle
}

// needle is a hidden text, or a form of one, and what stands in its place.
type needle struct {
	text []byte
	mark string
}

// hider makes what hides the secrets that the call has used so far, and the token
// of its completion; empty: there is none.
func (f *filler) hider(token string) *hider {
	h := &hider{shortest: math.MaxInt}
	for _, text := range f.opened {
		h.add(text, job.Redacted)
	}
	h.add(token, hidden)
	if len(h.texts) == 0 {
		return nil
	}
	return h
}

func (h *hider) add(text, mark string) {
	if len(text) >= minHidden {
		h.texts = append(h.texts, needle{[]byte(text), mark})
		h.shortest = min(h.shortest, len(text), enough)
	}
}

// formsOf makes the forms of a text.
func (h *hider) formsOf(text string, mark string) {
	add := func(form []byte) { h.plain = append(h.plain, needle{form, mark}) }
	add([]byte(text))
	if strings.Contains(text, " ") { // as a form has it
		add([]byte(strings.ReplaceAll(text, " ", "+")))
	}
	sent := []string{text} // a target may encode the whole request that it was sent
	for _, escape := range []func(string) string{inURL, inJSON, inXML} {
		if escaped := escape(text); !slices.Contains(sent, escaped) {
			sent = append(sent, escaped)
		}
	}
	for _, text := range sent {
		digits := hex.AppendEncode(nil, []byte(text))
		add(digits)
		if upper := bytes.ToUpper(digits); !bytes.Equal(upper, digits) {
			add(upper)
		}
		for before := range 3 {
			aligned := alignedBase64(text, before)
			h.base64 = append(h.base64, needle{aligned, mark})
			if bytes.ContainsAny(aligned, "+/") {
				h.base64 = append(h.base64, needle{bytes.Map(urlAlphabet, aligned), mark})
			}
		}
	}
	if utf8.ValidString(text) {
		little := make([]byte, 0, 2*len(text))
		for _, unit := range utf16.Encode([]rune(text)) {
			little = append(little, byte(unit), byte(unit>>8))
		}
		big := make([]byte, len(little))
		for i := range little {
			big[i^1] = little[i]
		}
		add(little)
		add(big)
	}
}

// alignedBase64 is the base64 of a text that so many bytes, modulo 3, stand
// before, without the characters that depend on what stands around it.
func alignedBase64(text string, before int) []byte {
	whole := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), text...))
	first := []int{0, 2, 3}[before]
	return []byte(whole[first : (before+len(text))*4/3])
}

func urlAlphabet(r rune) rune {
	switch r {
	case '+':
		return '-'
	case '/':
		return '_'
	}
	return r
}

// span is a part of data that is replaced.
type span struct {
	from, to int
	mark     string
}

// hide replaces hidden texts. At the end of data that was cut, the beginning of
// one is left out too. Data without any comes back as it is.
func (h *hider) hide(data []byte, cut bool) []byte {
	if h == nil || len(data) < h.shortest && !cut {
		return data
	}
	if h.plain == nil {
		for _, n := range h.texts {
			h.formsOf(string(n.text), n.mark)
		}
	}
	spans := h.find(data, cut)
	if len(spans) == 0 {
		return data
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	var clean []byte
	copied := 0
	for _, s := range spans {
		if s.from >= copied {
			clean = append(append(clean, data[copied:s.from]...), s.mark...)
		}
		copied = max(copied, s.to)
	}
	return append(clean, data[copied:]...)
}

// find lists what is to be replaced in data, in any order. Most answers hold
// nothing of that kind: where each byte comes from is asked only once something was found.
func (h *hider) find(data []byte, cut bool) (spans []span) {
	layers := layersOf(data, cut, false)
	if !slices.ContainsFunc(layers, func(l *layer) bool { return h.findIn(l, cut, false) != nil }) {
		return nil
	}
	for _, l := range layersOf(data, cut, true) {
		spans = append(spans, h.findIn(l, cut, true)...)
	}
	return spans
}

func (h *hider) findIn(l *layer, cut, tracked bool) []span {
	return l.squeezed(tracked).find(l.find(nil, h.plain, cut), h.base64, cut)
}

func (h *hider) hideText(text string) string {
	if h == nil {
		return text
	}
	return string(h.hide([]byte(text), false))
}

// holds reports whether a text shows a hidden one.
func (h *hider) holds(text string) bool { return h.hideText(text) != text }

// hideFault is the fault without hidden texts.
func (h *hider) hideFault(broken *fault) *fault {
	if h == nil || broken == nil {
		return broken
	}
	text := broken.err.Error()
	if clean := h.hideText(text); clean != text {
		return &fault{broken.reason, errors.New(clean)}
	}
	return broken
}

// find adds the places of the needles, as they are in the data that the layer was made of.
func (l *layer) find(spans []span, needles []needle, cut bool) []span {
	for _, n := range needles {
		start := n.text[:min(enough, len(n.text))]
		if len(l.text) < len(start) && !cut {
			continue
		}
		for from := 0; ; {
			at := bytes.Index(l.text[from:], start)
			if at < 0 {
				break
			}
			from += at
			to := from + len(start)
			for to < len(l.text) && to-from < len(n.text) && l.text[to] == n.text[to-from] {
				to++
			}
			spans = append(spans, span{l.at(from), l.at(to), n.mark})
			from = to
		}
		if !cut {
			continue
		}
		for length := min(len(start)-1, len(l.text)); length >= minHidden; length-- {
			if bytes.HasSuffix(l.text, start[:length]) {
				spans = append(spans, span{l.at(len(l.text) - length), l.end, ""})
				break
			}
		}
	}
	return spans
}
