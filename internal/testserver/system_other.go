//go:build !linux

package testserver

import "os/exec"

// endWithParent does nothing: only Linux ends a process with its parent. Here a
// test ends its processes itself, and a test binary that is killed leaves them behind.
func endWithParent(*exec.Cmd) {}

// awaitStop does nothing: a process may run on for a moment after it was told to stop.
func awaitStop(int) {}
