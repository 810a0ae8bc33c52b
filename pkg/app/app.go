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
	"runtime/debug"
	"time"

	"schedule-server/internal/buildinfo"
)

// Serve is the command that runs the server, healthcheck the one that asks it.
const (
	Serve       = "serve"
	healthcheck = "healthcheck"
)

// The exit codes of a program: it stopped as asked, it failed, its flags are unusable.
const (
	exitOK = iota
	exitFailed
	exitUnusable
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
	// LogFormat is how log lines look, "text" or "json".
	LogFormat string
	// Command is what the command line asks for, "keys create <id>"; empty when the program has one thing to do.
	Command string
}

// Serves reports whether the process is one that goes on until it is stopped, not one that carries out a command.
func (p *Process) Serves() bool { return p.Command == "" || p.Command == Serve }

// Flags is a struct of kong flags that embeds Log.
type Flags interface{ logging() *Log }

// Program is what --help says of a program, and how it reads its flags.
type Program struct {
	// Name is the program's, "schedule-beat".
	Name string
	// Description is one sentence.
	Description string
	// Example is a command line to begin with.
	Example string
	// Shutdown is what a stop waits for, "running calls".
	Shutdown string
	// PublicURL is the default of --public-url, as a sentence. Empty: there is none.
	PublicURL string
	// ParseDuration reads the durations of flags, which may be in days. Required.
	ParseDuration func(string) (time.Duration, error)
}

// Main parses the command line and the environment into flags, runs the role
// until it ends or the process is asked to stop, and exits: 0 after a clean
// stop, 1 after an error, which is printed as one line, 2 for unusable flags; an
// error with an ExitCode method says its own. A second signal ends the process at once.
func Main(program Program, flags Flags, run func(context.Context, *Process) error) {
	os.Exit(program.main(flags, os.Args[1:], run))
}

func (program *Program) main(flags Flags, args []string, run func(context.Context, *Process) error) (code int) {
	parser := program.parser(flags)
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s (see --help)\n", program.Name, parseFault(err))
		return exitUnusable
	}
	log := flags.logging()
	p := &Process{Name: program.Name, ID: processID(), Version: Version(), Logger: log.New(os.Stderr),
		LogFormat: log.LogFormat, Command: parsed.Command()}
	if p.Serves() {
		outliveLogReader()
	}
	if asks, ok := flags.(checkable); ok && p.Command == healthcheck {
		run = func(ctx context.Context, _ *Process) error { return checkWith(ctx, asks) }
	}
	err = run(untilStopped(p.Name), p)
	if err == nil || errors.Is(err, context.Canceled) {
		return exitOK
	}
	text := sourcesOf(parsed).describe(err)
	if p.Serves() {
		text = oneLine(text) // what a command says may be several lines, for a person
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", program.Name, text)
	return exitCode(err)
}

func exitCode(err error) int {
	var own interface{ ExitCode() int }
	if errors.As(err, &own) {
		return own.ExitCode()
	}
	if _, unusable := flagOf(err); unusable {
		return exitUnusable
	}
	return exitFailed
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
func Version() string { return buildinfo.Read().Version }

func processID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}
