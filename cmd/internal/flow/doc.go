// Package flow holds only tests: real workers over a real Redis call targets
// that are slow, throttle, refuse or are limited, and none starves another; and a
// run that is stuck holds up its job until its own deadline at most.
package flow
