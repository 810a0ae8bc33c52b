package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A template is a name between {{ and }}: one of templateNames, or
// "secret.NAME". It may stand in the URL after the host, in the values of headers
// and in a body that is text, and, for secrets, in the credentials of a request.

// SecretPrefix begins the name of a template that stands for a secret.
const SecretPrefix = "secret."

// templateNames are the names beside those of secrets.
var templateNames = [...]string{"run_id", "job_id", "scheduled_at", "attempt", "unix"}

// HasTemplate reports whether Expand would look for names in the text.
func HasTemplate(text string) bool { return strings.Contains(text, "{{") }

// Expand puts what value answers in the place of every template of a text. One
// without any comes back as it is. More than most bytes are an error, as is an
// error of value, which is returned as it is.
func Expand(text string, most int, value func(name string) (string, error)) (string, error) {
	start := strings.Index(text, "{{")
	if start < 0 {
		return text, nil
	}
	var b strings.Builder
	for start >= 0 {
		length := strings.Index(text[start:], "}}")
		if length < 0 {
			return "", errors.New("a {{ without a }} after it")
		}
		replaced, err := value(strings.TrimSpace(text[start+2 : start+length]))
		if err != nil {
			return "", err
		}
		if b.Len()+start+len(replaced) > most {
			return "", fmt.Errorf("with its templates filled in it is longer than %d bytes", most)
		}
		b.WriteString(text[:start])
		b.WriteString(replaced)
		text = text[start+length+2:]
		start = strings.Index(text, "{{")
	}
	if b.Len()+len(text) > most {
		return "", fmt.Errorf("with its templates filled in it is longer than %d bytes", most)
	}
	b.WriteString(text)
	return b.String(), nil
}

// templatesOf lists the names in a text, and what is wrong with the first that is none.
func templatesOf(text string) (names []string, err error) {
	_, err = Expand(text, len(text), func(name string) (string, error) {
		secret, isSecret := strings.CutPrefix(name, SecretPrefix)
		switch {
		case isSecret && ValidSecretName(secret), slices.Contains(templateNames[:], name):
			names = append(names, name)
			return "", nil
		case isSecret:
			return "", fmt.Errorf("%q is no name of a secret: %s", secret, secretNameRule)
		}
		return "", fmt.Errorf("there is no template %q; there are %s and secret.NAME (request.literal sends {{ as it stands)",
			name, strings.Join(templateNames[:], ", "))
	})
	return names, err
}

// withoutTemplates is a text with a digit for every template, to be judged by its shape.
func withoutTemplates(text string) string {
	filled, err := Expand(text, len(text), func(string) (string, error) { return "0", nil })
	if err != nil {
		return text
	}
	return filled
}
