package job

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Redacted stands where a credential is not shown. Sent back in the place of one
// that was sealed it keeps what is stored.
const Redacted = "[redacted]"

// The names by which a header, a parameter or a member is taken for a credential, in lower case without - and _.
var (
	credentialParts = []string{"auth", "cookie", "token", "secret", "password", "passwd", "passphrase", "session", "credential", "signature", "completion"}
	credentialNames = []string{"sig", "sign", "pass", "pwd", "pin", "otp", "jwt", "sas"}
)

// CarriesCredentials reports whether a header, a parameter or a member of this name may hold a credential. It goes by
// the name, generously. This is the one list for the API, the audit log, the queue monitor and redirects.
func CarriesCredentials(name string) bool {
	name = strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "-", ""), "_", "") // a Replacer is dear to make
	if name == "idempotencykey" {
		return false
	}
	return strings.HasSuffix(name, "key") || slices.Contains(credentialNames, name) ||
		slices.ContainsFunc(credentialParts, func(part string) bool { return strings.Contains(name, part) })
}

// WithoutCredentials is a copy of the request for those who may not see credentials: without the values of headers and
// of parameters whose names speak of some, and without users in URLs. See Seal for what a caller may send back.
func (r *Request) WithoutCredentials() Request {
	shown := *r
	shown.URL, shown.Headers = RedactURL(r.URL), redactHeaders(r.Headers)
	if r.Auth != nil && r.Auth.TokenURL != "" {
		auth := *r.Auth
		auth.TokenURL = RedactURL(auth.TokenURL)
		shown.Auth = &auth
	}
	return shown
}

// WithoutCredentials is a copy of the answer without the values of headers whose names speak of credentials.
func (r *Response) WithoutCredentials() *Response {
	if r == nil {
		return nil
	}
	shown := *r
	shown.Headers = redactHeaders(r.Headers)
	for name, value := range shown.Headers {
		if strings.HasSuffix(strings.ToLower(name), "location") {
			shown.Headers[name] = RedactURL(value)
		}
	}
	return &shown
}

func redactHeaders(headers map[string]string) map[string]string {
	if headers == nil {
		return nil
	}
	shown := make(map[string]string, len(headers))
	for name, value := range headers {
		if CarriesCredentials(name) {
			value = Redacted
		}
		shown[name] = value
	}
	return shown
}

// restore puts back what WithoutCredentials took out, where the stored request, nil for none, has it for the same
// destination. It names the fields that are redacted and cannot be restored.
func (r *Request) restore(old *Request, faults []FieldError) []FieldError {
	const again = "this value was shown redacted, and there is no stored one that it could keep: send the value itself"
	same := old != nil && r.sameDestination(old)
	if hidden := RedactURL(r.URL); hidden == r.URL && strings.Contains(r.URL, "redacted") {
		switch {
		case same && RedactURL(old.URL) == r.URL:
			r.URL = old.URL
		case holdsRedacted(r.URL):
			faults = append(faults, FieldError{"request.url", "invalid", again})
		}
	}
	headers, copied := r.Headers, false
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if headers[name] != Redacted {
			continue
		}
		kept, ok := "", false
		if same {
			kept, ok = old.Headers[name]
		}
		if !ok {
			faults = append(faults, FieldError{"request.headers." + name, "invalid", again})
			continue
		}
		if !copied { // the caller's map may be shared
			r.Headers, copied = maps.Clone(headers), true
		}
		r.Headers[name] = kept
	}
	return faults
}

// holdsRedacted reports whether RedactURL wrote the user or a parameter of this URL.
func holdsRedacted(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	if u.User.Username() == "redacted" {
		return true
	}
	return slices.ContainsFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		return value == "redacted" && CarriesCredentials(name)
	})
}

// sameDestination reports whether credentials of a stored request may go where this one goes: to the same scheme, host
// and port, checked by the same authorities.
func (r *Request) sameDestination(old *Request) bool {
	tokenURL, ca := func(r *Request) string {
		if r.Auth == nil || r.Auth.TokenURL == "" {
			return ""
		}
		return destination(r.Auth.TokenURL)
	}, func(r *Request) string {
		if r.TLS == nil {
			return ""
		}
		return r.TLS.CA
	}
	return destination(r.URL) == destination(old.URL) && tokenURL(r) == tokenURL(old) &&
		ca(r) == ca(old) && (old.InsecureTLS || !r.InsecureTLS)
}

// destination is the scheme, host and port of a URL.
func destination(target string) string {
	scheme, _, _ := strings.Cut(target, "://")
	return strings.ToLower(scheme) + "://" + TargetHost(target)
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
