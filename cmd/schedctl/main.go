// Command schedctl drives a schedule-server from a shell or a pipeline.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"

	"schedule-server/internal/buildinfo"
	"schedule-server/pkg/client"
	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
)

// The exit codes, which docs/schedctl.md lists.
const (
	exitFailed       = 1
	exitChanges      = 2
	exitRunFailed    = 3
	exitNotFound     = 4
	exitConflict     = 5
	exitNotAllowed   = 6
	exitUnavailable  = 7
	exitUsage        = 64
	exitInterrupted  = 130
	helpOfEveryExit  = "Exit codes: 0 done; 1 failed; 2 there are changes (plan, diff); 3 the run did not succeed; 4 not found; 5 conflict, or changed since the plan; 6 the key is not allowed to; 7 the server cannot be reached; 64 unusable command line; 130 interrupted."
	maxWaitForServer = 5 * time.Second
)

// cli is the command line.
type cli struct {
	URL     string        `help:"URL of the server. Default: that of the profile, or http://127.0.0.1:8000." env:"SCHEDCTL_URL" placeholder:"URL"`
	Key     string        `help:"API key. Prefer the environment variable or a profile: other users can see flags." env:"SCHEDCTL_KEY" placeholder:"KEY"`
	Profile string        `help:"Profile of the configuration file to use. Default: its \"current\"." env:"SCHEDCTL_PROFILE" placeholder:"NAME"`
	Config  string        `help:"Configuration file. Default: ~/.config/schedctl/config.yaml." env:"SCHEDCTL_CONFIG" type:"path" placeholder:"FILE"`
	Output  string        `short:"o" help:"Output format: table, wide, json, yaml or name." enum:"table,wide,json,yaml,name" default:"table"`
	Timeout time.Duration `help:"Longest time that one call may take." default:"5m"`

	Get      getCmd      `cmd:"" help:"List jobs, or show some of them."`
	Describe describeCmd `cmd:"" help:"Show a job with its next moments and latest runs."`
	Create   createCmd   `cmd:"" help:"Create a job from a file."`
	Edit     editCmd     `cmd:"" help:"Edit a job in your editor."`
	Delete   deleteCmd   `cmd:"" help:"Delete jobs."`
	Plan     planCmd     `cmd:"" help:"Show what apply would change. Exit code 2 when there are changes."`
	Diff     diffCmd     `cmd:"" help:"Show which fields apply would change. Exit code 2 when there are changes."`
	Apply    applyCmd    `cmd:"" help:"Create and change jobs as files say, all of them or none."`
	Export   exportCmd   `cmd:"" help:"Write all jobs as a file that apply takes."`
	Pause    pauseCmd    `cmd:"" help:"Pause jobs."`
	Resume   resumeCmd   `cmd:"" help:"Resume paused jobs."`
	Run      runCmd      `cmd:"" help:"Run a job now, beside its schedule."`
	Runs     runsCmd     `cmd:"" help:"List runs, newest first."`
	Logs     logsCmd     `cmd:"" help:"Show what happened in the runs of a job."`
	Watch    watchCmd    `cmd:"" help:"Show changes as they happen."`
	Replay   replayCmd   `cmd:"" help:"Run occurrences again."`
	Backfill backfillCmd `cmd:"" help:"Run the occurrences of a time in the past."`
	Explain  explainCmd  `cmd:"" help:"Say in a sentence why a run, or a job's latest run, is as it is."`
	Preview  previewCmd  `cmd:"" help:"Say what a schedule means and when it fires next."`
	Parse    parseCmd    `cmd:"" help:"Turn a curl command or crontab lines into jobs, and save nothing."`
	Keys     keysCmd     `cmd:"" help:"Manage API keys."`
	Secrets  secretsCmd  `cmd:"" help:"Manage secrets."`
	Doctor   doctorCmd   `cmd:"" help:"Check that the server is there and that this machine can use it."`

	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Complete   completeCmd   `cmd:"" name:"__complete" hidden:"" passthrough:""`
}

// session is what a command works with.
type session struct {
	ctx      context.Context
	in       *os.File
	out, err io.Writer
	cli      *cli
	model    *kong.Application
	now      func() time.Time
	// terminal says that a person reads out, asks that one can answer at in, and progress that one reads err.
	terminal, asks, progress bool
	// url is that of the server, once connect was called.
	url string
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("schedctl"), kong.Description("Drives a schedule-server from a shell or a pipeline."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		panic(err) // the struct's tags are wrong: no input can cause this
	}
	parser.Model.Detail = "Example:\n\n\tschedctl get --tag billing\n\n" + helpOfEveryExit
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "schedctl: %v (see --help)\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tty := func(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
	s := &session{ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr, cli: &c, model: parser.Model, now: time.Now,
		terminal: tty(os.Stdout), asks: tty(os.Stdin) && tty(os.Stderr), progress: tty(os.Stderr)}
	err = parsed.Run(s)
	if text := errorText(err); text != "" {
		fmt.Fprintf(os.Stderr, "schedctl: %s\n", clean(text))
	}
	return exitCode(ctx, err)
}

