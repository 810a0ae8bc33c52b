package worker

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// guard decides which addresses may be called. It is asked with the resolved
// address at the moment of connecting, so that a name cannot show one address
// to a check and another to the call. Only public addresses pass, and what the
// operator allowed.
type guard struct {
	special []special
	allow   allowed
}

// special is a range of addresses that is not the public Internet.
type special struct {
	prefix netip.Prefix
	class  string
}

// The classes that have a word in the allow list.
const (
	classLoopback = "loopback"
	classPrivate  = "private"
	classMetadata = "metadata"
)

// newGuard reads the allow list; the error names the faulty entry.
func newGuard(allow []string) (*guard, error) {
	list, err := parseAllow(allow)
	if err != nil {
		return nil, err
	}
	return &guard{special: specialRanges(), allow: list}, nil
}

// specialRanges are the IANA special-purpose registries, and the places where
// clouds keep credentials; the first match counts.
func specialRanges() []special {
	ranges := []struct{ class, prefixes string }{
		{classMetadata, "169.254.169.254/32 169.254.170.0/24 100.100.100.200/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128"},
		{classLoopback, "127.0.0.0/8 ::1/128"},
		{classPrivate, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"},
		{"unspecified", "0.0.0.0/8 ::/128"},
		{"carrier-grade NAT", "100.64.0.0/10"},
		{"link-local", "169.254.0.0/16 fe80::/10 fec0::/10"},
		{"multicast", "224.0.0.0/4 ff00::/8"},
		{"broadcast", "255.255.255.255/32"},
		{"documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"},
		{"benchmarking", "198.18.0.0/15"},
		{"reserved", "192.0.0.0/24 192.88.99.0/24 240.0.0.0/4 64:ff9b:1::/48 100::/64 2001::/23 5f00::/16"},
	}
	var all []special
	for _, r := range ranges {
		for text := range strings.FieldsSeq(r.prefixes) {
			all = append(all, special{netip.MustParsePrefix(text), r.class})
		}
	}
	return all
}

// blockedError says that a target is not to be called.
type blockedError struct {
	target string
	class  string
}

// Error names the address and what kind of address it is.
func (e *blockedError) Error() string {
	return fmt.Sprintf("%s (%s) is not an allowed target; the operator can allow it with --allow-targets", e.target, e.class)
}

// check reports a *blockedError for an "address:port" that may not be called.
func (g *guard) check(address string) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return &blockedError{address, "not an address"}
	}
	addr := target.Addr().Unmap().WithZone("")
	if g.allow.all || g.allow.address(addr, target.Port()) {
		return nil
	}
	class := g.class(addr)
	if class == "" {
		if addr = embedded(addr); !addr.IsValid() || g.allow.address(addr, target.Port()) {
			return nil
		}
		if class = g.class(addr); class == "" {
			return nil
		}
	}
	if class == classLoopback && g.allow.loopback || class == classPrivate && g.allow.private {
		return nil
	}
	return &blockedError{target.Addr().String(), class}
}

// class is what kind of special address it is; empty for a public one.
func (g *guard) class(addr netip.Addr) string {
	for i := range g.special {
		if g.special[i].prefix.Contains(addr) {
			return g.special[i].class
		}
	}
	return ""
}

// embedded is the IPv4 address that a translating IPv6 address leads to:
// IPv4-compatible (::/96), NAT64 (64:ff9b::/96) and 6to4 (2002::/16). Invalid for any other.
func embedded(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return netip.Addr{}
	}
	b := addr.As16()
	nat64 := [12]byte{0x00, 0x64, 0xff, 0x9b}
	switch prefix := [12]byte(b[:12]); {
	case prefix == [12]byte{} || prefix == nat64:
		return netip.AddrFrom4([4]byte(b[12:]))
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return netip.Addr{}
}

// allowsName reports whether the host of "host:port" is allowed by its name,
// whatever it resolves to.
func (g *guard) allowsName(address string) bool {
	if g.allow.all {
		return true
	}
	if len(g.allow.names) == 0 {
		return false
	}
	host, port, err := net.SplitHostPort(address)
	return err == nil && g.allow.name(host, port)
}

// checkUnresolved is the guard for a target that a proxy will resolve: it sees
// literal addresses and the names of the machine itself.
func (g *guard) checkUnresolved(host, port string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.check(net.JoinHostPort(addr.WithZone("").String(), port))
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	local := name == "localhost" || strings.HasSuffix(name, ".localhost")
	if local && !g.allow.loopback && !g.allowsName(net.JoinHostPort(host, port)) {
		return &blockedError{host, classLoopback}
	}
	return nil
}
