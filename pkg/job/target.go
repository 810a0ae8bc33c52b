package job

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// ParseTarget reads a target's URL as people write it: what may not stand in a
// URL is percent-encoded as UTF-8, what is encoded already stays as it is, a
// lone % becomes %25, an international host name becomes its ASCII form, and
// the fragment is cut off. The error never repeats the URL, which may hold a password.
func ParseTarget(text string) (*url.URL, error) {
	u, err := url.Parse(EscapeURL(text))
	if err != nil {
		return nil, URLFault(err)
	}
	return u, CheckTarget(u)
}

// CheckTarget is what a first target and the target of a redirect have in
// common. It puts the host into ASCII.
func CheckTarget(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("a URL must begin with http:// or https://")
	}
	host := u.Hostname()
	if host == "" {
		return errors.New("the URL has no host")
	}
	if isASCII(host) {
		return nil
	}
	if len(host) > MaxHostBytes { // IDNA takes a time that is quadratic in the length
		return fmt.Errorf("a host has at most %d bytes", MaxHostBytes)
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return errors.New("the host is not a valid international name")
	}
	if port := u.Port(); port != "" {
		ascii += ":" + port
	}
	u.Host = ascii
	return nil
}

// URLFault is the fault that net/url found, without the URL.
func URLFault(err error) error {
	var fault *url.Error
	if errors.As(err, &fault) {
		return errors.New("the URL cannot be read: " + fault.Err.Error())
	}
	return err
}

// EscapeURL percent-encodes what is not allowed in the part after the host. The
// set that stays is the one of the original service's HTTP library.
func EscapeURL(text string) string {
	text, _, _ = strings.Cut(text, "#")
	start := pathStart(text)
	bad := 0
	for i := start; i < len(text); i++ {
		if !plainAt(text, i) {
			bad++
		}
	}
	if bad == 0 {
		return text
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(text) + 2*bad)
	b.WriteString(text[:start])
	for i := start; i < len(text); i++ {
		if c := text[i]; plainAt(text, i) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// pathStart is where the part after the host begins; 0 for a relative reference.
func pathStart(text string) int {
	i := strings.Index(text, "//")
	if i < 0 || i > 0 && (text[i-1] != ':' || strings.ContainsAny(text[:i], "/?")) {
		return 0
	}
	if end := strings.IndexAny(text[i+2:], "/?"); end >= 0 {
		return i + 2 + end
	}
	return len(text)
}

// plainAt reports whether the byte stays as it is.
func plainAt(text string, i int) bool {
	switch c := text[i]; {
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
		return true
	case c == '%':
		return i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2])
	default:
		return strings.IndexByte("!$&'()*+,/:;=?@[]~-._", c) >= 0
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
