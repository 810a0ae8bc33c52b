package job

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Limits of a host's name, in bytes (RFC 1035).
const (
	MaxHostBytes  = 253
	maxLabelBytes = 63
)

// CheckAuthority says what is wrong with the host and the port of a URL that somebody writes; nil if nothing is. It
// is the one check for all of them: targets, token URLs, proxies and the server's own addresses. The host must be in
// ASCII. The error does not repeat the URL, which may hold a password.
func CheckAuthority(u *url.URL) error {
	if text := u.Port(); text != "" {
		if port, err := strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return errors.New("the port is not a number from 1 to 65535")
		}
	}
	host := u.Hostname()
	if host == "" {
		return errors.New("the URL has no host")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if strings.Contains(host, ":") || strings.HasPrefix(u.Host, "[") {
		return errors.New("the host is not an IPv6 address")
	}
	host = strings.TrimSuffix(host, ".") // the root of all names
	if len(host) > MaxHostBytes {
		return errors.New("the host is longer than 253 bytes")
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" {
			return errors.New("the host has a dot with no name before it")
		}
		if len(label) > maxLabelBytes {
			return errors.New("a name between the dots of the host is longer than 63 bytes")
		}
	}
	if EndsInNumber(host) {
		return errors.New("the host ends in a number and is not an IPv4 address; write that as four decimal numbers, such as 192.0.2.1")
	}
	return nil
}

// EndsInNumber reports whether the last part of a host is a number, in decimal or, after 0x, in hex. A host like
// that is no name, but an address: of the usual form, or of an old one, 127.1 or 2130706433, that some resolvers read
// as 127.0.0.1 (the WHATWG's URL standard calls it so).
func EndsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	digits := "0123456789"
	if len(last) >= 2 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X') {
		last, digits = last[2:], "0123456789abcdefABCDEF"
	} else if last == "" {
		return false
	}
	return strings.Trim(last, digits) == ""
}
