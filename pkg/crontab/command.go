package crontab

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"schedule-server/pkg/job"
)

// ParseCommand turns one curl or wget command into a definition without id and
// schedule; what its options do not say is as in the policy given. Warnings name
// what is not carried over. The error says in words for people why the command cannot become a job.
func ParseCommand(text string, policy job.Policy) (d *job.Definition, warnings []string, err error) {
	text, err = asBash(withoutPrompt(text))
	if err != nil {
		return nil, nil, err
	}
	cmd, err := split(text, nil, new(int)) // no variables, no room for them
	if err != nil {
		return nil, nil, wordProcessed(text, err)
	}
	d, warnings, err = convert(cmd, policy)
	if err != nil {
		return nil, nil, wordProcessed(text, err)
	}
	if cmd.sleep > 0 {
		warnings = append(warnings, fmt.Sprintf("the sleep of %s in front of the call is not carried over", job.Duration(cmd.sleep)))
	}
	return d, warnings, nil
}

// IsCommand reports whether a text begins as ParseCommand reads it, rather than as a crontab.
func IsCommand(text string) bool {
	first, _, _ := strings.Cut(withoutPrompt(text), " ")
	first, _, _ = strings.Cut(first, "\n")
	return isCommand(strings.TrimSuffix(first, "\r"))
}

// withoutPrompt takes off what a shell shows in front of a command.
func withoutPrompt(text string) string {
	text = strings.TrimSpace(text)
	for _, prompt := range []string{"$ ", "> "} {
		text = strings.TrimPrefix(text, prompt)
	}
	return text
}

// maxNested is how many shells may run one another.
const maxNested = 3

// convert turns a command that was taken apart into a definition.
func convert(cmd *command, policy job.Policy) (*job.Definition, []string, error) {
	c := &call{stdin: cmd.stdin, warnings: cmd.warnings}
	words, err := c.unwrap(cmd, cmd.words, 0)
	if err != nil {
		return nil, nil, err
	}
	if words[0].fault != nil {
		return nil, nil, words[0].fault
	}
	if err := c.program(words); err != nil {
		return nil, nil, err
	}
	d, err := c.definition(policy)
	if err != nil {
		return nil, nil, err
	}
	if cmd.jitter > 0 {
		d.Policy.Jitter = job.Duration(cmd.jitter)
	}
	if c.concurrency != "" {
		d.Policy.ConcurrencyPolicy = c.concurrency
	}
	if cmd.mustRead && !c.stdinRead && strings.TrimSpace(*cmd.stdin) != "" {
		return nil, nil, cutAt(cmd.stdin, errors.New("the command does not read its input"))
	}
	return d, c.warnings, nil
}

// program reads the words of the program that makes the call.
func (c *call) program(words []word) error {
	switch program := path.Base(words[0].text); program {
	case "curl", "curl.exe":
		return curlSyntax().read(c, words[1:])
	case "wget":
		c.redirects, c.literalURL = true, true
		return wgetSyntax().read(c, words[1:])
	case "lynx":
		c.redirects, c.literalURL = true, true
		return lynxSyntax().read(c, words[1:])
	case "fetch":
		c.redirects, c.literalURL = true, true
		return fetchSyntax().read(c, words[1:])
	case "GET", "HEAD":
		c.redirects, c.literalURL, c.method = true, true, program
		return lwpSyntax().read(c, words[1:])
	default:
		return fmt.Errorf("it calls %s, neither curl nor wget", clip(program))
	}
}

// unwrap takes off the programs that start another and mean something, or nothing, to an HTTP call.
func (c *call) unwrap(cmd *command, words []word, depth int) ([]word, error) {
	for len(words) > 1 {
		script, nested, err := inner(words)
		if err != nil {
			return nil, err
		}
		switch name := path.Base(words[0].text); {
		case nested:
			return c.within(cmd, script, depth)
		case name == "flock":
			if words, script, err = c.lock(words[1:]); err != nil {
				return nil, err
			}
			if words == nil {
				return c.within(cmd, script, depth)
			}
		case name == "timeout":
			rest, err := c.limit(words[1:])
			if err != nil {
				return nil, fmt.Errorf("timeout: %w", err)
			}
			words = rest
		case name == "nice" || name == "ionice":
			c.warn("%s is not carried over: a worker makes the call", name)
			words = words[1:]
			for len(words) > 1 && strings.HasPrefix(words[0].text, "-") {
				if words[0].text == "-n" || words[0].text == "-c" {
					words = words[1:]
				}
				words = words[1:]
			}
		case slices.Contains([]string{"exec", "nohup", "sudo", "setsid", "chronic", "time", "command"}, name):
			if strings.HasPrefix(words[1].text, "-") {
				return words, nil // its options may change what runs
			}
			c.warn("%s is not carried over: a worker makes the call", name)
			words = words[1:]
		default:
			return words, nil
		}
	}
	if len(words) == 0 {
		return nil, errors.New("there is no command")
	}
	return words, nil
}

// within reads a script that the command runs, in place of the command.
func (c *call) within(cmd *command, script string, depth int) ([]word, error) {
	if depth >= maxNested {
		return nil, fmt.Errorf("more than %d shells run one another", maxNested)
	}
	nested, err := cmd.nested(script)
	if err != nil {
		return nil, err
	}
	c.warnings = append(c.warnings, nested.warnings...)
	if nested.stdin != nil {
		c.stdin = nested.stdin
	}
	cmd.sleep, cmd.jitter = max(cmd.sleep, nested.sleep), max(cmd.jitter, nested.jitter)
	return c.unwrap(cmd, nested.words, depth+1)
}

// limit takes the limit that timeout sets, and what it does when that is over: the call is cut off in any case.
func (c *call) limit(words []word) (rest []word, err error) {
	for len(words) > 0 && strings.HasPrefix(words[0].text, "-") {
		switch name := words[0].text; {
		case name == "-k", name == "-s", name == "--kill-after", name == "--signal":
			words = words[1:]
		case name == "--foreground", name == "--preserve-status", name == "-v", name == "--verbose", name == "-p", name == "-f",
			strings.HasPrefix(name, "-k"), strings.HasPrefix(name, "-s"),
			strings.HasPrefix(name, "--kill-after="), strings.HasPrefix(name, "--signal="):
		default:
			return nil, fmt.Errorf("the option %s is not known", clip(name))
		}
		words = words[min(1, len(words)):]
	}
	if len(words) == 0 {
		return nil, errNoNumber
	}
	if words[0].fault != nil {
		return nil, words[0].fault
	}
	text, unit := words[0].text, 1.0
	if at := strings.IndexAny(text, "smhd"); at >= 0 && at == len(text)-1 {
		unit = map[byte]float64{'s': 1, 'm': 60, 'h': 3600, 'd': 86_400}[text[at]]
		text = text[:at]
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n*unit <= 1e9) {
		return nil, errNoNumber
	}
	c.timeout = time.Duration(n * unit * float64(time.Second)).Round(time.Millisecond)
	return words[1:], nil
}

// isCommand reports whether a word calls something that convert looks into.
func isCommand(word string) bool {
	switch path.Base(word) {
	case "curl", "curl.exe", "wget", "lynx", "fetch", "GET", "HEAD", "timeout", "nice", "ionice", "exec", "nohup", "sudo", "setsid", "chronic", "time", "command":
		return true
	}
	return false
}
