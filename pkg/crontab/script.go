package crontab

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"schedule-server/pkg/job"
)

// link is a command of a script, with what joins it to the one before: ";", "&&", "||" or "|".
type link struct {
	op   string
	stmt *syntax.Stmt
}

// maxLinks is how many commands a script may have.
const maxLinks = 20

// links takes a script apart. A command in the background is not one.
func links(stmts []*syntax.Stmt) ([]link, error) {
	var all []link
	var walk func(op string, stmt *syntax.Stmt) error
	walk = func(op string, stmt *syntax.Stmt) error {
		b, joined := stmt.Cmd.(*syntax.BinaryCmd)
		if !joined || stmt.Negated || stmt.Background || len(stmt.Redirs) > 0 {
			if all = append(all, link{op, stmt}); len(all) > maxLinks {
				return fmt.Errorf("there are more than %d commands", maxLinks)
			}
			return nil
		}
		if err := walk(op, b.X); err != nil {
			return err
		}
		between := map[syntax.BinCmdOperator]string{syntax.AndStmt: "&&", syntax.OrStmt: "||", syntax.Pipe: "|", syntax.PipeAll: "|"}[b.Op]
		return walk(between, b.Y)
	}
	for i, stmt := range stmts {
		if i > 0 && stmts[i-1].Background {
			return nil, errors.New("an & outside quotes ends the command: put the URL into quotes")
		}
		if err := walk(";", stmt); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// program is the name of what a command of a script calls; "" where only a shell knows.
func (l link) program() string {
	cmd := l.stmt.Cmd
	if clause, ok := cmd.(*syntax.TimeClause); ok && clause.Stmt != nil {
		cmd = clause.Stmt.Cmd
	}
	call, ok := cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	return path.Base(call.Args[0].Lit())
}

// What stands beside the call and can be left out: commands that say or prepare something, and those that read the answer.
var (
	before  = []string{"cd", "date", "echo", "printf", "true", ":"}
	after   = []string{"date", "echo", "printf", "true", ":", "exit", "logger"}
	readers = []string{"logger", "systemd-cat", "tee", "mail", "mailx", "sendmail", "cat", "grep", "egrep", "fgrep", "head", "tail", "jq", "ts", "sed", "awk",
		"cut", "tr", "wc", "sort", "uniq", "ifne"}
)

// choose finds the one call of a script, and notes what of the rest is not carried over.
func (c *command) choose(stmts []*syntax.Stmt) (*syntax.Stmt, error) {
	all, err := links(stmts)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(l link) bool { return leadsToCall(l.program()) })
	if at < 0 {
		at = 0
	}
	for _, l := range all[:at] {
		switch name := l.program(); {
		case name == "sleep":
			if err := c.wait(l.stmt); err != nil {
				return nil, err
			}
		case !slices.Contains(before, name):
			return nil, errors.New("there is more than one command")
		default:
			c.warnings = append(c.warnings, fmt.Sprintf("the %s in front of the call is not carried over", name))
		}
	}
	if at > 0 && all[at].op == "|" {
		return nil, errors.New("another command writes its input")
	}
	piped := true
	for _, l := range all[at+1:] {
		name := l.program()
		piped = piped && l.op == "|"
		switch {
		case piped && slices.Contains(readers, name):
			c.warnings = append(c.warnings, fmt.Sprintf("the answer is kept with the run, not piped to %s", name))
		case piped:
			return nil, errors.New("another command reads its output")
		case l.op == "|" && slices.Contains(readers, name): // of what was left out already
			c.warnings = append(c.warnings, fmt.Sprintf("| %s behind the call is not carried over", name))
		case slices.Contains(after, name):
			c.warnings = append(c.warnings, fmt.Sprintf("%s %s behind the call is not carried over", l.op, name))
		default:
			return nil, errors.New("there is more than one command")
		}
	}
	return all[at].stmt, nil
}

var (
	randomWait = regexp.MustCompile(`RANDOM *% *([0-9]{1,6})|shuf -i *[0-9]+-([0-9]{1,6})`)
	plainWait  = regexp.MustCompile(`^([0-9]{1,6})(s|m|h)?$`)
)

// wait reads a sleep in front of the call: so many seconds, or a random number of them.
func (c *command) wait(stmt *syntax.Stmt) error {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) != 2 || c.sleep != 0 || c.jitter != 0 {
		return errors.New("its sleep cannot be read: write one number of seconds")
	}
	text := source(call.Args[1])
	if m := randomWait.FindStringSubmatch(text); m != nil {
		seconds, err := strconv.Atoi(m[1] + m[2])
		if err != nil || seconds < 1 {
			return errors.New("its sleep cannot be read: write one number of seconds")
		}
		c.jitter = time.Duration(seconds) * time.Second
		c.warnings = append(c.warnings, fmt.Sprintf("the random sleep is kept as policy.jitter %s", job.Duration(c.jitter)))
		return nil
	}
	m := plainWait.FindStringSubmatch(strings.Trim(text, `"'`))
	if m == nil {
		return errors.New("its sleep cannot be read: write one number of seconds")
	}
	n, _ := strconv.Atoi(m[1])
	c.sleep = time.Duration(n) * map[string]time.Duration{"": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour}[m[2]]
	return nil
}

