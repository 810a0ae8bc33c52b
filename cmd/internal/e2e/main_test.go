package e2e

import (
	"fmt"
	"os"
	"testing"

	"schedule-server/internal/testserver"
)

// programs are what the tests run.
var programs *testserver.Programs

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	built, err := testserver.BuildPrograms("schedule-server/cmd/...")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer built.Remove()
	programs = built
	if err := testserver.Overlap(6); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
