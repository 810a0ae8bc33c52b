package job

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// duplicates names the members of a JSON document that an object has more than once: at most MaxFaults, each by its
// path. The document must be valid. JSON leaves open which of them counts, so that the writer must say.
func duplicates(document []byte) []FieldError {
	w := jsonWalk{text: document}
	for w.at < len(document) && len(w.faults) < MaxFaults {
		w.step()
	}
	return w.faults
}

// deeperThan reports whether the objects and lists of a JSON document are nested deeper than that. The document must be valid.
func deeperThan(document []byte, most int) bool {
	w := jsonWalk{text: document}
	for w.at < len(document) && len(w.open) <= most {
		w.step()
	}
	return len(w.open) > most
}

// jsonWalk goes through valid JSON, token by token.
type jsonWalk struct {
	text   []byte
	at     int
	open   []jsonNode
	faults []FieldError
}

// jsonNode is an object or a list that has not ended.
type jsonNode struct {
	list bool
	// index counts the elements of a list.
	index int
	// names are the members so far, the last of them the one that is being read.
	names [][]byte
	// known holds them too, once they are many.
	known map[string]struct{}
}

// manyNames is the number of members from which a map finds one faster than a look at each.
const manyNames = 16

func (w *jsonWalk) step() {
	switch c := w.text[w.at]; c {
	case '{', '[':
		w.enter(c == '[')
	case '}', ']':
		w.open = w.open[:len(w.open)-1]
	case ',':
		w.open[len(w.open)-1].index++
	case '"':
		w.string()
		return
	}
	w.at++
}

// enter opens an object or a list, in the memory of one that has ended if there is one.
func (w *jsonWalk) enter(list bool) {
	if n := len(w.open); n < cap(w.open) {
		w.open = w.open[:n+1]
		node := &w.open[n]
		node.list, node.index, node.names, node.known = list, 0, node.names[:0], nil
		return
	}
	w.open = append(w.open, jsonNode{list: list})
}

// string passes a string, and notes it if it is the name of a member.
func (w *jsonWalk) string() {
	start := w.at
	for w.at++; w.text[w.at] != '"'; w.at++ {
		if w.text[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	quoted := w.text[start:w.at]
	rest := bytes.TrimLeft(w.text[w.at:], " \t\r\n")
	if len(w.open) == 0 || len(rest) == 0 || rest[0] != ':' {
		return
	}
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var plain string
		if json.Unmarshal(quoted, &plain) == nil {
			name = []byte(plain)
		}
	}
	if w.open[len(w.open)-1].add(name) {
		w.faults = append(w.faults, FieldError{Field: w.path(), Code: faultDuplicate, Message: "the field is given more than once; keep one of them"})
	}
}

// add notes the name of a member, and reports whether there is one of that name already.
func (n *jsonNode) add(name []byte) (twice bool) {
	if n.known == nil {
		twice = slices.ContainsFunc(n.names, func(one []byte) bool { return bytes.Equal(one, name) })
	} else {
		_, twice = n.known[string(name)]
	}
	n.names = append(n.names, name)
	switch {
	case n.known != nil:
		n.known[string(name)] = struct{}{}
	case len(n.names) == manyNames:
		n.known = make(map[string]struct{}, 2*manyNames)
		for _, one := range n.names {
			n.known[string(one)] = struct{}{}
		}
	}
	return twice
}

// path is where the walk stands: "jobs[3].schedule.every".
func (w *jsonWalk) path() string {
	var b strings.Builder
	for i := range w.open {
		switch node := &w.open[i]; {
		case node.list:
			b.WriteString("[" + strconv.Itoa(node.index) + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.Write(node.names[len(node.names)-1])
		}
	}
	return clipPath(b.String())
}
