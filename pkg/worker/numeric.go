package worker

import (
	"net/netip"
	"strconv"
	"strings"

	"schedule-server/pkg/job"
)

// numericHost gives the addresses that resolvers take a host for which ends in a
// number, such as "2130706433", "0x7f.1", "127.1" or "017700000001": getaddrinfo
// and browsers read those as IPv4 addresses. Resolvers disagree on leading zeros,
// so there may be two readings. Numeric is false for names; a number that is no
// address has no reading.
func numericHost(host string) (readings []netip.Addr, numeric bool) {
	host = strings.TrimRight(host, ".")
	if !job.EndsInNumber(host) {
		return nil, false
	}
	parts := strings.Split(host, ".")
	for _, leadingZero := range []int{8, 10} {
		if addr, ok := readIPv4(parts, leadingZero); ok {
			readings = append(readings, addr)
		}
	}
	return readings, true
}

func cutHex(text string) (rest string, isHex bool) {
	if len(text) >= 2 && text[0] == '0' && text[1]|0x20 == 'x' {
		return text[2:], true
	}
	return text, false
}

// readIPv4 reads one to four numbers as inet_aton does. The last one fills the bytes that are left.
func readIPv4(parts []string, leadingZero int) (netip.Addr, bool) {
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var all uint64
	for i, part := range parts {
		base := 10
		if rest, isHex := cutHex(part); isHex {
			part, base = "0"+rest, 16
		} else if len(part) > 1 && part[0] == '0' {
			base = leadingZero
		}
		n, err := strconv.ParseUint(part, base, 64)
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		if err != nil || n >= 1<<bits {
			return netip.Addr{}, false
		}
		all = all<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)}), true
}
