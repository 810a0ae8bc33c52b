// Package service measures the running service as its users run it, side by side
// with what they would pick instead, and prints tables that can be copied into
// docs/performance.md. The peers are dependencies of this module only.
//
//	go test -C bench/service -run '^$' -bench . -timeout 3h -args -quick
package service

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// The sizes. Quick is for a look in between: less than three minutes in all.
var (
	quick     = flag.Bool("quick", false, "small sizes: less than three minutes in all")
	herds     = flag.String("herd", "1000,10000,50000", "how many jobs fall due in the same second")
	rates     = flag.String("rates", "2000,5000,6000,7000,8000", "calls a second of the steady load, rising")
	hold      = flag.Duration("hold", 60*time.Second, "how long each rate is held")
	jobCount  = flag.Int("jobs", 1_000_000, "how many jobs there are in the big table")
	runCount  = flag.Int("runs", 10_000_000, "how many runs there are in the long history")
	tricklage = flag.Duration("trickle", 60*time.Second, "how long the quiet system is watched")
	profiles  = flag.String("profiles", "", "folder into which processor profiles of the beat and the worker under a herd are written")
	rounds    = flag.Int("rounds", 1, "how often a herd is let loose on each subject; the best counts, and is said to be that")
)

// programs are those of the service.
var programs *testserver.Programs

func TestMain(m *testing.M) {
	if name := os.Getenv(peerVariable); name != "" {
		if err := runPeer(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	flag.Parse()
	if *quick {
		*herds, *rates, *hold, *tricklage = "1000,10000", "2000,5000", 10*time.Second, 10*time.Second
		*jobCount, *runCount = 100_000, 300_000
	}
	// Each measurement is one long run: repeating it is up to -count.
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	built, err := testserver.BuildProgramsOf("../..", "./cmd/api", "./cmd/beat", "./cmd/worker", "./cmd/standalone")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer built.Remove()
	programs = built
	code := m.Run()
	tables.print(os.Stdout)
	return code
}

// numbers reads a flag that lists numbers.
func numbers(b *testing.B, list string) []int {
	b.Helper()
	var all []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			b.Fatalf("%q is not a list of numbers", list)
		}
		all = append(all, n)
	}
	return all
}
