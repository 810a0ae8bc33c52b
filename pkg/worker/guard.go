package worker

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"schedule-server/pkg/job"
)

// guard decides which addresses may be called. It is asked with the resolved
// address at the moment of connecting, so that a name cannot show one address
// to a check and another to the call. Only public addresses pass, and what the
// operator allowed.
type guard struct {
	special []special
	// nat64 are prefixes under which this network translates IPv6 addresses into IPv4 ones.
	nat64 []netip.Prefix
	allow allowed
	// ownNetwork reports whether loopback and private targets are allowed at this moment. Nil: only if allow says so.
	ownNetwork func() bool
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
	classReserved = "reserved"
)

// newGuard reads the allow list and the NAT64 prefixes; the error names the faulty entry.
func newGuard(allow, nat64 []string) (*guard, error) {
	list, err := parseAllow(allow)
	if err != nil {
		return nil, err
	}
	prefixes, err := parseNAT64(nat64)
	if err != nil {
		return nil, err
	}
	return &guard{special: specialRanges(), nat64: prefixes, allow: list}, nil
}

// specialRanges are the IANA special-purpose registries as of 2026, and the
// places where clouds keep credentials; the first match counts. Of IPv6 only what
// lies within 2000::/3 is listed: all else that has no class is reserved.
func specialRanges() []special {
	ranges := []struct{ class, prefixes string }{
		{classMetadata, "169.254.169.254/32 169.254.170.0/24 100.100.100.200/32 192.0.0.192/32 168.63.129.16/32 " +
			"fd00:ec2::/32 fd20:ce::254/128 fd00:42::42/128"},
		{classLoopback, "127.0.0.0/8 ::1/128"},
		{classPrivate, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"},
		{"unspecified", "0.0.0.0/8 ::/128"},
		{"carrier-grade NAT", "100.64.0.0/10"},
		{"link-local", "169.254.0.0/16 fe80::/10 fec0::/10"},
		{"multicast", "224.0.0.0/4 ff00::/8"},
		{"broadcast", "255.255.255.255/32"},
		{"documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"},
		{"benchmarking", "198.18.0.0/15"},
		{classReserved, "192.0.0.0/24 192.88.99.0/24 240.0.0.0/4 2001::/23"},
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
	if inner := g.inner(addr, class); inner.IsValid() {
		if g.allow.address(inner, target.Port()) {
			return nil
		}
		class = g.class(inner)
	}
	switch {
	case class == "", g.allowsClass(class):
		return nil
	}
	return &blockedError{target.Addr().String(), class}
}

// allowsClass reports whether targets of a class that has a word in the allow list are allowed now.
func (g *guard) allowsClass(class string) bool {
	switch class {
	case classLoopback:
		return g.allow.loopback || g.ownNetwork != nil && g.ownNetwork()
	case classPrivate:
		return g.allow.private || g.ownNetwork != nil && g.ownNetwork()
	}
	return false
}

// class is what kind of special address it is; empty for a public one.
func (g *guard) class(addr netip.Addr) string {
	for i := range g.special {
		if g.special[i].prefix.Contains(addr) {
			return g.special[i].class
		}
	}
	if addr.Is6() && addr.As16()[0]>>5 != 1 { // IANA gives public addresses from 2000::/3 alone
		return classReserved
	}
	return ""
}

// inner is the IPv4 address that a translating IPv6 address of that class leads
// to. Invalid for any other. Whole prefixes stand for IPv4: IPv4-compatible (::/96),
// IPv4-translated (::ffff:0:0:0/96), NAT64, and 6to4 (2002::/16). An ISATAP address
// has one at its end, and is judged by it as well if it is public otherwise.
func (g *guard) inner(addr netip.Addr, class string) netip.Addr {
	if !addr.Is6() {
		return netip.Addr{}
	}
	for _, prefix := range g.nat64 {
		if prefix.Contains(addr) {
			return translated(addr, prefix.Bits())
		}
	}
	b := addr.As16()
	siit, nat64 := [12]byte{8: 0xff, 9: 0xff}, [12]byte{0x00, 0x64, 0xff, 0x9b}
	switch prefix := [12]byte(b[:12]); {
	case class == classReserved && (prefix == [12]byte{} || prefix == nat64 || prefix == siit):
		return translated(addr, 96)
	case class == "" && b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	case class == "" && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return translated(addr, 96)
	}
	return netip.Addr{}
}

// translated is the IPv4 address within an IPv6 address of a NAT64 prefix of that length (RFC 6052 §2.2).
func translated(addr netip.Addr, bits int) netip.Addr {
	b, at := addr.As16(), bits/8
	var inner [4]byte
	for i := range inner {
		if at == 8 { // these bits are always zero
			at++
		}
		inner[i] = b[at]
		at++
	}
	return netip.AddrFrom4(inner)
}

// parseNAT64 reads prefixes of IPv6 addresses that are translated; blank ones are left out. The error names the faulty one.
func parseNAT64(entries []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, entry := range entries {
		text := strings.TrimSpace(entry)
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil || !prefix.Addr().Is6() || !slices.Contains([]int{32, 40, 48, 56, 64, 96}, prefix.Bits()) {
			return nil, job.OptionErrorf("nat64-prefixes", "%q is not a prefix such as 2001:db8:64::/96; its length is 32, 40, 48, 56, 64 or 96", entry)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
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

// localNames are names by which machines know themselves, and by which clouds know their metadata.
var localNames = map[string]string{
	"localhost": classLoopback, "localhost.localdomain": classLoopback, "localhost4": classLoopback, "localhost6": classLoopback,
	"localhost4.localdomain4": classLoopback, "localhost6.localdomain6": classLoopback,
	"ip6-localhost": classLoopback, "ip6-loopback": classLoopback,
	"metadata": classMetadata, "metadata.google.internal": classMetadata, "metadata.goog": classMetadata,
	"instance-data": classMetadata, "instance-data.ec2.internal": classMetadata, "metadata.tencentyun.com": classMetadata,
}

// checkUnresolved is the guard for a target that a proxy will resolve. It sees
// addresses, in all spellings that resolvers take for one, and the names of the
// machine itself; what other names lead to is the proxy's to judge.
func (g *guard) checkUnresolved(host, port string) error {
	name := strings.TrimRight(strings.ToLower(host), ".")
	if addr, err := netip.ParseAddr(name); err == nil {
		return g.check(net.JoinHostPort(addr.WithZone("").String(), port))
	}
	if g.allowsName(net.JoinHostPort(host, port)) {
		return nil
	}
	if readings, numeric := numericHost(name); numeric {
		if len(readings) == 0 {
			return &blockedError{host, "a number that is no address"}
		}
		for _, addr := range readings {
			if err := g.check(net.JoinHostPort(addr.String(), port)); err != nil {
				return err
			}
		}
		return nil
	}
	class := localNames[name]
	if strings.HasSuffix(name, ".localhost") {
		class = classLoopback
	}
	if class == "" || g.allowsClass(class) {
		return nil
	}
	return &blockedError{host, class}
}
