package client_test

import (
	"os"
	"strings"
	"testing"
)

// TestDocsShowTheExample wants the program in docs/api.md to be the example that is compiled here.
func TestDocsShowTheExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "```go\n")
	shown, _, _ = strings.Cut(shown, "```")
	want := strings.NewReplacer("package client_test\n", "package main\n", "func Example() {", "func main() {").Replace(string(example))
	if shown != want {
		t.Errorf("docs/api.md shows\n%s\nwhich is not example_test.go as a program:\n%s", shown, want)
	}
}
