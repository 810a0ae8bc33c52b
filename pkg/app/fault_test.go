package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alecthomas/kong"

	"schedule-server/pkg/trigger"
)

// everyFlag is what a program may have.
type everyFlag struct {
	Log
	HTTP
	Database
	Redis
	Delivery
	Secrets
	Lifetime
	OpsFlags
	Run  struct{} `cmd:"" name:"serve" default:"1" help:"Run."`
	Keys struct{} `cmd:"" help:"Keys."`
}

// testProgram reads durations as the programs do.
func testProgram() *Program {
	return &Program{Name: "test", ParseDuration: func(text string) (time.Duration, error) {
		d, err := trigger.ParseDuration(text)
		return time.Duration(d), err
	}}
}

// A fault names the flag once, as the user wrote it, and in one form.
func TestFaultsNameTheFlagAsItWasWritten(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  [2]string
		want string
	}{
		"a number":            {args: []string{"--concurrency", "none"}, want: `--concurrency: expected a valid 64 bit int but got "none"`},
		"from a variable":     {env: [2]string{"CONCURRENCY", "none"}, want: `CONCURRENCY: expected a valid 64 bit int but got "none"`},
		"the flag wins":       {args: []string{"--concurrency", "0"}, env: [2]string{"CONCURRENCY", "7"}, want: "--concurrency: must be at least 1, not 0"},
		"checked, a variable": {env: [2]string{"CONCURRENCY", "0"}, want: "CONCURRENCY: must be at least 1, not 0"},
		"one of several":      {args: []string{"--log-format", "xml"}, want: `--log-format: must be one of "text","json" but got "xml"`},
		"that by a variable":  {env: [2]string{"LOG_FORMAT", "xml"}, want: `LOG_FORMAT: must be one of "text","json" but got "xml"`},
		"a level":             {env: [2]string{"LOG_LEVEL", "all"}, want: `LOG_LEVEL: must be debug, info, warn or error, not "all"`},
		"a duration":          {env: [2]string{"SHUTDOWN_TIMEOUT", "30"}, want: `SHUTDOWN_TIMEOUT: "30" has no unit; write it like "30s"`},
		"unknown":             {args: []string{"--colour"}, want: "unknown flag --colour"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.env[0] != "" {
				t.Setenv(tc.env[0], tc.env[1])
			}
			_, err := testProgram().parser(&everyFlag{}).Parse(tc.args)
			if err == nil || parseFault(err) != tc.want {
				t.Errorf("got %q, want %q", parseFault(err), tc.want)
			}
		})
	}
}

// So do those that show only when something is opened.
func TestLaterFaultsNameTheFlagAsItWasWritten(t *testing.T) {
	t.Setenv("REDIS_URL", "x")
	t.Setenv("PROXY", "y")
	parsed, err := testProgram().parser(&everyFlag{}).Parse([]string{"--proxy", "z"})
	if err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"REDIS_URL: cannot be used":   fmt.Errorf("open: %w", &FlagError{Name: "redis-url", Err: errors.New("cannot be used")}),
		"--proxy: a; b: c":            &FlagError{Name: "proxy", Err: errors.New("a\n\tb:\n\tc")},
		"--listen: in use":            &FlagError{Name: "listen", Err: errors.New("in use"), Usable: true},
		"something else: x y; second": errors.New("something else: x\ty\nsecond"),
	} {
		if got := oneLine(sourcesOf(parsed).describe(err)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDurationsOfFlagsMayHaveDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "1d12h": 36 * time.Hour, "45s": 45 * time.Second, "": 365 * 24 * time.Hour} {
		var f struct{ HTTP }
		var args []string
		if text != "" {
			args = []string{"--audit-retention", text}
		}
		if _, err := testProgram().parser(&f).Parse(args); err != nil || f.AuditRetention != want {
			t.Errorf("%q: %v, %v", text, f.AuditRetention, err)
		}
	}
	for _, text := range []string{"long", "-1d", "30", "1y"} {
		_, err := testProgram().parser(&struct{ HTTP }{}).Parse([]string{"--audit-retention=" + text})
		if err == nil || !strings.HasPrefix(parseFault(err), "--audit-retention: ") || !strings.Contains(parseFault(err), "writ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Help has an example, the exit codes and where to read on; that of a command leaves out what only the server takes.
func TestHelp(t *testing.T) {
	help := func(args ...string) string {
		var out bytes.Buffer
		program := testProgram()
		program.Description, program.Example = "Does it.", "test --listen 127.0.0.1:1"
		program.Shutdown, program.PublicURL = "calls to finish", "Default: that."
		_, err := program.parser(&everyFlag{}, kong.Writers(&out, &out), kong.Exit(func(int) {})).Parse(append(args, "--help"))
		if err != nil && !strings.Contains(err.Error(), "expected") {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(out.String()), " ")
	}
	for _, want := range []string{"Does it.", "Example: test --listen 127.0.0.1:1", "Exit codes: 0 done, or stopped as asked; 1 failed; 2 unusable flags", "docs/running.md",
		"wait at most this long for calls to finish", "Default: that", "--webhook-secret", "--audit-retention=365d"} {
		if !strings.Contains(help(), want) {
			t.Errorf("%q is not in:\n%s", want, help())
		}
	}
	for flag, want := range map[string]bool{"--webhook-secret": false, "--listen=": false, "--redis-url": false, "--database-url": true, "--data-dir": true, "--log-level": true} {
		if strings.Contains(help("keys"), flag) != want {
			t.Errorf("%s in the help of a command: %v\n%s", flag, !want, help("keys"))
		}
	}
}

// Every line of the log is one line, and says durations in words, in both formats.
func TestTheLogIsReadable(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := (&Log{LogFormat: format}).New(&out)
		log.Info("stopping", "timeout", 30*time.Second, "error", errors.New("failed to connect:\n\t127.0.0.1:1: refused"), "count", 3)
		line := strings.ReplaceAll(strings.ReplaceAll(out.String(), `"`, ""), "timeout:", "timeout=")
		if !strings.Contains(line, "timeout=30s") || !strings.Contains(line, "failed to connect: 127.0.0.1:1: refused") || strings.Contains(line, `\n`) {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

// While a part waits for what is under way the log says for how many, and how to end at once.
func TestAStopSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := NewGroup(slog.New(slog.NewTextHandler(&out, nil)), 30*time.Second)
		var calls atomic.Int64
		calls.Store(3)
		finish := make(chan struct{})
		g.Add("quick", func(ctx context.Context) error { <-ctx.Done(); return nil })
		g.AddBusy("worker", "calls", func() int { return int(calls.Load()) }, func(ctx context.Context) error {
			<-ctx.Done()
			<-finish
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		synctest.Wait()
		cancel()
		time.Sleep(4 * time.Second)
		calls.Store(1)
		time.Sleep(3 * time.Second)
		close(finish)
		if err := <-done; err != nil {
			t.Error(err)
		}
		var said []string
		for line := range strings.Lines(out.String()) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), "msg=")
			said = append(said, text)
		}
		want := []string{"stopping timeout=30s",
			`"waiting for calls to end; signal again to end now" part=worker calls=3 time_left=30s`,
			`"waiting for calls to end; signal again to end now" part=worker calls=1 time_left=25s`}
		if strings.Join(said, "\n") != strings.Join(want, "\n") {
			t.Errorf("said:\n%s\nwant:\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
		}
	})
}