// leadsToCall reports whether a program makes a call, or runs one that may.
func leadsToCall(name string) bool {
	return isCommand(name) || name == "flock" || isShell(name)
}

func isShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "ksh"}, name)
}

var shellOptions = regexp.MustCompile(`^-[a-z]*c$`)

// inner is the script that words run by sh -c '…' or flock -c '…'; ok is false when they do not.
func inner(words []word) (script string, ok bool, err error) {
	if len(words) < 2 || !isShell(path.Base(words[0].text)) {
		return "", false, nil
	}
	rest := words[1:]
	for len(rest) > 0 && strings.HasPrefix(rest[0].text, "-") && !shellOptions.MatchString(rest[0].text) {
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0 || !shellOptions.MatchString(rest[0].text):
		return "", false, nil
	case len(rest) != 2:
		return "", false, errors.New("the shell is given more than one word to run")
	case rest[1].fault != nil:
		return "", false, rest[1].fault
	}
	return rest[1].text, true, nil
}

// lock takes off flock: with -n a call that is locked out is left out, without it waits.
func (c *call) lock(words []word) (rest []word, script string, err error) {
	c.concurrency = job.ConcurrencyQueue
	defer func() {
		if err == nil {
			c.warn("flock is kept as concurrency_policy %s, which holds for this job alone", c.concurrency)
		}
	}()
	for len(words) > 0 && strings.HasPrefix(words[0].text, "-") && len(words[0].text) > 1 {
		name := words[0].text
		takesValue := name == "-w" || name == "-E" || name == "--timeout" || name == "--wait" || name == "--conflict-exit-code"
		if name == "--nonblock" || name == "--nb" || name[1] != '-' && strings.Contains(name, "n") {
			c.concurrency = job.ConcurrencyForbid
		}
		words = words[1:]
		if takesValue && len(words) > 0 {
			words = words[1:]
		}
	}
	if len(words) < 2 {
		return nil, "", errors.New("it locks, and names no command")
	}
	words = words[1:] // the file
	if words[0].text == "-c" || words[0].text == "--command" {
		if len(words) != 2 || words[1].fault != nil {
			return nil, "", errors.New("what it runs cannot be read")
		}
		return nil, words[1].text, nil
	}
	return words, "", nil
}

// second puts the seconds of a sleep into an expression of five fields.
func (c *command) second(expression string) (string, error) {
	fields := strings.Fields(expression)
	if c.sleep%time.Second != 0 || c.sleep >= time.Minute || len(fields) != 5 {
		return "", fmt.Errorf("it sleeps for %s first: choose a schedule that is as much later, or a jitter", job.Duration(c.sleep))
	}
	return strconv.Itoa(int(c.sleep/time.Second)) + " " + strings.Join(fields, " "), nil
}
