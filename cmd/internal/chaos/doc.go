// Package chaos holds only tests: they run the programs as processes, break
// them and their neighbours at random, and hold the history that the service
// keeps against the log of the target that it called. docs/reliability.md says
// what is checked, and how to run it for longer.
package chaos
