package worker

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"schedule-server/pkg/job"
)

// lineProxy is a proxy that notes the request lines and Host headers that it is
// given, and answers each call itself.
type lineProxy struct {
	*rawServer
	mu    sync.Mutex
	lines []string
}

func newLineProxy(t testing.TB) *lineProxy {
	p := &lineProxy{}
	p.rawServer = listenBytes(t, func(_ *rawServer, c net.Conn) {
		r := bufio.NewReader(c)
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		rest, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader("GET / HTTP/1.1\r\n"), r)))
		if err != nil {
			return
		}
		p.mu.Lock()
		p.lines = append(p.lines, strings.TrimSpace(line)+" Host: "+rest.Host)
		p.mu.Unlock()
		write(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	return p
}

// seen are the lines since the last look.
func (p *lineProxy) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.lines
	p.lines = nil
	return lines
}

func hostHeader(host string) func(*job.Task) {
	return func(t *job.Task) { t.Request.Headers["hOsT"] = host }
}

// The proxy is asked for the URL that the guard has judged, whatever the Host header says.
func TestProxiedRequestLine(t *testing.T) {
	p := newLineProxy(t)
	b := newBench(t, func(o *Options) { o.Proxy, o.Allow = p.url, nil }, withKeys(t))
	for _, test := range []struct{ url, host, line string }{
		{"http://public.example/a%2Fb?x=%20&y", "virtual.example", "GET http://public.example/a%2Fb?x=%20&y HTTP/1.1 Host: virtual.example"},
		{"http://public.example:81", "", "GET http://public.example:81/ HTTP/1.1 Host: public.example:81"},
		{"http://u:p@public.example//x?", "virtual.example:99", "GET http://public.example//x? HTTP/1.1 Host: virtual.example:99"},
		{"http://[2606:4700::1]/", "other.example", "GET http://[2606:4700::1]/ HTTP/1.1 Host: other.example"},
		{"https://public.example/", "virtual.example", "CONNECT public.example:443 HTTP/1.1 Host: public.example:443"},
	} {
		task := taskFor(test.url)
		if test.host != "" {
			hostHeader(test.host)(task)
		}
		if _, err := b.Deliver(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		equal(t, test.url, p.seen(), []string{test.line})
	}
}

// What would be refused as a URL is refused as a Host header too, and no proxy hears of it.
func TestHostHeaderIsGuardedAtAProxy(t *testing.T) {
	p := newLineProxy(t)
	b := newBench(t, func(o *Options) { o.Proxy, o.Allow = p.url, nil }, withKeys(t))
	for _, host := range []string{
		"169.254.169.254", "127.0.0.1:6379", "localhost", "a.localhost.", "[::1]", "[::ffff:10.0.0.1]:80", "2130706433", "0x7f.1:80", "127.1",
		"017700000001", "127.0.0.1.", "0", "0:80", "metadata.google.internal", "{{ secret.INSIDE }}", "127.0.0.1%20", "[fd00:ec2::23]", "168.63.129.16",
	} {
		for _, scheme := range []string{"http", "https"} {
			task := taskFor(scheme+"://public.example/x", hostHeader(host), withSecrets(t, "INSIDE", "10.0.0.1"))
			if e := b.expect(t, task, job.ReasonBlockedTarget); strings.Contains(errorOf(e.Attempt), "10.0.0.1 ") && host[0] == '{' {
				t.Errorf("the secret is shown: %s", errorOf(e.Attempt))
			}
		}
	}
	if lines := p.seen(); len(lines) != 0 {
		t.Errorf("the proxy was asked %q", lines)
	}
}

// Numbers that resolvers take for addresses are judged as addresses: in stored jobs, in redirects, and where tokens are fetched.
func TestNumericHostsAtAProxy(t *testing.T) {
	hosts := []string{"2130706433", "0x7f.1", "127.1", "017700000001", "127.0.0.1.", "0", "0xA9FEA9FE", "1.2.3.4.5", "１２７.１", "localhost6"}
	for _, host := range hosts {
		p := newLineProxy(t)
		b := newBench(t, func(o *Options) { o.Proxy, o.Allow = p.url, nil }, withKeys(t))
		for _, target := range []string{"http://" + host + "/", "https://" + host + ":6379/"} {
			if _, err := b.Deliver(t.Context(), taskFor(target)); err != nil {
				t.Fatal(err)
			}
			if e := b.journal.last(); e.Attempt.Reason != job.ReasonBlockedTarget && e.Attempt.Reason != job.ReasonInvalidRequest {
				t.Errorf("%s: %s", target, e.Attempt.Reason)
			}
		}
		task := taskFor("http://public.example/", func(t *job.Task) {
			t.Request.Auth = &job.Auth{Type: job.AuthOAuth2, TokenURL: "http://" + host + "/", ClientID: "me", ClientSecret: "x"}
		}, withSecrets(t))
		if _, err := b.Deliver(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		if e := b.journal.last(); e.Attempt.Reason == job.ReasonOK || e.Response != nil {
			t.Errorf("a token of %s: %+v", host, e.Attempt)
		}
		if lines := p.seen(); len(lines) != 0 {
			t.Errorf("%s: the proxy was asked %q", host, lines)
		}
	}
	for _, host := range hosts {
		proxy := listenRaw(t, func(_ *rawServer, c net.Conn, _ *bufio.Reader) {
			write(c, "HTTP/1.1 302 Found\r\nLocation: http://"+host+"/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		})
		b := newBench(t, func(o *Options) { o.Proxy, o.Allow = proxy.url, nil })
		b.expect(t, taskFor("http://public.example/", func(t *job.Task) { t.Request.FollowRedirects = 3 }), job.ReasonBlockedTarget)
		if n := proxy.requests.Load(); n != 1 {
			t.Errorf("%s: %d requests", host, n)
		}
	}
}

// A host is measured before it is brought into ASCII, whose cost is quadratic.
func TestLongHosts(t *testing.T) {
	long := strings.Repeat("漢", 20_000) + ".example"
	b := newBench(t, withKeys(t))
	for _, target := range []string{"http://" + long + "/", "https://" + strings.Repeat("漢.", 64) + "example/"} {
		b.expect(t, taskFor(target), job.ReasonInvalidRequest)
		door := answering(t, 302, "", "Location", target)
		e := b.expect(t, taskFor(door.URL, func(t *job.Task) { t.Request.FollowRedirects = 1 }), job.ReasonBlockedTarget)
		if !strings.Contains(errorOf(e.Attempt), "253 bytes") {
			t.Errorf("%s", errorOf(e.Attempt))
		}
		b.expect(t, taskFor("http://public.example/", func(t *job.Task) {
			t.Request.Auth = &job.Auth{Type: job.AuthOAuth2, TokenURL: target, ClientID: "me", ClientSecret: "x"}
		}, withSecrets(t)), job.ReasonInvalidRequest)
	}
	if _, err := newGuard([]string{long}, nil); err == nil || !strings.Contains(err.Error(), "253 bytes") {
		t.Errorf("--allow-targets: %v", err)
	}
}

func TestNoProxy(t *testing.T) {
	p, err := newProxy("http://proxy.test", []string{"", "10.0.0.0/8", "192.168.1.1:8080", "Intranet", ".corp.example", "ci.example:8443", "[fd00::1]"})
	if err != nil {
		t.Fatal(err)
	}
	for target, proxied := range map[string]bool{
		"http://10.1.2.3/": false, "http://11.1.2.3/": true, "http://192.168.1.1:8080/": false, "http://192.168.1.1/": true,
		"http://intranet./": false, "http://a.INTRANET/": false, "http://xintranet/": true, "http://corp.example/": true,
		"http://a.corp.example:9/": false, "https://ci.example:8443/": false, "https://ci.example/": true, "http://[fd00::1]:99/": false,
		"http://[::ffff:10.1.2.3]/": false, "http://example.com/": true, "http://localhost/": true, "http://10.1.2.3.example/": true,
		"http://0xa010203/": true,
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if p.takes(u) != proxied {
			t.Errorf("%s goes through the proxy: %v", target, !proxied)
		}
	}
	for _, entries := range [][]string{{"*"}, {"a.test", "*"}} {
		if p, err = newProxy("http://proxy.test", entries); err != nil || p.takes(&url.URL{Scheme: "http", Host: "a.example"}) {
			t.Errorf("%v: %v", entries, err)
		}
	}
}

// What goes around the proxy is guarded as it is without one, hop by hop.
func TestDirectTargetsAreGuarded(t *testing.T) {
	p := newLineProxy(t)
	inside := answering(t, 200, "inside")
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	b := newBench(t, func(o *Options) {
		o.Proxy, o.NoProxy, o.Allow = p.url, []string{"direct.test", "127.0.0.1", "10.0.0.0/8"}, []string{"127.0.0.1"}
		o.Resolver = (&nameServer{answers: []string{"127.0.0.1", "10.0.0.1", "169.254.169.254"}}).resolver(t)
	})
	if e := b.expect(t, taskFor("http://direct.test"+port), job.ReasonOK); e.Response.Body != "inside" {
		t.Errorf("%+v", e.Response)
	}
	b.pools.closeIdle()
	b.expect(t, taskFor("http://direct.test"+port), job.ReasonBlockedTarget)
	b.expect(t, taskFor("http://sub.direct.test"+port), job.ReasonBlockedTarget)
	b.expect(t, taskFor("http://10.0.0.1/"), job.ReasonBlockedTarget)
	if lines := p.seen(); len(lines) != 0 {
		t.Errorf("the proxy was asked %q", lines)
	}
	out := answering(t, 302, "", "Location", "http://outside.example/x")
	b.expect(t, taskFor(out.URL, func(t *job.Task) { t.Request.FollowRedirects = 1 }), "status_502")
	equal(t, "redirected out", p.seen(), []string{"GET http://outside.example/x HTTP/1.1 Host: outside.example"})
}

// A SOCKS proxy carries the call to its target, which is asked as without a proxy.
func TestSOCKSProxy(t *testing.T) {
	ca := newAuthority(t)
	target := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}}, false, protoEcho)
	var mu sync.Mutex
	var asked []string
	proxy := listenBytes(t, func(_ *rawServer, c net.Conn) {
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		_, _ = io.ReadFull(c, make([]byte, head[1]))
		write(c, "\x05\x00")
		head = make([]byte, 5) // version, command, zero, type of address, length of the name
		if _, err := io.ReadFull(c, head); err != nil || head[3] != 3 {
			return
		}
		name := make([]byte, int(head[4])+2)
		_, _ = io.ReadFull(c, name)
		write(c, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		mu.Lock()
		asked = append(asked, string(name[:len(name)-2]))
		mu.Unlock()
		if name[len(name)-2] == 0 && name[len(name)-1] == 80 {
			r := bufio.NewReader(c)
			line, _ := r.ReadString('\n')
			write(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", line))
			return
		}
		out, err := net.Dial("tcp", target.Listener.Addr().String())
		if err != nil {
			return
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(out, c); _ = out.Close() })
		both.Go(func() { _, _ = io.Copy(c, out); _ = c.Close() })
		both.Wait()
	})
	b := newBench(t, func(o *Options) { o.Proxy, o.Allow, o.RootCAs = "socks5://"+proxy.addr, nil, ca.pool })
	e := b.expect(t, taskFor("http://far.test/x?y", hostHeader("virtual.example")), job.ReasonOK)
	if e.Response.Body != "GET /x?y HTTP/1.1\r\n" {
		t.Errorf("%q", e.Response.Body)
	}
	b.expect(t, taskFor("https://rebind.test/x"), job.ReasonOK)
	b.expect(t, taskFor("http://0x7f.1/"), job.ReasonBlockedTarget)
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(asked, []string{"far.test", "rebind.test"}) {
		t.Errorf("the proxy was asked for %q", asked)
	}
	b.Close()
}
