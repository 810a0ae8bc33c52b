package app

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestHelpOfACommand shows the flags that matter to it.
func TestHelpOfACommand(t *testing.T) {
	help := func(args ...string) string {
		t.Helper()
		var f struct {
			Log
			HTTP
			Database
			Secrets
			Delivery
			Serve struct{} `cmd:"" default:"1" help:"Serve."`
			Keys  struct {
				List struct {
					Long bool `help:"More."`
				} `cmd:"" help:"List."`
			} `cmd:"" help:"Keys."`
			Reseal struct{} `cmd:"" help:"Reseal." uses:"secret-key"`
		}
		var out bytes.Buffer
		parser := testProgram().parser(&f, kong.Exit(func(int) { panic("exit") }), kong.Writers(&out, &out))
		func() {
			defer func() { _ = recover() }() // help ends the process
			_, _ = parser.Parse(append(args, "--help"))
		}()
		return strings.Join(regexp.MustCompile(`--[a-z-]+`).FindAllString(out.String(), -1), " ")
	}
	for args, want := range map[string]struct{ has, hasNot []string }{
		"":          {[]string{"--listen", "--data-dir", "--secret-key", "--concurrency", "--log-level"}, nil},
		"serve":     {[]string{"--listen", "--data-dir", "--secret-key", "--concurrency"}, nil},
		"keys":      {[]string{"--data-dir", "--database-url", "--log-level", "--version"}, []string{"--listen", "--secret-key", "--concurrency", "--audit-retention"}},
		"keys list": {[]string{"--long", "--data-dir"}, []string{"--listen", "--secret-key", "--webhook-secret"}},
		"reseal":    {[]string{"--data-dir", "--secret-key"}, []string{"--listen", "--webhook-secret"}},
	} {
		got := " " + help(strings.Fields(args)...) + " "
		for _, flag := range want.has {
			if !strings.Contains(got, " "+flag+" ") {
				t.Errorf("%q lacks %s: %s", args, flag, got)
			}
		}
		for _, flag := range want.hasNot {
			if strings.Contains(got, " "+flag+" ") {
				t.Errorf("%q shows %s: %s", args, flag, got)
			}
		}
	}
}

type codedError int

func (e codedError) Error() string { return "coded" }
func (e codedError) ExitCode() int { return int(e) }

func TestExitCode(t *testing.T) {
	if got := exitCode(errors.New("x")); got != 1 {
		t.Errorf("%d", got)
	}
	if got := exitCode(fmt.Errorf("x: %w", codedError(3))); got != 3 {
		t.Errorf("%d", got)
	}
}
