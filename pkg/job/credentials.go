package job

import (
	"net/url"
	"slices"
	"strings"
)

// Redacted stands where a credential is not shown. Sent back in the place of one
// that was sealed it keeps what is stored.
const Redacted = "[redacted]"

// CarriesCredentials reports whether a header, a parameter or a member of this
// name may hold a credential. It goes by the name, generously.
func CarriesCredentials(name string) bool {
	name = strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "-", ""), "_", "") // a Replacer is dear to make
	return slices.ContainsFunc([]string{"auth", "cookie", "token", "secret", "password", "passwd", "apikey",
		"accesskey", "privatekey", "session", "credential", "signature"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}

// RedactURL is a URL without its user and password and without the values of
// query parameters that may hold credentials. What is no URL is not shown at all.
func RedactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return Redacted
	}
	hidden := u.User != nil
	if hidden {
		u.User = url.User("redacted")
	}
	pairs := strings.Split(u.RawQuery, "&")
	for i, pair := range pairs {
		name, _, ok := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); ok && (err != nil || CarriesCredentials(plain)) {
			pairs[i], hidden = name+"=redacted", true
		}
	}
	if !hidden {
		return text // letter by letter: a template in it is no URL yet
	}
	u.RawQuery = strings.Join(pairs, "&")
	return u.String()
}
