package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shiftName is the variable of package runtime that the linker sets to the shift in seconds.
const shiftName = "wallClockShift"

// shiftSource is added to package runtime.
const shiftSource = `package runtime

// ` + shiftName + ` is set by the linker, to a number of seconds.
var ` + shiftName + ` string

var wallClockSeconds = readWallClockShift(` + shiftName + `)

func readWallClockShift(text string) (seconds int64) {
	sign := int64(1)
	for i, c := range text {
		switch {
		case i == 0 && c == '-':
			sign = -1
		case '0' <= c && c <= '9':
			seconds = seconds*10 + int64(c-'0')
		default:
			throw("` + shiftName + ` is not a number")
		}
	}
	return sign * seconds
}

func shiftWallClock(sec int64, nsec int32, mono int64) (int64, int32, int64) {
	return sec + wallClockSeconds, nsec, mono
}
`

// The one place where package time reads the clock, except inside synctest.
const (
	readsClock  = "\treturn time_now()\n"
	readsMoment = "\treturn shiftWallClock(time_now())\n"
)

// writeOverlay writes what the go command is to build in place of its own package runtime, and
// returns the file that says so.
func writeOverlay(folder string) (string, error) {
	output, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	runtime := filepath.Join(strings.TrimSpace(string(output)), "src", "runtime")
	original := filepath.Join(runtime, "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), readsClock); n != 1 {
		return "", fmt.Errorf("%s reads the clock in %d places, want 1: this command does not know this version of Go", original, n)
	}
	changed, added := filepath.Join(folder, "time.go"), filepath.Join(folder, "wallclock.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), readsClock, readsMoment, 1)), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(added, []byte(shiftSource), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{
		original:                               changed,
		filepath.Join(runtime, "wallclock.go"): added,
	}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(folder, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}
