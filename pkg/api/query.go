package api

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// The size of a page of a list.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// query reads the parameters behind the ? of a URL and gathers what is wrong
// with them. Who reads all it knows ends with check.
type query struct {
	values map[string][]string
	known  []string
	faults []job.FieldError
}

func readQuery(c *fiber.Ctx) *query {
	q := &query{values: map[string][]string{}}
	for key, value := range c.Context().QueryArgs().All() {
		q.values[string(key)] = append(q.values[string(key)], string(value))
	}
	return q
}

func (q *query) fault(name, code, format string, args ...any) {
	q.faults = append(q.faults, job.FieldError{Field: name, Code: code, Message: fmt.Sprintf(format, args...)})
}

// all gives the values of a parameter that may be repeated.
func (q *query) all(name string) []string {
	q.known = append(q.known, name)
	for _, value := range q.values[name] {
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			q.fault(name, "invalid", "%s is not UTF-8 without NUL", name)
			return nil
		}
	}
	return q.values[name]
}

// text gives a parameter that may stand once; "" when it is absent.
func (q *query) text(name string) string {
	values := q.all(name)
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	}
	q.fault(name, "invalid", "%s is given more than once", name)
	return ""
}

// choice gives a parameter that is one of some words; "" when it is absent.
func (q *query) choice(name string, words ...string) string {
	value := q.text(name)
	if value != "" && !slices.Contains(words, value) {
		q.fault(name, "invalid", "%s is one of %s", name, strings.Join(words, ", "))
	}
	return value
}

func (q *query) boolean(name string) bool {
	return q.choice(name, "true", "false") == "true"
}

// integer gives a number from 0 to most; otherwise, when it is absent.
func (q *query) integer(name string, otherwise, most int) int {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		q.fault(name, "invalid", "%s is a number from 0 to %d", name, most)
	}
	return n
}

// limit gives the size of a page.
func (q *query) limit() int {
	text := q.text("limit")
	if text == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		q.fault("limit", "invalid", "limit is a number from 1 to %d", maxLimit)
	}
	return n
}

// instant gives a moment; nil when it is absent.
func (q *query) instant(name string) *job.Instant {
	text := q.text(name)
	if text == "" {
		return nil
	}
	var at job.Instant
	if err := at.UnmarshalText([]byte(text)); err != nil {
		q.fault(name, "invalid", "%v", err)
		return nil
	}
	return &at
}

// check names every fault, a parameter that nobody asked for among them.
func (q *query) check() error {
	var unknown []string
	for name := range q.values {
		if !slices.Contains(q.known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		q.fault(strings.ToValidUTF8(name, "�"), "unknown", "there is no such parameter%s; there are: %s",
			job.DidYouMean(q.known, name), strings.Join(q.known, ", "))
	}
	if len(q.faults) == 0 {
		return nil
	}
	return &job.Error{Code: job.CodeInvalid, Detail: "the query is invalid", Fields: q.faults}
}

func words[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = string(one)
	}
	return out
}
