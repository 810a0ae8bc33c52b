package worker

import (
	"errors"
	"net"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	denied := []string{
		"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255",
		"192.168.1.1", "::ffff:10.1.2.3", "100.64.0.1", "100.127.255.255", "169.254.1.1", "169.254.169.254",
		"::ffff:169.254.169.254", "fd00:ec2::254", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.250",
		"255.255.255.255", "240.0.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.7",
		"fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fdff::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:a00:1::", "::127.0.0.1",
		"::10.0.0.1", "2001::1", "5f00::1", "168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "fd00:ec2::23", "fd00:ec2::253",
		"fd00:42::42", "::ffff:0:127.0.0.1", "::ffff:0:169.254.169.254", "::ffff:0:168.63.129.16", "100:0:0:1::1", "200::1", "4000::1", "e000::1",
		"2a00:1450::5efe:a00:1", "2a00:1450::200:5efe:7f00:1",
		"4000::5efe:808:808", "2001:0:1:2:0:5efe:808:808", "64:ff9b:1::5efe:808:808", "100::200:5efe:808:808", "2002:7f00:1::5efe:808:808",
	}
	open := []string{
		"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.1.1", "192.167.1.1",
		"11.0.0.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
		"::ffff:0:8.8.8.8", "2a00:1450::5efe:808:808", "3ff0::1", "168.63.129.17",
	}
	tests := []struct {
		allow        string
		denied, open []string
	}{
		{"", denied, open},
		{"all", nil, append(denied, open...)},
		{"loopback", []string{"10.0.0.1", "0.0.0.0", "::", "169.254.169.254"},
			[]string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "8.8.8.8"}},
		{"private", []string{"127.0.0.1", "100.64.0.1", "169.254.169.254", "fd00:ec2::254", "fd00:ec2::23", "fd00:42::42", "::ffff:127.0.0.1", "fe80::1"},
			[]string{"10.0.0.1", "172.16.0.1", "192.168.0.1", "fd12::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "8.8.8.8"}},
		{"10.1.0.0/16", []string{"10.2.0.1", "127.0.0.1", "192.168.0.1"}, []string{"10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"}},
		{"10.1.2.3/16", []string{"10.2.0.1"}, []string{"10.1.200.3"}},
		{"::ffff:10.1.0.0/112", []string{"10.2.0.1"}, []string{"10.1.200.3"}},
		{"169.254.169.254", []string{"169.254.169.253"}, []string{"169.254.169.254"}},
		{"fd00:ec2::/32", []string{"fd01::1"}, []string{"fd00:ec2::254"}},
		{"[::1]", []string{"127.0.0.1"}, []string{"::1"}},
		{"127.0.0.1:443", []string{"127.0.0.2"}, []string{"127.0.0.1", "::ffff:127.0.0.1"}},
		{"127.0.0.1:80", []string{"127.0.0.1"}, nil},
		{"0.0.0.0/0, ::/0", nil, append(denied, open...)},
	}
	for _, test := range tests {
		g, err := newGuard(strings.Split(test.allow, ","), nil)
		if err != nil {
			t.Fatalf("%q: %v", test.allow, err)
		}
		for _, addr := range test.denied {
			var blocked *blockedError
			if err := g.check(net.JoinHostPort(addr, "443")); !errors.As(err, &blocked) {
				t.Errorf("allow %q: %s passes (%v)", test.allow, addr, err)
			}
		}
		for _, addr := range test.open {
			if err := g.check(net.JoinHostPort(addr, "443")); err != nil {
				t.Errorf("allow %q: %v", test.allow, err)
			}
		}
	}
}

func TestGuardNames(t *testing.T) {
	g, err := newGuard([]string{"Intranet", "*.corp.example", "ci.example:8080", "bücher.example."}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"intranet:80": true, "INTRANET:443": true, "intranet.:80": true, "xintranet:80": false, "intranet.example:80": false,
		"a.corp.example:80": true, "a.b.CORP.example:80": true, "corp.example:80": false, "xcorp.example:80": false,
		"corp.example.evil.test:80": false, ".corp.example:80": false, "ci.example:8080": true, "ci.example:80": false,
		"xn--bcher-kva.example:80": true, "other.example:80": false, "10.0.0.1:80": false, "nonsense": false,
	} {
		if got := g.allowsName(address); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}

func TestAllowFaults(t *testing.T) {
	for _, entry := range []string{"10.0.0.0/33", "10.0.0/8", "10.0.0", "10.0.0.256", "http://a.test", "a.test/x", "*", "a.*.test",
		"*.", "a b", "a.test:0", "a.test:99999", "a.test:port", ":80", "fd00::/129", "::ffff:0:0/80", "[::1", "-", "a:b:c", "1"} {
		_, err := newGuard([]string{"private", entry}, nil)
		if err == nil || !strings.Contains(err.Error(), `"`+entry+`"`) {
			t.Errorf("%q: %v", entry, err)
		}
	}
	for entry, word := range map[string]string{"privat": "private", "PRIVAT": "private", "priv": "private", "pirvate": "private", "privates": "private",
		"lopback": "loopback", "loopbacks": "loopback", "loop": "loopback"} {
		_, err := newGuard([]string{entry}, nil)
		if err == nil || !strings.Contains(err.Error(), `did you mean "`+word+`"`) {
			t.Errorf("%q: %v", entry, err)
		}
	}
	if _, err := newGuard([]string{"intranet", "localhost", "prod", "private.corp", "privat.", "privat:80", "*.privat", "pr", "lab"}, nil); err != nil {
		t.Errorf("hosts: %v", err)
	}
	if _, err := newGuard([]string{"", "  "}, []string{" "}); err != nil {
		t.Errorf("blank entries: %v", err)
	}
}

func TestGuardNAT64(t *testing.T) {
	g, err := newGuard([]string{"10.1.0.0/16"}, []string{"2001:db8:64::/96", "2a00:100::/32", "2a00:200:1200::/40", " 2a00:300:1::/48 ",
		"2a00:400:1:2200::/56", "2a00:500:1:2::/64", "fd00:64::/96"})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"2001:db8:64::a9fe:a9fe": false, "2001:db8:64::808:808": true, "2001:db8:64::a01:203": true, "2001:db8:65::808:808": false,
		"2a00:100:7f00:1::": false, "2a00:100:808:808::": true, "2a00:200:127f:0:1::": false, "2a00:200:1208:808:8::": true,
		"2a00:300:1:7f00:0:100::": false, "2a00:300:1:808:8:800::": true, "2a00:400:1:227f:0:1::": false,
		"2a00:500:1:2:7f:0:100::": false, "2a00:500:1:2:8:808:800::": true, "fd00:64::808:808": true, "fd00:64::a9fe:a9fe": false,
		"fd00:65::1": false,
	} {
		if err := g.check(net.JoinHostPort(addr, "80")); (err == nil) != want {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, entry := range []string{"10.0.0.0/8", "2001:db8::/33", "::ffff:10.0.0.0/104", "2001:db8::", "x"} {
		if _, err := newGuard(nil, []string{entry}); err == nil || !strings.Contains(err.Error(), entry) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestNumericHosts(t *testing.T) {
	for host, want := range map[string]string{
		"2130706433": "127.0.0.1", "0x7f000001": "127.0.0.1", "0X7F.1": "127.0.0.1", "127.1": "127.0.0.1", "127.0.1": "127.0.0.1",
		"017700000001": "127.0.0.1", "127.0.0.1.": "127.0.0.1", "0": "0.0.0.0", "0x": "0.0.0.0", "0x0.0x0.0.0": "0.0.0.0",
		"0xa9fea9fe": "169.254.169.254", "169.254.43518": "169.254.169.254", "0251.0376.0251.0376": "169.254.169.254",
		"0127.0.0.1": "87.0.0.1 127.0.0.1", "127.0.0.010": "127.0.0.8 127.0.0.10", "127.0.0.08": "127.0.0.8",
		"256": "0.0.1.0", "4294967296": "-", "1.2.3.256": "-", "256.1": "-", "1.2.3.4.5": "-", "1..1": "-", "a.1": "-", "0xg.1": "-",
		"99999999999999999999": "-", "0x10000000000000000": "-",
		"example.com": "", "1.2.3.4.example": "", "0x7f.a": "", "0xg": "", "": "", "1e3": "", "-1": "",
	} {
		readings, numeric := numericHost(host)
		seen := map[string]bool{}
		for _, addr := range readings {
			seen[addr.String()] = true
		}
		wanted := strings.Fields(want)
		if numeric != (want != "") || want != "-" && len(seen) != len(wanted) || want == "-" && len(seen) > 0 {
			t.Errorf("%q: %v, numeric %v", host, readings, numeric)
		}
		for _, addr := range wanted {
			if want != "-" && !seen[addr] {
				t.Errorf("%q: %v, want %s", host, readings, addr)
			}
		}
	}
}

func TestGuardUnresolved(t *testing.T) {
	strict, _ := newGuard(nil, nil)
	named, _ := newGuard([]string{"localhost:8080"}, nil)
	local, _ := newGuard([]string{"loopback"}, nil)
	tests := []struct {
		g          *guard
		host, port string
		ok         bool
	}{
		{strict, "example.com", "80", true}, {strict, "8.8.8.8", "80", true}, {strict, "127.0.0.1", "80", false},
		{strict, "::1", "80", false}, {strict, "fe80::1%eth0", "80", false}, {strict, "LocalHost.", "80", false},
		{strict, "a.localhost", "80", false}, {named, "localhost", "8080", true}, {named, "localhost", "80", false},
		{local, "localhost", "80", true}, {local, "10.0.0.1", "80", false}, {strict, "127.0.0.1.", "80", false}, {strict, "0x7f.1", "80", false},
		{strict, "2130706433", "80", false}, {strict, "0", "80", false}, {strict, "0127.0.0.1", "80", false}, {strict, "134744072", "80", true},
		{strict, "1.2.3.256", "80", false}, {local, "127.1", "80", true}, {local, "0xa000001", "80", false}, {strict, "localhost4", "80", false},
		{strict, "IP6-Loopback", "80", false}, {local, "ip6-loopback", "80", true}, {local, "metadata.google.internal.", "80", false},
	}
	for _, test := range tests {
		if err := test.g.checkUnresolved(test.host, test.port); (err == nil) != test.ok {
			t.Errorf("%s:%s: %v", test.host, test.port, err)
		}
	}
}
