package worker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"schedule-server/pkg/job"
)

// allowed is a parsed allow list. Its entries lift the guard, each for what it names:
//
//	all                     every target: no guard at all
//	loopback                127.0.0.0/8 and ::1
//	private                 10/8, 172.16/12, 192.168/16 and fc00::/7; not the clouds' metadata addresses in it
//	10.1.0.0/16, fd00::/8   a range of addresses, of any kind
//	10.1.2.3, [::1]:8080    one address, on any port or on one
//	intranet, ci.corp:8080  a host by its name, whatever it resolves to, on any port or on one
//	*.corp.example          every name below corp.example, not corp.example itself
//
// An allowed name is trusted with all that its DNS says.
type allowed struct {
	all, loopback, private bool
	prefixes               []netip.Prefix
	ports                  []netip.AddrPort
	names                  []namePattern
}

// namePattern is a host name, or with below the suffix ".corp.example" of many; port is empty for any.
type namePattern struct {
	name  string
	below bool
	port  string
}

// parseAllow reads the entries; blank ones are left out. The error names the faulty one.
func parseAllow(entries []string) (allowed, error) {
	var a allowed
	for _, entry := range entries {
		text := strings.ToLower(strings.TrimSpace(entry))
		if text == "" {
			continue
		}
		if err := a.add(text); err != nil {
			return allowed{}, job.OptionErrorf("allow-targets", "%q %w", entry, err)
		}
	}
	return a, nil
}

func (a *allowed) add(text string) error {
	switch text {
	case "all":
		a.all = true
		return nil
	case classLoopback:
		a.loopback = true
		return nil
	case classPrivate:
		a.private = true
		return nil
	}
	if strings.Contains(text, "/") {
		return a.addPrefix(text)
	}
	bare := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		bare = text[1 : len(text)-1]
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		addr = addr.Unmap().WithZone("")
		a.prefixes = append(a.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	if target, err := netip.ParseAddrPort(text); err == nil {
		a.ports = append(a.ports, netip.AddrPortFrom(target.Addr().Unmap().WithZone(""), target.Port()))
		return nil
	}
	return a.addName(text)
}

func (a *allowed) addPrefix(text string) error {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return errors.New("is not a range of addresses such as 10.1.0.0/16")
	}
	if addr := prefix.Addr(); addr.Is4In6() {
		if prefix.Bits() < 96 {
			return errors.New("is a range of IPv4-mapped addresses; write the IPv4 range")
		}
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	a.prefixes = append(a.prefixes, prefix.Masked())
	return nil
}

func (a *allowed) addName(text string) error {
	name, port, err := splitPort(text)
	if err != nil {
		return err
	}
	name, below := strings.CutPrefix(name, "*.")
	name = strings.TrimSuffix(name, ".")
	if len(name) > job.MaxHostBytes {
		return fmt.Errorf("is too long: a host has at most %d bytes", job.MaxHostBytes)
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil || ascii == "" || strings.ContainsAny(ascii, "*:[]@ ") {
		return errors.New("is neither all, loopback or private, nor a range such as 10.1.0.0/16, an address, " +
			"or a host such as intranet, *.corp.example or ci.corp.example:8080")
	}
	if _, numeric := numericHost(ascii); numeric {
		return errors.New("is neither an address nor a host name")
	}
	if word := misspelled(text); word != "" {
		return fmt.Errorf("is not known: did you mean %q? A host of that name is written %q", word, text+".")
	}
	if below {
		ascii = "." + ascii
	}
	a.names = append(a.names, namePattern{ascii, below, port})
	return nil
}

// splitPort cuts a port off a name; empty when there is none.
func splitPort(text string) (name, port string, err error) {
	if !strings.Contains(text, ":") {
		return text, "", nil
	}
	name, port, err = net.SplitHostPort(text)
	if err != nil {
		return "", "", errors.New("is not a host with a port")
	}
	if _, err := parsePort(port); err != nil {
		return "", "", err
	}
	return name, port, nil
}

// parsePort reads a port, 1 to 65535.
func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("has no valid port: %q", text)
	}
	return uint16(n), nil
}

// address reports whether the address, or the address with the port, is listed.
func (a *allowed) address(addr netip.Addr, port uint16) bool {
	return slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(addr) }) ||
		slices.Contains(a.ports, netip.AddrPortFrom(addr, port))
}

// name reports whether the host name is listed.
func (a *allowed) name(host, port string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return slices.ContainsFunc(a.names, func(p namePattern) bool {
		if p.port != "" && p.port != port {
			return false
		}
		if p.below {
			return len(host) > len(p.name) && strings.HasSuffix(host, p.name)
		}
		return host == p.name
	})
}

// misspelled is the word that the text seems to mean; empty: none. A host whose name has a dot or a port is one.
func misspelled(text string) string {
	if strings.ContainsAny(text, ".:*") {
		return ""
	}
	return job.Nearest([]string{classPrivate, classLoopback}, text)
}
