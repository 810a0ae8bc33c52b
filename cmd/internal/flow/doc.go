// Package flow holds only tests: real workers over a real Redis call targets
// that are slow, throttle, refuse or are limited, and none starves another.
package flow
