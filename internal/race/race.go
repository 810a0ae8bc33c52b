//go:build race

// Package race says whether the race detector is on, for tests that handle megabytes: with it they take minutes and
// find nothing more.
package race

// Enabled reports whether the race detector is on.
const Enabled = true
