package testserver

import (
	"flag"
	"strconv"
)

// Overlap lets n parallel tests run at once, unless the command line says how
// many. It is for tests that mostly wait, of which more fit than there are cores.
// TestMain calls it first. The error is that of an n below 1.
func Overlap(n int) error {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if asked {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(n))
}
