package e2e

import (
	"flag"
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
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		// The tests wait for moments to come, mostly: more of them fit than there are cores.
		if err := flag.Set("test.parallel", "6"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}
