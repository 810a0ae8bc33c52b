package app

import (
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// FlagError is a fault of a flag's value, or of what the value leads to. Main names
// the flag as the user wrote it, or the environment variable that the value came from.
type FlagError struct {
	// Name is the flag's, without dashes.
	Name string
	// Err says what is wrong and what to do.
	Err error
	// Usable says that the value is one, and that the fault is in what it names: the exit code is 1, not 2.
	Usable bool
}

// Error names the flag.
func (e *FlagError) Error() string { return "--" + e.Name + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *FlagError) Unwrap() error { return e.Err }

// Flag is the name of the flag, and whether its value is one.
func (e *FlagError) Flag() (name string, usable bool) { return e.Name, e.Usable }

// flagError is an error about a flag; the rooms that flags are for have types of their own.
type flagError interface {
	error
	Flag() (name string, usable bool)
	Unwrap() error
}

// flagOf finds the flag that an error is about; unusable says that its value can never be right.
func flagOf(err error) (fault flagError, unusable bool) {
	if !errors.As(err, &fault) {
		return nil, false
	}
	_, usable := fault.Flag()
	return fault, !usable
}

// sources says where the values of flags came from: the environment variable by the flag's name, if it was one.
type sources map[string]string

func sourcesOf(parsed *kong.Context) sources {
	if parsed == nil {
		return nil
	}
	given := map[*kong.Flag]bool{}
	for _, element := range parsed.Path {
		given[element.Flag] = true
	}
	from := sources{}
	for _, flag := range parsed.Flags() {
		for _, variable := range flag.Envs {
			if _, set := os.LookupEnv(variable); set && !given[flag] {
				from[flag.Name] = variable
				break
			}
		}
	}
	return from
}

// name is a flag as the user wrote it.
func (s sources) name(flag string) string {
	if variable, ok := s[flag]; ok {
		return variable
	}
	return "--" + flag
}

// describe is the text of an error. One that is about a flag begins with its name.
func (s sources) describe(err error) string {
	if fault, _ := flagOf(err); fault != nil {
		flag, _ := fault.Flag()
		return s.name(flag) + ": " + fault.Unwrap().Error()
	}
	return err.Error()
}

// kongFault is what kong says of a flag's value: "--flag: fault (from envar NAME="value")".
var kongFault = regexp.MustCompile(`^--([a-z-]+):? (.*?)(?: \(from envar [A-Z_]+=.*\))?$`)

// parseFault words the error of kong as all others.
func parseFault(err error) string {
	var known *kong.ParseError
	var from sources
	if errors.As(err, &known) {
		from = sourcesOf(known.Context)
	}
	if fault, _ := flagOf(err); fault != nil {
		return oneLine(from.describe(err))
	}
	text := oneLine(err.Error())
	if found := kongFault.FindStringSubmatch(text); found != nil {
		return from.name(found[1]) + ": " + found[2]
	}
	return text
}

// oneLine joins the lines of a text.
func oneLine(text string) string {
	if !strings.ContainsAny(text, "\n\t") {
		return text
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
}
