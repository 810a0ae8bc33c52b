package crontab

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Form says how much of a text has the form of a crontab.
type Form struct {
	// Entries counts the lines with a schedule and a command, whether these are valid or not.
	Entries int
	// Others counts the lines that are neither entries nor blank, comments or settings.
	Others int
	// Line and Text are the first of Others. Zero and empty: there is none.
	Line int
	Text string
}

// FormOf looks at every line of a text by itself, up to MaxLines.
func FormOf(text string) Form {
	var f Form
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		if n++; n > MaxLines {
			break
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if _, _, ok := asSetting(line); ok {
			continue
		}
		if hasEntry(line) || misplaced(line) != nil {
			f.Entries++
			continue
		}
		if f.Others++; f.Others == 1 {
			f.Line, f.Text = n, cut(line, 80)
		}
	}
	return f
}

// variable is what the name of a setting looks like.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// cutSetting splits NAME=value, with blanks as cron allows them.
func cutSetting(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, "=")
	name = strings.TrimRight(name, " \t")
	return name, strings.TrimSpace(value), ok && variable.MatchString(name)
}

// asSetting takes a setting apart. A setting whose value holds a whole entry is not one to
// us: cron would never run that entry, and whoever wrote it believes that it does.
func asSetting(line string) (name, value string, ok bool) {
	name, value, ok = cutSetting(line)
	if !ok || misplaced(line) != nil {
		return "", "", false
	}
	return name, unquote(value), true
}

// maxSettings is how many words in front of an entry are looked at.
const maxSettings = 20

// misplaced says why a line that begins as a setting is an entry; nil if it is not.
func misplaced(line string) error {
	name, rest, ok := cutSetting(line)
	if !ok || quoted(rest) {
		return nil
	}
	for n := 0; n < maxSettings && rest != ""; n++ {
		if hasEntry(rest) {
			return fmt.Errorf("cron reads it as a setting of %s and runs nothing: put the setting on a line of its own", clip(name))
		}
		_, rest = cutWord(rest)
	}
	return nil
}

func quoted(text string) bool {
	n := len(text)
	return n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0]
}

func unquote(text string) string {
	if quoted(text) {
		return text[1 : len(text)-1]
	}
	return text
}

// The forms of the words of a schedule. They leave it to the parser whether the words mean something.
var (
	clockField = regexp.MustCompile(`^[-0-9*?,/~#()HLW]*[0-9*?H][-0-9*?,/~#()HLW]*$`)
	dayField   = regexp.MustCompile(`^[-0-9A-Za-z*?,/~#()]+$`)
	macro      = regexp.MustCompile(`^@[A-Za-z_]+$`)
	// weekdayField is a field that only weekdays make, such as mon-fri.
	weekdayField = regexp.MustCompile(`(?i)^(sun|mon|tue|wed|thu|fri|sat)([-,/#].*|l)?$`)
)

// hasEntry reports whether a line has the form of an entry: five fields, or a word such as @daily, and a command.
func hasEntry(line string) bool {
	if word, rest := cutWord(line); macro.MatchString(word) {
		return strings.ContainsFunc(rest, unicode.IsLetter)
	}
	for i := range 5 {
		var word string
		word, line = cutWord(line)
		if form := [5]*regexp.Regexp{clockField, clockField, dayField, dayField, dayField}[i]; !form.MatchString(word) {
			return false
		}
	}
	return strings.ContainsFunc(line, unicode.IsLetter)
}

// isField reports whether a word where the command begins is one more field of a schedule.
func isField(word string) bool { return clockField.MatchString(word) || weekdayField.MatchString(word) }

// refuseLine says what cron, or we, cannot do with a line as a whole; nil for none of it.
func refuseLine(line string) error {
	if !utf8.ValidString(line) {
		return errors.New("it is not UTF-8: save the file as UTF-8")
	}
	if err := misplaced(line); err != nil {
		return err
	}
	if goesOn(line) {
		return errors.New(`it ends in \, and no line that goes on with it follows: cron does not join lines`)
	}
	return nil
}

// login is what the name of a user looks like.
var login = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z0-9_-]+)?\$?$`)

// runners are programs that run the command behind them, or print it, in ways that we cannot
// carry over. A name among them is never a user.
var runners = map[string]bool{
	"at": true, "bash": true, "batch": true, "cat": true, "chpst": true, "chrt": true, "cpulimit": true, "cronic": true, "dash": true,
	"docker": true, "doas": true, "eatmydata": true, "echo": true, "env": true, "envdir": true, "eval": true, "faketime": true,
	"firejail": true, "flock": true, "gosu": true, "ksh": true, "lockf": true, "lockrun": true, "nsenter": true, "parallel": true,
	"podman": true, "printf": true, "proxychains": true, "proxychains4": true, "retry": true, "run-one": true, "runuser": true,
	"script": true, "setlock": true, "setpriv": true, "sh": true, "softlimit": true, "ssh": true, "stdbuf": true, "strace": true,
	"su": true, "systemd-run": true, "taskset": true, "test": true, "torify": true, "torsocks": true, "tsocks": true, "unbuffer": true,
	"unshare": true, "watch": true, "xargs": true, "zsh": true,
}

// withoutUser takes off the column of users that /etc/crontab has. Any user but root is
// told of: the word may have been a command that nobody here knows.
func withoutUser(text string) (command string, warnings []string) {
	first, rest := cutWord(text)
	second, _ := cutWord(rest)
	switch {
	case rest == "" || isCommand(first) || runners[first]:
		return text, nil
	case first == "root" || strings.HasPrefix(first, "root:"):
		return rest, nil
	case login.MatchString(first) && isCommand(second):
		return rest, []string{fmt.Sprintf("the word %s in front of the command is taken for the user of /etc/crontab and left out", clip(first))}
	}
	return text, nil
}

// cutAt adds to an error of a command that cron cut it at a %, which may be the cause. Stdin is what follows it; nil: nothing is cut.
func cutAt(stdin *string, err error) error {
	if stdin == nil {
		return err
	}
	return fmt.Errorf(`%w; cron ends a command at the first %% that has no \ in front, here before %q`, err, clip(strings.TrimSuffix(*stdin, "\n")))
}
