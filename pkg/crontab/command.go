package crontab

import (
	"fmt"
	"path"
	"strings"
	"time"

	"schedule-server/pkg/job"
)

// ParseCommand turns one curl or wget command into a definition without id and
// schedule; what its options do not say is as in the policy given. Warnings name
// what is not carried over. The error says in words for people why the command cannot become a job.
func ParseCommand(text string, policy job.Policy) (d *job.Definition, warnings []string, err error) {
	cmd, err := split(withoutPrompt(text), nil)
	if err != nil {
		return nil, nil, err
	}
	return convert(cmd, policy)
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

// convert turns a command that was taken apart into a definition.
func convert(cmd *command, policy job.Policy) (*job.Definition, []string, error) {
	c := &call{stdin: cmd.stdin, warnings: cmd.warnings}
	words, err := c.unwrap(cmd.words)
	if err != nil {
		return nil, nil, err
	}
	program := path.Base(words[0])
	switch program {
	case "curl":
		err = curlSyntax().read(c, words[1:])
	case "wget":
		c.redirects = true
		err = wgetSyntax().read(c, words[1:])
	default:
		err = fmt.Errorf("it calls %s, neither curl nor wget", clip(program))
	}
	if err != nil {
		return nil, nil, err
	}
	d, err := c.definition(policy)
	if err != nil {
		return nil, nil, err
	}
	return d, c.warnings, nil
}

// unwrap takes off the programs that start another and mean something, or nothing, to an HTTP call.
func (c *call) unwrap(words []string) ([]string, error) {
	for len(words) > 1 {
		switch path.Base(words[0]) {
		case "timeout":
			limit, err := time.ParseDuration(words[1])
			if err != nil {
				if err = seconds(words[1], &limit); err != nil {
					return nil, fmt.Errorf("timeout: %w", err)
				}
			}
			c.timeout, words = limit, words[2:]
		case "nice", "ionice":
			words = words[1:]
			for len(words) > 1 && strings.HasPrefix(words[0], "-") {
				if words[0] == "-n" || words[0] == "-c" {
					words = words[1:]
				}
				words = words[1:]
			}
		case "exec", "nohup":
			words = words[1:]
		default:
			return words, nil
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("there is no command")
	}
	return words, nil
}

// isCommand reports whether a word calls something that convert looks into.
func isCommand(word string) bool {
	switch path.Base(word) {
	case "curl", "wget", "timeout", "nice", "ionice", "exec", "nohup":
		return true
	}
	return false
}
