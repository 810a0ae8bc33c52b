package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMetricsAreDocumented compares the names of metrics in the code with docs/metrics.md, both ways.
func TestMetricsAreDocumented(t *testing.T) {
	inCode := map[string]string{}
	declared := regexp.MustCompile(`(?:Name:\s*|NewDesc\(\s*)"(schedule_[a-z0-9_]+)"`)
	err := filepath.WalkDir(filepath.Join(root, "pkg"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, found := range declared.FindAllStringSubmatch(string(source), -1) {
			inCode[found[1]] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(inCode) < 15 {
		t.Fatalf("only %d metrics were found", len(inCode))
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	inDocument := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(schedule_[a-z0-9_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		if inDocument[row[1]] {
			t.Errorf("docs/metrics.md lists %s twice", row[1])
		}
		inDocument[row[1]] = true
		if inCode[row[1]] == "" {
			t.Errorf("docs/metrics.md lists %s, which is not in the code", row[1])
		}
	}
	for name, path := range inCode {
		if !inDocument[name] {
			t.Errorf("docs/metrics.md does not list %s of %s", name, path)
		}
	}
	for _, query := range regexp.MustCompile(`schedule_[a-z0-9_]+`).FindAllString(string(page), -1) {
		if name := strings.TrimSuffix(query, "_bucket"); inCode[name] == "" {
			t.Errorf("docs/metrics.md asks for %s, which is not in the code", name)
		}
	}
}
