// Command clockshift runs a command in which every Go program that is built sees
// another date and another time zone. It finds tests that fail on some dates:
//
//	go run ./internal/clockshift +1y Pacific/Kiritimati go test ./pkg/api
//
// The moment is +N with y, mo or d; leap-day, the next 29 February; or an RFC 3339
// time. The clock goes on from there. Only the wall clock is moved: timers and
// durations are as ever, and so is the clock of programs that are not written in Go,
// of files and of tests inside synctest.
//
// The Go runtime reads the clock without the C library, so faketime cannot move it.
// The command gets a GOFLAGS that replaces one file of package runtime instead. No
// program is built from the replaced file unless its go build saw these GOFLAGS.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // the zones are known on every machine
)

func main() {
	var exit *exec.ExitError
	err := run(os.Args[1:])
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode()) // the command has said why
	case err != nil:
		fmt.Fprintln(os.Stderr, "clockshift:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: clockshift MOMENT ZONE COMMAND [ARGUMENT...], as in: clockshift +1y Pacific/Kiritimati go test ./pkg/api")
	}
	zone, err := time.LoadLocation(args[1])
	if err != nil {
		return fmt.Errorf("the zone: %w", err)
	}
	now := time.Now()
	moment, err := parseMoment(args[0], now)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "clockshift-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	overlay, err := writeOverlay(folder)
	if err != nil {
		return err
	}
	flags := goFlags(os.Getenv("GOFLAGS"), overlay, moment.Sub(now))
	environment := append(os.Environ(), "GOFLAGS="+flags, "TZ="+zone.String())
	seen, err := prove(folder, environment, now, moment, zone)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "clockshift: Go programs see %s (%s)\n", seen.Format(time.RFC3339), zone)
	command := exec.Command(args[2], args[3:]...)
	command.Env = environment
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run()
}

// goFlags adds the flags that move the clock to what GOFLAGS is already.
func goFlags(flags, overlay string, shift time.Duration) string {
	return strings.TrimSpace(fmt.Sprintf("%s '-overlay=%s' -ldflags=-X=runtime.%s=%d", flags, overlay, shiftName, int64(shift/time.Second)))
}

// prove builds a Go program, and returns the time that it sees. It is an error if that is not the moment.
func prove(folder string, environment []string, now, moment time.Time, zone *time.Location) (time.Time, error) {
	const program = `package main

import (
	"fmt"
	"time"
)

func main() { fmt.Println(time.Now().Format(time.RFC3339)) }
`
	source := filepath.Join(folder, "now.go")
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		return time.Time{}, err
	}
	command := exec.Command("go", "run", source)
	command.Env, command.Stderr = environment, os.Stderr
	output, err := command.Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("the program that shows the time: %w", err)
	}
	text := strings.TrimSpace(string(output))
	seen, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("the program that shows the time says %q", text)
	}
	want := moment.Add(time.Since(now)).In(zone)
	_, wantOffset := want.Zone()
	if _, offset := seen.Zone(); offset != wantOffset {
		return time.Time{}, fmt.Errorf("the zone did not change: a Go program sees %s, want the offset of %s", text, want.Format(time.RFC3339))
	}
	if seen.Sub(want).Abs() > time.Minute {
		return time.Time{}, fmt.Errorf("the clock did not move: a Go program sees %s, want %s", text, want.Format(time.RFC3339))
	}
	return seen, nil
}
