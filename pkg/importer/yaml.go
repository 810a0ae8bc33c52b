package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"schedule-server/pkg/job"
)

// Bounds of a file of YAML, over all its documents. The parser bounds how deep it is.
const (
	// maxYAMLMarks is how many line breaks, commas, brackets and dashes it has: each may make a node in memory.
	maxYAMLMarks = 2_000_000
	// Its JSON, with its aliases in place, is at most so many bytes, and so many times larger beside the first MiB.
	maxYAMLBytes  = 64 << 20
	maxYAMLGrowth = 16
	// maxYAMLMerged is how many members are looked at to merge them into others.
	maxYAMLMerged = 1_000_000
	maxYAMLDepth  = 200
)

// yamlMarks are what can begin a node: all that the parser takes for a line break, what separates and opens
// in lists and objects that are written in brackets, and the entries of those that are not.
var yamlMarks = []string{"\n", "\r", "\u0085", "\u2028", "\u2029", ",", "[", "{", "- ", "-\t", "? ", "?\t"}

// FromYAML reads one YAML document as JSON. Anchors, aliases and merge keys are put in place, and dates stay the text
// that they are written as. A document of too many entries, or one that grows too large by its aliases, is refused. The
// error is CodeMalformed, or that of the context.
func FromYAML(ctx context.Context, data []byte) ([]byte, error) {
	w, err := newYAMLWriter(ctx, data)
	if err != nil {
		return nil, err
	}
	return w.document(data)
}

// newYAMLWriter makes the writer of all documents of a file, which share its budgets.
func newYAMLWriter(ctx context.Context, file []byte) (*yamlWriter, error) {
	marks := 0
	for _, mark := range yamlMarks {
		marks += bytes.Count(file, []byte(mark))
	}
	if marks > maxYAMLMarks {
		return nil, job.Errorf(job.CodeMalformed, "the YAML has too many entries: send it as JSON")
	}
	return &yamlWriter{ctx: ctx, room: min(maxYAMLBytes, 1<<20+maxYAMLGrowth*len(file))}, nil
}

// document reads the next document of the file.
func (w *yamlWriter) document(data []byte) ([]byte, error) {
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var root, more yaml.Node
	if err := reader.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, job.Errorf(job.CodeMalformed, "the body is empty; a YAML object is expected")
		}
		return nil, job.Errorf(job.CodeMalformed, "the body is not YAML: %v%s", err, unquotedHint(err))
	}
	if err := reader.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, job.Errorf(job.CodeMalformed, "the body is more than one YAML document")
	}
	w.out = nil
	if err := w.node(&root, 0); err != nil {
		if gone := w.ctx.Err(); gone != nil {
			return nil, gone
		}
		return nil, job.Errorf(job.CodeMalformed, "the YAML cannot be read: %v", err)
	}
	w.room -= len(w.out)
	return w.out, nil
}

// unquotedHint helps with what a schedule in YAML gets wrong most often: * begins an alias, and @ nothing.
func unquotedHint(err error) string {
	for _, words := range []string{"alphabetic or numeric character", "cannot start any token"} {
		if strings.Contains(err.Error(), words) {
			return ` (quote a value that begins with * or @: expression: "*/5 * * * *")`
		}
	}
	return ""
}

// octal is a number that YAML 1.1 reads as octal and people do not: 010 is the text "010".
var octal = regexp.MustCompile(`^[-+]?0[0-9_]+$`)

// yamlWriter writes a YAML tree as JSON.
type yamlWriter struct {
	ctx context.Context
	out []byte
	// room is how large out may become, and the documents after it.
	room int
	// nodes and merged count what was written, and the members that were looked at to merge them.
	nodes, merged int
}

func (w *yamlWriter) node(n *yaml.Node, depth int) error {
	if depth > maxYAMLDepth {
		return fmt.Errorf("line %d: it is too deep", n.Line)
	}
	if len(w.out) > w.room {
		return errors.New("it grows too large with its aliases in place")
	}
	const lookEvery = 1024
	if w.nodes++; w.nodes%lookEvery == 0 && w.ctx.Err() != nil {
		return w.ctx.Err()
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.node(n.Content[0], depth+1)
	case yaml.AliasNode:
		return w.node(n.Alias, depth+1)
	case yaml.SequenceNode:
		w.out = append(w.out, '[')
		for i, item := range n.Content {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			if err := w.node(item, depth+1); err != nil {
				return err
			}
		}
		w.out = append(w.out, ']')
		return nil
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.ScalarNode:
		return w.scalar(n)
	}
	w.out = append(w.out, "null"...)
	return nil
}

