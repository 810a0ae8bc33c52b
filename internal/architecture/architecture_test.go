// Package architecture holds the house to its plan: every room has a rule that lists what it may import, and
// docs/architecture.md says the same as the rules.
package architecture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

// rule is one rule of depguard.
type rule struct {
	Files    []string
	ListMode string `yaml:"list-mode"`
	Allow    []string
}

// roomRules are the rules of depguard that list what a room may import, by the room.
func roomRules(t *testing.T) map[string]rule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]rule }
			}
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	rules := map[string]rule{}
	for name, r := range config.Linters.Settings.Depguard.Rules {
		if r.ListMode == "strict" {
			rules[name] = r
		}
	}
	return rules
}

// rooms are the folders of pkg.
func rooms(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "pkg"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}

// ours are the rooms that a rule allows, without the room itself.
func (r *rule) ours(room string) []string {
	names := []string{}
	for _, path := range r.Allow {
		if name, ok := strings.CutPrefix(path, "schedule-server/pkg/"); ok && name != room {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryRoomHasARule(t *testing.T) {
	rules, all := roomRules(t), rooms(t)
	for _, room := range all {
		r, ok := rules[room]
		if !ok {
			t.Errorf("pkg/%s has no strict rule in .golangci.yml", room)
			continue
		}
		files := func(pattern string) bool { return strings.HasPrefix(pattern, "**/pkg/"+room+"/") }
		if !slices.ContainsFunc(r.Files, files) {
			t.Errorf("the rule %s is for %v, not for pkg/%s", room, r.Files, room)
		}
	}
	for room := range rules {
		if !slices.Contains(all, room) {
			t.Errorf(".golangci.yml has a rule for pkg/%s, which does not exist", room)
		}
	}
}

// TestNoRoomIsAboveAnother checks that the rules let no two rooms import each other, directly or through others.
func TestNoRoomIsAboveAnother(t *testing.T) {
	rules := roomRules(t)
	var visit func(room string, path []string)
	visit = func(room string, path []string) {
		if slices.Contains(path, room) {
			t.Fatalf("the rules allow a cycle: %s", strings.Join(append(path, room), " -> "))
		}
		r := rules[room]
		for _, next := range r.ours(room) {
			visit(next, append(slices.Clone(path), room))
		}
	}
	for room := range rules {
		visit(room, nil)
	}
}

// TestTheDocumentSaysTheSame compares the table of rooms in docs/architecture.md with the rules.
func TestTheDocumentSaysTheSame(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		room, ok := strings.CutPrefix(strings.Trim(cells[1], " `"), "pkg/")
		if !ok {
			continue
		}
		names := []string{}
		allowed, _, _ := strings.Cut(cells[3], ";")
		for _, name := range strings.Split(allowed, ",") {
			if name = strings.TrimSpace(name); name != "nothing" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		documented[room] = names
	}
	for room, r := range roomRules(t) {
		if got, want := documented[room], r.ours(room); !slices.Equal(got, want) {
			t.Errorf("docs/architecture.md lets pkg/%s import %v, .golangci.yml %v", room, got, want)
		}
	}
}
