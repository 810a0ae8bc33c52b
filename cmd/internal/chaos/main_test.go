package chaos

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
	if !testserver.HasSignals {
		fmt.Println("not tested here: these tests suspend and end programs by signals, which Windows does not have")
		return 0
	}
	built, err := testserver.BuildPrograms("schedule-server/cmd/api", "schedule-server/cmd/beat", "schedule-server/cmd/worker")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer built.Remove()
	programs = built
	return m.Run()
}
