package web

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDistIsOfTheseSources compares the hash of the sources that the build left
// in dist with the one they have now. sources.ts makes the same.
func TestDistIsOfTheseSources(t *testing.T) {
	var paths []string
	for _, part := range []string{"index.html", "package-lock.json", "package.json", "public", "src", "tsconfig.json", "vite.config.ts"} {
		err := filepath.WalkDir(part, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && !strings.Contains(path, ".test.") && !strings.HasSuffix(path, ".d.ts") {
				paths = append(paths, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	hash := sha256.New()
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(hash, "%x  %s\n", sha256.Sum256(content), path)
	}
	want := fmt.Sprintf("%x", hash.Sum(nil))
	built, err := fs.ReadFile(Dist(), "sources.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(built)); got != want {
		t.Errorf("web/dist was built from other sources: run task ui (%s, not %s)", got, want)
	}
}
