package job

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// MaxSecretHosts is how many hosts a secret may name.
const MaxSecretHosts = 32

// SecretHosts are the hosts that a secret may be sent to: "api.example.com",
// "*.example.com" for all names below it, an address; each with a port, or without
// one for any. Empty: it may be sent anywhere.
type SecretHosts []string

// ReadSecretHosts brings hosts into the form in which they are kept and compared:
// lower case, ASCII, each once. The error is an *Error that names fields.
func ReadSecretHosts(hosts []string) (SecretHosts, error) {
	var v validator
	v.check(len(hosts) <= MaxSecretHosts, "hosts", "at most %d hosts", MaxSecretHosts)
	if len(v.faults) > 0 {
		return nil, invalid(v.faults)
	}
	read := SecretHosts{}
	for i, text := range hosts {
		host, err := readSecretHost(strings.TrimSpace(text))
		v.check(err == nil, fmt.Sprintf("hosts[%d]", i), "%v", err)
		if !slices.Contains(read, host) {
			read = append(read, host)
		}
	}
	return read, invalid(v.faults)
}

func readSecretHost(text string) (string, error) {
	name, below := strings.CutPrefix(text, "*.")
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is6() {
		name = "[" + name + "]"
	}
	u, err := ParseTarget("http://" + name)
	if err == nil {
		err = CheckAuthority(u)
	}
	if err != nil {
		return "", err
	}
	host, port := hostAndPort(u)
	if u.Path != "" || u.RawQuery != "" || u.User != nil || strings.ContainsAny(name, "/?#@") || strings.Contains(host, "*") ||
		strings.HasPrefix(host, ".") {
		return "", fmt.Errorf("%q is not a host such as api.example.com, *.example.com or api.example.com:8443", text)
	}
	if addr, err := netip.ParseAddr(host); err == nil && (below || addr.Zone() != "") {
		return "", fmt.Errorf("%q: an address has no names below it, and no zone", text)
	}
	if u.Port() != "" {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if below {
		host = "*." + host
	}
	return host, nil
}

// hostAndPort is the host of a URL as it is compared, and its port or the scheme's.
func hostAndPort(u *url.URL) (host, port string) {
	host = strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	}
	port = u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return host, port
}

// Allow reports whether the secret may be sent to the URL.
func (h SecretHosts) Allow(u *url.URL) bool {
	if len(h) == 0 {
		return true
	}
	host, port := hostAndPort(u)
	return slices.ContainsFunc(h, func(allowed string) bool {
		name, below := strings.CutPrefix(allowed, "*.")
		rule := url.URL{Host: name}
		if own := rule.Port(); own != "" && own != port {
			return false
		}
		if below {
			return strings.HasSuffix(host, "."+rule.Hostname()) && len(host) > len(rule.Hostname())+1
		}
		return host == rule.Hostname()
	})
}

// StraySecret is a secret that a request would send where it may not go.
type StraySecret struct {
	SecretUse
	// Host is where it would go.
	Host string
}

// Error says so.
func (s *StraySecret) Error() string {
	return fmt.Sprintf("the secret %q may not be sent to %s", s.Name, s.Host)
}

// StraySecret finds the first secret of a request to a target that may not go
// there; nil when there is none. Hosts are the limits of secrets, by their names.
// HostHeader is the Host header of the request, which may name another recipient than the URL; empty: there is none.
func (r *Request) StraySecret(hosts map[string]SecretHosts, target *url.URL, hostHeader string) *StraySecret {
	if len(hosts) == 0 {
		return nil
	}
	recipients := []*url.URL{target}
	if hostHeader != "" {
		named := &url.URL{Scheme: target.Scheme, Host: hostHeader}
		if named.Port() == "" {
			_, port := hostAndPort(target)
			named.Host += ":" + port
		}
		recipients = append(recipients, named)
	}
	var token *url.URL
	if r.Auth != nil && r.Auth.TokenURL != "" {
		token, _ = ParseTarget(r.Auth.TokenURL) // one that cannot be read is never called
	}
	for _, use := range r.SecretUses() {
		for _, to := range r.recipientsOf(use.Field, recipients, token) {
			if !hosts[use.Name].Allow(to) {
				return &StraySecret{use, to.Host}
			}
		}
	}
	return nil
}

// recipientsOf lists who is sent the secret in a field of the request.
func (r *Request) recipientsOf(field string, target []*url.URL, token *url.URL) []*url.URL {
	var all []*url.URL
	switch field {
	case "request.tls.ca": // it stays here
		return nil
	case "request.auth.client_id", "request.auth.client_secret":
	case "request.tls.client_cert", "request.tls.client_key": // shown in both handshakes
		all = slices.Clone(target)
	default:
		return target
	}
	if token != nil {
		all = append(all, token)
	}
	return all
}

// WrittenTarget is the target and the Host header of a request as it was written,
// which the templates in it cannot change; nil for a URL that cannot be read. A Host header with a template is left out.
func (r *Request) WrittenTarget() (target *url.URL, hostHeader string) {
	text := r.URL
	if !r.Literal {
		text = withoutTemplates(text)
	}
	target, err := ParseTarget(text)
	if err != nil {
		return nil, ""
	}
	for name, value := range r.Headers {
		if strings.EqualFold(name, "Host") && (r.Literal || !HasTemplate(value)) {
			hostHeader = value
		}
	}
	return target, hostHeader
}
