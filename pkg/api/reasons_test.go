package api

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryReasonIsDocumented holds the reasons of pkg/job against the API's document.
func TestEveryReasonIsDocumented(t *testing.T) {
	source, err := os.ReadFile("../job/run.go")
	must(t, err)
	document, err := os.ReadFile("openapi/runs.yaml")
	must(t, err)
	reasons := regexp.MustCompile(`(?m)^\s+Reason\w+\s+Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(reasons) < 20 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	for _, reason := range reasons {
		if !strings.Contains(string(document), "`"+reason[1]+"`") {
			t.Errorf("the document does not name %s", reason[1])
		}
	}
}
