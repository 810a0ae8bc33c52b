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
}

// read takes the words behind the program's name into the call.
func (s *syntaxOf) read(c *call, words []string) error {
	for i := 0; i < len(words); i++ {
		word := words[i]
		next := func() (string, error) {
			if i++; i >= len(words) {
				return "", fmt.Errorf("the option %s lacks its value", clip(word))
			}
			return words[i], nil
		}
		var err error
		switch {
		case word == "--":
			c.urls = append(c.urls, words[i+1:]...)
			return nil
		case strings.HasPrefix(word, "--"):
			err = s.readLong(c, word, next)
		case len(word) > 1 && word[0] == '-':
			err = s.readShort(c, word, next)
		default:
			c.urls = append(c.urls, word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *syntaxOf) readLong(c *call, word string, next func() (string, error)) error {
	name, value, given := strings.TrimPrefix(word, "--"), "", false
	if s.equals {
		name, value, given = strings.Cut(name, "=")
	}
	o, known := s.long[name]
	if !known {
		return fmt.Errorf("the option %s is not known", clip("--"+name))
	}
	if o.value && !given {
		var err error
		if value, err = next(); err != nil {
			return err
		}
	}
	return o.apply(c, "--"+name, value)
}

// readShort takes a word of options of one letter apart: -sSfXPOST.
func (s *syntaxOf) readShort(c *call, word string, next func() (string, error)) error {
	for at := 1; at < len(word); at++ {
		name, known := s.short[word[at]]
		if !known {
			return fmt.Errorf("the option %s is not known", clip("-"+word[at:at+1]))
		}
		o := s.long[name]
		if !o.value {
			if err := o.apply(c, "--"+name, ""); err != nil {
				return err
			}
			continue
		}
		value := word[at+1:]
		if value == "" {
			var err error
			if value, err = next(); err != nil {
				return err
			}
		}
		return o.apply(c, "--"+name, value)
	}
	return nil
}

func (o *option) apply(c *call, name, value string) error {
	if o.refused != "" {
		return fmt.Errorf("%s: %s", name, o.refused)
	}
	if o.set == nil {
		return nil
	}
	if err := o.set(c, value); err != nil {
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
