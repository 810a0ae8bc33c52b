package crontab

import (
	"errors"
	"fmt"
	"strings"
)

// option is what a command does with one of its options.
type option struct {
	// value says that the next word, or the rest of this one, is the option's value.
	value bool
	// set takes it into the call; nil: it changes nothing about the call.
	set func(c *call, value string) error
	// refused says why the call cannot be made without it; empty: it can.
	refused string
}

// syntaxOf is how a program writes its options.
type syntaxOf struct {
	long  map[string]option
	short map[byte]string
	// equals: long options may be written --name=value.
	equals bool
	// pairs are options of two letters, "-nv".
	pairs map[string]string
}

// read takes the words behind the program's name into the call.
func (s *syntaxOf) read(c *call, words []word) error {
	options := true
	for i := 0; i < len(words); i++ {
		at := words[i]
		next := func() (word, error) {
			if i++; i >= len(words) {
				return word{}, fmt.Errorf("the option %s lacks its value", clip(at.text))
			}
			return words[i], nil
		}
		var err error
		switch {
		case options && at.text == "--":
			options = false
		case options && strings.HasPrefix(at.text, "--"):
			err = s.readLong(c, at, next)
		case options && len(at.text) > 1 && at.text[0] == '-':
			err = s.readShort(c, at, next)
		default:
			err = at.fault
			c.urls = append(c.urls, at.text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *syntaxOf) readLong(c *call, at word, next func() (word, error)) error {
	name, value, given := strings.TrimPrefix(at.text, "--"), "", false
	if s.equals {
		name, value, given = strings.Cut(name, "=")
	}
	o, known := s.long[name]
	if !known {
		if at.fault != nil {
			return at.fault
		}
		return fmt.Errorf("the option %s is not known", clip("--"+name))
	}
	from := word{value, at.fault}
	if o.value && !given {
		var err error
		if from, err = next(); err != nil {
			return err
		}
	}
	return o.apply(c, "--"+name, from)
}

// readShort takes a word of options of one letter apart: -sSfXPOST.
func (s *syntaxOf) readShort(c *call, at word, next func() (word, error)) error {
	if name, pair := s.pairs[at.text]; pair {
		o := s.long[name]
		return o.apply(c, "--"+name, word{})
	}
	for i := 1; i < len(at.text); i++ {
		name, known := s.short[at.text[i]]
		if !known {
			if at.fault != nil {
				return at.fault
			}
			return fmt.Errorf("the option %s is not known", clip("-"+at.text[i:i+1]))
		}
		o := s.long[name]
		if !o.value {
			if err := o.apply(c, "--"+name, word{}); err != nil {
				return err
			}
			continue
		}
		value := word{at.text[i+1:], at.fault}
		if value.text == "" {
			var err error
			if value, err = next(); err != nil {
				return err
			}
		}
		return o.apply(c, "--"+name, value)
	}
	return nil
}

// apply takes an option into the call. What only a shell knows is no fault in the value of an option that does not touch the call.
func (o *option) apply(c *call, name string, value word) error {
	if o.refused != "" {
		return fmt.Errorf("%s: %s", name, o.refused)
	}
	if o.set == nil {
		return nil
	}
	if value.fault != nil {
		return value.fault
	}
	if err := o.set(c, value.text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Reasons for which an option is refused.
const (
	needsFile    = "it reads a file, which the service does not have"
	needsNetwork = "how the target is reached is a setting of the whole service"
)

// ignored are options that change nothing about the call: what is shown, and where the answer goes.
func ignored(into map[string]option, value bool, names ...string) {
	for _, name := range names {
		into[name] = option{value: value}
	}
}

func refused(into map[string]option, value bool, why string, names ...string) {
	for _, name := range names {
		into[name] = option{value: value, refused: why}
	}
}

var errNoNumber = errors.New("a number is expected")
