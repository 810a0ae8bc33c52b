package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// untilStopped is a context that ends with the first signal to stop. The second one
// ends the process at once, but not a second hang-up: a terminal that closes
// sends several. A process that was started to outlive its terminal (nohup) does.
func untilStopped(name string) context.Context {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		stop()
		for again := range signals {
			if number, ok := again.(syscall.Signal); ok && number != syscall.SIGHUP {
				fmt.Fprintf(os.Stderr, "%s: ended at once by a second signal\n", name)
				os.Exit(128 + int(number))
			}
		}
	}()
	return ctx
}

// outliveLogReader has writing to a log that nobody reads any more fail, where it would end the process.
func outliveLogReader() { signal.Ignore(syscall.SIGPIPE) }
