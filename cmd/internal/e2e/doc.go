// Package e2e holds only tests: they run the programs as processes, with real
// neighbours and a real target, and hold their history against what the target saw.
package e2e