// exit is an error that has an exit code of its own; text may be empty.
type exit struct {
	code int
	text string
}

func (e *exit) Error() string { return e.text }

func usagef(format string, args ...any) error { return &exit{exitUsage, fmt.Sprintf(format, args...)} }

func errorText(err error) string {
	if err == nil {
		return ""
	}
	var answer *client.Error
	if errors.As(err, &answer) && answer.Status == http.StatusUnauthorized {
		return err.Error() + "; give a key by SCHEDCTL_KEY or a profile"
	}
	return strings.TrimPrefix(err.Error(), "client: ")
}

func exitCode(ctx context.Context, err error) int {
	var own *exit
	var answer *client.Error
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &own):
		return own.code
	case !errors.As(err, &answer):
		var network *url.Error
		if errors.As(err, &network) {
			return exitUnavailable
		}
		return exitFailed
	}
	switch answer.Status {
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return exitConflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitNotAllowed
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return exitUnavailable
	}
	return exitFailed
}

// profile is one server in the configuration file.
type profile struct {
	URL string `json:"url"`
	Key string `json:"key"`
	// KeyFile is a file that holds the key. Empty: Key does.
	KeyFile string `json:"key_file"`
}

// configuration is the file of profiles.
type configuration struct {
	Current  string             `json:"current"`
	Profiles map[string]profile `json:"profiles"`
}

// maxConfig bounds the configuration file, in bytes.
const maxConfig = 1 << 20

// profile reads the profile that was asked for; an empty one if there is no file and none was asked for.
func (s *session) profile() (profile, string, error) {
	file := s.cli.Config
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return profile{}, "", nil // without a home there is no file
		}
		file = filepath.Join(home, ".config", "schedctl", "config.yaml")
	}
	data, err := readFile(file, maxConfig)
	if errors.Is(err, os.ErrNotExist) && s.cli.Config == "" {
		if s.cli.Profile != "" {
			return profile{}, "", usagef("--profile: there is no %s", file)
		}
		return profile{}, "", nil
	}
	if err != nil {
		return profile{}, "", usagef("--config: %v", err)
	}
	var c configuration
	text, err := importer.FromYAML(s.ctx, data)
	if err == nil {
		err = job.Decode(text, &c)
	}
	if err != nil {
		return profile{}, "", usagef("%s: %v", file, err)
	}
	name := s.cli.Profile
	if name == "" {
		name = c.Current
	}
	p, ok := c.Profiles[name]
	if !ok && name != "" {
		return profile{}, "", usagef("%s has no profile %q", file, name)
	}
	if p.KeyFile != "" && p.Key == "" {
		path := p.KeyFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		key, err := readFile(path, maxConfig)
		if err != nil {
			return profile{}, "", usagef("%s: key_file of profile %q: %v", file, name, err)
		}
		p.Key = strings.TrimSpace(string(key))
	}
	return p, name, nil
}

// connect makes the client of the server that was asked for. A key of the profile goes only to the server of the profile.
func (s *session) connect() (*client.Client, error) { return s.connectWith(s.cli.Timeout) }

func (s *session) connectWith(timeout time.Duration) (*client.Client, error) {
	p, _, err := s.profile()
	if err != nil {
		return nil, err
	}
	server, key := s.cli.URL, s.cli.Key
	if server == "" {
		server = p.URL
	}
	if server == "" {
		server = "http://127.0.0.1:8000"
	}
	if key == "" && p.URL == server {
		key = p.Key
	}
	s.url = strings.TrimSuffix(server, "/")
	c, err := client.New(server, client.Options{Key: key, HTTP: &http.Client{Timeout: timeout}, Retries: 2, MaxWait: maxWaitForServer})
	if err != nil {
		return nil, usagef("--url: %s", strings.TrimPrefix(err.Error(), "client: "))
	}
	return c, nil
}

// readFile reads a file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return readAll(file, path, most)
}

func readAll(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", name, most)
	}
	return data, err
}

type versionCmd struct{}

// Help shows how it is used.
func (versionCmd) Help() string { return "Example:\n\n\tschedctl version -o json" }

// Run prints the version.
func (versionCmd) Run(s *session) error {
	info := buildinfo.Read()
	return s.show(info, func() { fmt.Fprintln(s.out, "schedctl", info) })
}
