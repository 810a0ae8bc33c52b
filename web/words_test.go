package web

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryReasonHasWords holds the reasons of pkg/job against the words that
// the page has for them in both languages, and against the API's document.
func TestEveryReasonHasWords(t *testing.T) {
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	reasons := regexp.MustCompile(`(?m)^\s+Reason\w+\s+Reason = "(\w+)"`).FindAllStringSubmatch(read("../pkg/job/run.go"), -1)
	if len(reasons) < 20 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	for _, path := range []string{"src/i18n/en/pages.ts", "src/i18n/zh/pages.ts"} {
		words := read(path)
		for _, reason := range reasons {
			if !strings.Contains(words, "'reason."+reason[1]+"':") {
				t.Errorf("%s has no words for %s", path, reason[1])
			}
		}
	}
	zh := read("src/i18n/zh/pages.ts")
	for _, code := range regexp.MustCompile(`(?m)^\s+Code\w+\s+Code = "(\w+)"`).FindAllStringSubmatch(read("../pkg/job/errors.go"), -1) {
		if !strings.Contains(zh, "'problem."+code[1]+"':") {
			t.Errorf("there are no words for the code %s", code[1])
		}
	}
	document := read("../pkg/api/openapi/runs.yaml")
	for _, reason := range reasons {
		if !strings.Contains(document, "`"+reason[1]+"`") {
			t.Errorf("the API's document does not name %s", reason[1])
		}
	}
}