// member is one member of a mapping.
type yamlMember struct {
	key   string
	value *yaml.Node
}

func (w *yamlWriter) mapping(n *yaml.Node, depth int) error {
	members, err := w.members(n, depth, true)
	if err != nil {
		return err
	}
	w.out = append(w.out, '{')
	for i, m := range members {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.text(m.key)
		w.out = append(w.out, ':')
		if err := w.node(m.value, depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

// members lists the members of a mapping, those merged into it behind its own.
func (w *yamlWriter) members(n *yaml.Node, depth int, merge bool) ([]yamlMember, error) {
	known := make(map[string]bool, len(n.Content)/2)
	members := make([]yamlMember, 0, len(n.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("line %d: the name of a member is a text", key.Line)
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
			continue
		case known[key.Value]:
			return nil, fmt.Errorf("line %d: the member %.60q is there twice", key.Line, key.Value)
		}
		known[key.Value] = true
		members = append(members, yamlMember{key.Value, value})
	}
	if len(merged) > 0 && !merge {
		return nil, fmt.Errorf("line %d: what is merged may not itself merge", n.Line)
	}
	seen := map[*yaml.Node]bool{} // what is named again adds nothing
	for len(merged) > 0 {
		from := merged[0]
		merged = merged[1:]
		if from.Kind == yaml.AliasNode {
			from = from.Alias
		}
		again := from.Kind == yaml.MappingNode && seen[from]
		seen[from] = true
		if w.merged++; !again {
			w.merged += len(from.Content)
		}
		switch {
		case w.merged > maxYAMLMerged:
			return nil, fmt.Errorf("line %d: too much is merged", n.Line)
		case again:
			continue
		}
		switch from.Kind {
		case yaml.SequenceNode:
			if depth++; depth > maxYAMLDepth {
				return nil, fmt.Errorf("line %d: it is too deep", n.Line)
			}
			merged = append(append([]*yaml.Node{}, from.Content...), merged...)
		case yaml.MappingNode:
			more, err := w.members(from, depth+1, false)
			if err != nil {
				return nil, err
			}
			for _, m := range more {
				if !known[m.key] {
					known[m.key] = true
					members = append(members, m)
				}
			}
		default:
			return nil, fmt.Errorf("line %d: only an object can be merged", n.Line)
		}
	}
	return members, nil
}

func (w *yamlWriter) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		w.out = append(w.out, "null"...)
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			w.out = strconv.AppendBool(w.out, b)
			return nil
		}
	case "!!int":
		var i int64
		if !octal.MatchString(n.Value) && n.Decode(&i) == nil {
			w.out = strconv.AppendInt(w.out, i, 10)
			return nil
		}
	case "!!float":
		var f float64
		if n.Decode(&f) == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			number, err := json.Marshal(f)
			w.out = append(w.out, number...)
			return err
		}
	}
	w.text(n.Value) // a date too, as it is written
	return nil
}

func (w *yamlWriter) text(s string) {
	quoted, _ := json.Marshal(s) // a string always marshals
	w.out = append(w.out, quoted...)
}

// ToYAML writes a JSON document as an entry of a YAML list, in the same order.
func ToYAML(data []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	plain(&root)
	var out bytes.Buffer
	writer := yaml.NewEncoder(&out)
	writer.SetIndent(2)
	if err := writer.Encode([]*yaml.Node{root.Content[0]}); err != nil {
		return nil, err
	}
	return out.Bytes(), writer.Close()
}

// plain takes JSON's quotes and brackets off, where YAML can do without.
func plain(n *yaml.Node) {
	n.Style = 0
	if len(n.Content) == 0 && n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle // [] and {}
	}
	for _, inner := range n.Content {
		plain(inner)
	}
}
