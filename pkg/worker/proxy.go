package worker

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"schedule-server/pkg/job"
)

// proxy is the operator's proxy, and the targets that are called without it. Nil: there is none.
type proxy struct {
	url    *url.URL
	direct allowed
}

// newProxy reads the options; nil for an empty URL. The errors do not repeat the URL, which may hold a password.
func newProxy(text string, except []string) (*proxy, error) {
	if text == "" {
		return nil, nil
	}
	const form = "write it like http://127.0.0.1:3128 or socks5://user:password@proxy:1080"
	if !strings.Contains(text, "://") {
		return nil, job.OptionErrorf("proxy", "the scheme is missing: %s", form)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, job.OptionErrorf("proxy", "%w: %s", job.URLFault(err), form)
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, job.OptionErrorf("proxy", "the scheme must be http, https or socks5, not %q: %s", u.Scheme, form)
	}
	if err := job.CheckAuthority(u); err != nil {
		return nil, job.OptionErrorf("proxy", "%w: %s", err, form)
	}
	p := &proxy{url: u}
	for _, entry := range except {
		if err := p.except(strings.ToLower(strings.TrimSpace(entry))); err != nil {
			return nil, job.OptionErrorf("no-proxy", "%q %w", entry, err)
		}
	}
	return p, nil
}

// except adds what NO_PROXY may hold: a range of addresses, an address, a host,
// which stands for the names below it too, ".example.com", or "*" for all.
func (p *proxy) except(entry string) error {
	switch {
	case entry == "":
		return nil
	case entry == "*":
		entry = "all"
	case entry == classLoopback, entry == classPrivate:
		return errors.New("is known to --allow-targets only; list ranges of addresses")
	case strings.HasPrefix(entry, "."):
		entry = "*" + entry
	}
	known := len(p.direct.names)
	if err := p.direct.add(entry); err != nil {
		return err
	}
	if len(p.direct.names) > known {
		if below := p.direct.names[known]; !below.below {
			below.name, below.below = "."+below.name, true
			p.direct.names = append(p.direct.names, below)
		}
	}
	return nil
}

// takes reports whether calls of the URL go through the proxy.
func (p *proxy) takes(u *url.URL) bool {
	if p == nil || p.direct.all {
		return false
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		port, err := parsePort(portOf(u))
		return err != nil || !p.direct.address(addr.Unmap().WithZone(""), port)
	}
	return !p.direct.name(u.Hostname(), portOf(u))
}

// absolute reports whether the proxy is told the whole URL, in place of being asked for a tunnel.
func (p *proxy) absolute(u *url.URL) bool {
	return u.Scheme == "http" && (p.url.Scheme == "http" || p.url.Scheme == "https")
}

// checkProxied is the guard for a call that goes through the proxy, which resolves
// names. The Host header is judged like the URL: a proxy may go by it.
func (w *Worker) checkProxied(u *url.URL, host string) error {
	if err := w.guard.checkUnresolved(u.Hostname(), portOf(u)); err != nil || host == "" {
		return err
	}
	named, err := url.Parse(u.Scheme + "://" + host)
	if err != nil || named.Hostname() == "" {
		return &blockedError{"the Host header", "not a host"}
	}
	if err := w.guard.checkUnresolved(named.Hostname(), portOf(named)); err != nil {
		return fmt.Errorf("the Host header: %w", err)
	}
	return nil
}

// absoluteForm is a URL for the request line of a call through a proxy. Without
// it, net/http would build that line from the Host header.
func absoluteForm(u *url.URL) *url.URL {
	line := url.URL{Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if line.Path == "" {
		line.Path = "/"
	}
	whole := *u
	whole.Opaque = line.String()
	return &whole
}
