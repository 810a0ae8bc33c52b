// Package app owns what surrounds the roles of the service: flags and
// environment variables, the logger, signals, the order in which things start
// and stop, and the small listener for health and metrics. It knows nothing of
// jobs, and nothing else touches the environment or ends the process.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// Process is what a role gets to know about the process it runs in.
type Process struct {
	// Name is the program's, "schedule-beat".
	Name string
	// ID tells processes apart in logs and in Redis, "host:pid".
	ID string
	// Version is the build's, "dev" when it was not set.
	Version string
	Logger  *slog.Logger
	// Command is what the command line asks for, "keys create <id>"; empty when the program has one thing to do.
	Command string
}

// Flags is a struct of kong flags that embeds Log.
type Flags interface{ logging() *Log }

// Main parses the command line and the environment into flags, runs the role
// until it ends or the process is asked to stop, and exits: 0 after a clean
// stop, 1 after an error, which is printed as one line, 2 for unusable flags; an
// error with an ExitCode method says its own. A second signal ends the process at once.
func Main(name, description string, flags Flags, run func(context.Context, *Process) error) {
	parser, err := kong.New(flags, kong.Name(name), kong.Description(description),
		kong.Vars{"version": name + " " + Version()}, kong.UsageOnError(), kong.Help(printHelp))
	if err != nil {
		panic(err) // the struct's tags are wrong: no input can cause this
	}
	parsed, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v (see --help)\n", name, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // gives the signals back their deadly meaning
	logger := flags.logging().New(os.Stderr)
	err = run(ctx, &Process{Name: name, ID: processID(), Version: Version(), Logger: logger, Command: parsed.Command()})
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(exitCode(err))
	}
}

func exitCode(err error) int {
	var own interface{ ExitCode() int }
	if errors.As(err, &own) {
		return own.ExitCode()
	}
	return 1
}

// GrowHeap lets the heap grow by so many percent of what lives in it until garbage
// is collected, unless GOGC says how much. What lives in these processes is a few
// megabytes and what they throw away is much: with Go's 100 percent a beat under load
// spends a fifth of its time on collecting. Standalone keeps to these: it is to be small
// when it rests, where that is a tenth of what it holds, and gains a thirtieth under load.
func GrowHeap(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// Version is the version of the build: the module's, or the commit it was built from, or "dev".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return setting.Value[:12]
		}
	}
	return "dev"
}

func processID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}
