package crontab

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// The limits of a command.
const (
	maxCommand = 64 << 10 // as it is written
	maxWords   = 1 << 20  // with its variables in place
	// maxSubstitutions is how many there may be of what begins a substitution, in quotes or not: the
	// parser's time grows with their square.
	maxSubstitutions = 500
)

// command is one simple command, taken apart.
type command struct {
	words []word
	// stdin is what a here-document, or the % of a crontab, gives it to read; nil: nothing.
	stdin *string
	// mustRead says that stdin is the rest of the line behind a %: a command that does not read it was cut by mistake.
	mustRead bool
	// warnings say what is not carried over.
	warnings []string
	// sleep is how long it waits before the call, jitter up to how long.
	sleep, jitter time.Duration
	// nested takes a script apart that the command runs, as the command was.
	nested func(script string) (*command, error)
}

// word is a word of a command.
type word struct {
	text string
	// fault says why only a shell knows what the word is; text is then as it is written. Nil: it is text.
	fault error
}

// split takes a command apart as a shell would, with the variables of a crontab. What they
// add is taken off the room that all commands of a text share.
// What only a shell can do, such as running another command, is an error.
func split(text string, variables map[string]string, room *int) (*command, error) {
	if len(text) > maxCommand {
		return nil, fmt.Errorf("the command is longer than %d bytes", maxCommand)
	}
	if substitutions(text) > maxSubstitutions {
		return nil, fmt.Errorf("the command has more than %d substitutions", maxSubstitutions)
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, fmt.Errorf("the command cannot be read: %s", syntaxFault(err))
	}
	c := &command{nested: func(script string) (*command, error) { return split(script, variables, room) }}
	call, stmt, err := c.simple(file)
	if err != nil {
		return nil, err
	}
	s := shell{variables: variables, own: maxWords - len(text), shared: room}
	if len(call.Assigns) > 0 {
		c.warnings = append(c.warnings, "variables set in front of the command are not carried over")
	}
	for _, arg := range call.Args {
		text, err := s.literal(arg)
		if err != nil {
			if s.full() {
				return nil, err
			}
			text = source(arg)
		}
		if _, bare := arg.Parts[0].(*syntax.ParamExp); err == nil && bare && len(arg.Parts) == 1 {
			for _, one := range strings.Fields(text) { // outside quotes a shell takes the words of a variable apart
				c.words = append(c.words, word{one, nil})
			}
			continue
		}
		c.words = append(c.words, word{text, err})
	}
	for _, r := range stmt.Redirs {
		if err := c.redirect(&s, r); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func syntaxFault(err error) string {
	var fault syntax.ParseError
	if errors.As(err, &fault) {
		return fault.Text
	}
	return err.Error()
}

// simple finds the one call of a script.
func (c *command) simple(file *syntax.File) (*syntax.CallExpr, *syntax.Stmt, error) {
	if len(file.Stmts) == 0 {
		return nil, nil, errors.New("there is no command")
	}
	stmt, err := c.choose(file.Stmts)
	if err != nil {
		return nil, nil, err
	}
	if stmt.Negated || stmt.Coprocess || stmt.Disown {
		return nil, nil, errors.New("the command is part of a script")
	}
	switch cmd := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		if len(cmd.Args) > 0 {
			return cmd, stmt, nil
		}
		return nil, nil, errors.New("there is no command")
	case *syntax.TimeClause:
		if cmd.Stmt != nil && !cmd.Stmt.Negated && len(stmt.Redirs) == 0 {
			if call, plain := cmd.Stmt.Cmd.(*syntax.CallExpr); plain && len(call.Args) > 0 {
				return call, cmd.Stmt, nil
			}
		}
	}
	return nil, nil, errors.New("the command is part of a script")
}

// substitutions counts what begins one.
func substitutions(text string) (n int) {
	for _, opening := range []string{"$(", "$[", "${", "<(", ">(", "`"} {
		n += strings.Count(text, opening)
	}
	return n
}

// shell gives words their values.
type shell struct {
	variables map[string]string
	// own is how many bytes variables may still add to this command, shared to all commands of the text.
	own    int
	shared *int
}

func (s *shell) full() bool { return s.own < 0 || *s.shared < 0 }

func (s *shell) literal(word *syntax.Word) (string, error) {
	if err := s.check(word); err != nil {
		return "", err
	}
	text, err := expand.Literal(s.config(), &syntax.Word{Parts: unescaped(word.Parts)})
	if err != nil {
		return "", errors.New("a word of the command cannot be read")
	}
	return text, nil
}

// source is a word as it is written.
func source(word *syntax.Word) string {
	var b strings.Builder
	_ = syntax.NewPrinter().Print(&b, word) // a Builder takes everything
	return b.String()
}

// unescaped puts text outside quotes that holds backslashes into quotes without them: expand.Literal would leave them there.
func unescaped(parts []syntax.WordPart) []syntax.WordPart {
	plain := make([]syntax.WordPart, len(parts))
	for i, part := range parts {
		plain[i] = part
		lit, isLit := part.(*syntax.Lit)
		if !isLit || !strings.Contains(lit.Value, `\`) {
			continue
		}
		var text strings.Builder
		for at := 0; at < len(lit.Value); at++ {
			if lit.Value[at] == '\\' && at+1 < len(lit.Value) {
				at++
			}
			text.WriteByte(lit.Value[at])
		}
		plain[i] = &syntax.SglQuoted{Value: text.String()}
	}
	return plain
}

func (s *shell) config() *expand.Config {
	return &expand.Config{Env: expand.FuncEnviron(func(name string) string { return s.variables[name] })}
}

// check refuses every part of a word but text, quotes and variables that are known.
func (s *shell) check(word *syntax.Word) (err error) {
	syntax.Walk(word, func(node syntax.Node) bool {
		if err != nil {
			return false
		}
		switch n := node.(type) {
		case nil, *syntax.Word, *syntax.SglQuoted, *syntax.DblQuoted:
		case *syntax.Lit:
			if strings.HasPrefix(n.Value, "~") && n.Pos() == word.Pos() {
				err = errors.New("the command speaks of a home directory")
			}
		case *syntax.ParamExp:
			err = s.checkVariable(n)
			return false
		case *syntax.CmdSubst:
			err = errors.New("the command contains another: $(…) or `…`")
		default:
			err = errors.New("the command uses more of the shell than words, quotes and variables")
		}
		return err == nil
	})
	return err
}

func (s *shell) checkVariable(p *syntax.ParamExp) error {
	plain := p.Param != nil && !p.Excl && !p.Length && !p.Width && !p.IsSet && p.NestedParam == nil && p.Index == nil &&
		p.Slice == nil && p.Repl == nil && p.Names == 0 && p.Exp == nil && len(p.Modifiers) == 0 && p.Flags == nil
	if !plain {
		return errors.New("the command uses more of the shell than words, quotes and variables")
	}
	value, known := s.variables[p.Param.Value]
	if !known {
		return fmt.Errorf("the variable %s has no value", clip(p.Param.Value))
	}
	if s.own -= len(value); s.own < 0 {
		return fmt.Errorf("with its variables the command is longer than %d bytes", maxWords)
	}
	if *s.shared -= len(value); *s.shared < 0 {
		return errors.New("with the variables of the lines above in place the text grows too long")
	}
	return nil
}

// redirect notes what a redirection means for the call.
func (c *command) redirect(s *shell, r *syntax.Redirect) error {
	switch r.Op {
	case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
		target, err := s.literal(r.Word)
		if err != nil { // where the answer goes does not touch the call
			target = source(r.Word)
		}
		if target != "/dev/null" {
			c.warnings = append(c.warnings, "the answer is kept with the run, not written to "+clip(target))
		}
		return nil
	case syntax.DplOut:
		return nil
	case syntax.Hdoc, syntax.DashHdoc:
		if err := s.check(r.Hdoc); err != nil {
			return err
		}
		text, err := expand.Document(s.config(), r.Hdoc)
		if err != nil {
			return errors.New("the here-document cannot be read")
		}
		c.stdin = &text
		return nil
	case syntax.WordHdoc:
		text, err := s.literal(r.Word)
		if err != nil {
			return err
		}
		text += "\n"
		c.stdin = &text
		return nil
	}
	if target, err := s.literal(r.Word); r.Op == syntax.RdrIn && err == nil && target == "/dev/null" {
		return nil
	}
	return errors.New("the command reads a file")
}

// clip is a piece of a text for a message.
func clip(text string) string {
	const most = 60
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
