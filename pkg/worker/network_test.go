package worker

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"schedule-server/pkg/job"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// nameServer answers look-ups of A records on loopback.
type nameServer struct {
	mu      sync.Mutex
	answers []string // addresses, one a look-up, the last for ever; "" is no such name, "-" no answer
	asked   int
}

func (n *nameServer) next() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	answer := n.answers[min(n.asked, len(n.answers)-1)]
	n.asked++
	return answer
}

// resolver starts the server and gives a resolver that asks nobody else.
func (n *nameServer) resolver(t testing.TB) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		buffer := make([]byte, 1500)
		for {
			size, from, err := pc.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := n.answer(buffer[:size]); answer != nil {
				_, _ = pc.WriteTo(answer, from)
			}
		}
	})
	// A look-up that was given up goes on in the resolver until its connection ends.
	ended, end := context.WithCancel(context.Background())
	t.Cleanup(func() { end(); _ = pc.Close(); serving.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "udp", pc.LocalAddr().String())
		if err == nil {
			context.AfterFunc(ended, func() { _ = c.Close() })
		}
		return c, err
	}}
}

func (n *nameServer) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) == 0 {
		return nil
	}
	m.Response, m.RecursionAvailable = true, true
	m.Additionals = nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		switch text := n.next(); text {
		case "-":
			return nil
		case "":
			m.RCode = dnsmessage.RCodeNameError
		default:
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(text).As4()},
			}}
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func TestNames(t *testing.T) {
	target := answering(t, 200, "here", "Connection", "close")
	port := target.URL[strings.LastIndex(target.URL, ":"):]
	at := func(t *testing.T, allow string, answers ...string) *bench {
		return newBench(t, func(o *Options) {
			o.Resolver, o.Allow = (&nameServer{answers: answers}).resolver(t), []string{allow}
		})
	}
	t.Run("no such name", func(t *testing.T) {
		e := at(t, "loopback", "").expect(t, taskFor("http://gone.test/"), job.ReasonDNS)
		if text := errorOf(e.Attempt); text != "look-up of gone.test: no such host" || e.Attempt.Phases.DNSMS <= 0 {
			t.Errorf("%q, %+v", text, e.Attempt.Phases)
		}
	})
	t.Run("a silent name server", func(t *testing.T) {
		at(t, "loopback", "-").expect(t, taskFor("http://slow.test/", connectTimeoutOf(100*time.Millisecond)), job.ReasonDNS)
	})
	t.Run("found", func(t *testing.T) {
		e := at(t, "loopback", "127.0.0.1").expect(t, taskFor("http://here.test"+port), job.ReasonOK)
		if e.Attempt.Phases.DNSMS <= 0 || e.Attempt.Phases.ConnectMS <= 0 {
			t.Errorf("%+v", e.Attempt.Phases)
		}
	})
	t.Run("private", func(t *testing.T) {
		at(t, "", "10.0.0.1").expect(t, taskFor("http://inside.test"), job.ReasonBlockedTarget)
	})
	t.Run("rebinding", func(t *testing.T) {
		b := at(t, "127.0.0.1", "127.0.0.1", "169.254.169.254", "127.0.0.1", "10.0.0.1")
		for _, want := range []job.Reason{job.ReasonOK, job.ReasonBlockedTarget, job.ReasonOK, job.ReasonBlockedTarget} {
			b.expect(t, taskFor("http://rebind.test"+port), want)
		}
	})
	t.Run("allowed by name", func(t *testing.T) {
		b := at(t, "*.corp.test", "127.0.0.1")
		b.expect(t, taskFor("http://ci.CORP.test"+port), job.ReasonOK)
		b.expect(t, taskFor("http://corp.test"+port), job.ReasonBlockedTarget)
	})
	t.Run("redirected to a name inside", func(t *testing.T) {
		door := answering(t, 302, "", "Location", "http://inside.test/")
		b := at(t, "127.0.0.1", "192.168.1.1")
		b.expect(t, taskFor(door.URL, func(t *job.Task) { t.Request.FollowRedirects = 1 }), job.ReasonBlockedTarget)
	})
}

// A URL that is refused now may be that of a job that was saved before: it is called in vain, as ever.
func TestUnfitHostsOfOlderJobs(t *testing.T) {
	b := newBench(t)
	for url, want := range map[string]job.Reason{"http://127.0.0.1:99999/": job.ReasonConnect, "http://a..b/": job.ReasonDNS} {
		b.expect(t, taskFor(url), want)
	}
}

// forwarder is an HTTP proxy that leads everything to one address.
func forwarder(t testing.TB, to string, seen *atomic.Int64) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.Method != http.MethodConnect {
			_, _ = fmt.Fprintf(w, "proxied %s", r.URL)
			return
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = out.Close()
			return
		}
		write(in, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
		both.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
		both.Wait()
	}))
	t.Cleanup(s.Close)
	return s
}

func TestProxy(t *testing.T) {
	ca := newAuthority(t)
	target := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}}, false, protoEcho)
	var seen atomic.Int64
	proxy := forwarder(t, target.Listener.Addr().String(), &seen)
	b := newBench(t, func(o *Options) { o.Proxy, o.Allow, o.RootCAs = proxy.URL, nil, ca.pool })
	if e := b.expect(t, taskFor("http://far.test/x"), job.ReasonOK); e.Response.Body != "proxied http://far.test/x" {
		t.Errorf("%+v", e.Response)
	}
	b.expect(t, taskFor("https://rebind.test/x"), job.ReasonOK)
	b.expect(t, taskFor("https://other.test/x"), job.ReasonTLS)
	if seen.Load() != 3 {
		t.Errorf("%d calls went through the proxy", seen.Load())
	}
	// Of jobs that were saved before, or by redirects, come the old forms of addresses, which proxies know.
	for _, url := range []string{"http://127.0.0.1/", "http://[::1]/", "http://localhost:99/", "https://169.254.169.254/",
		"http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://017700000001/", "http://127.0.0.1./", "http://0/"} {
		b.expect(t, taskFor(url), job.ReasonBlockedTarget)
	}
	gone := newBench(t, func(o *Options) { o.Proxy = "http://" + closedPort(t) })
	for _, url := range []string{"http://far.test/", "https://far.test/"} {
		if e := gone.expect(t, taskFor(url), job.ReasonWorkerError); errorOf(e.Attempt) != "proxyconnect tcp: the proxy cannot be reached: connection refused" {
			t.Errorf("%s", errorOf(e.Attempt))
		}
	}
}

// The environment's proxies are for the machine's own programs, not for users' calls.
func TestEnvironmentProxyIsIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://"+closedPort(t))
	t.Setenv("http_proxy", "http://"+closedPort(t))
	newBench(t, func(o *Options) { o.Resolver = (&nameServer{answers: []string{"127.0.0.1"}}).resolver(t) }).
		expect(t, taskFor(strings.Replace(answering(t, 200, "").URL, "127.0.0.1", "a.test", 1)), job.ReasonOK)
}

// Many calls at once, good and bad, leave no connection behind.
func TestNoConnectionsLeak(t *testing.T) {
	var conns connCounter
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/500":
			w.WriteHeader(500)
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/long":
			_, _ = w.Write(make([]byte, 4*maxBody))
		}
	}))
	target.Config.ConnState, target.Config.ErrorLog = conns.count, discardLog()
	target.Start()
	defer target.Close()
	b := newBench(t)
	paths := []string{"/", "/", "/", "/500", "/reset", "/long"}
	var calls sync.WaitGroup
	var failed atomic.Int64
	for i := range 16 {
		calls.Go(func() {
			for n := range 30 {
				if _, err := b.Deliver(t.Context(), taskFor(target.URL+paths[(i+n)%len(paths)])); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	calls.Wait()
	if failed.Load() != 0 || len(b.journal.events) != 2*16*30 {
		t.Fatalf("%d failed, %d events", failed.Load(), len(b.journal.events))
	}
	b.Close()
	eventually(t, "every connection is closed", func() bool { return conns.open.Load() == 0 })
}

// Idle connections go by themselves.
func TestIdleConnectionsAreClosed(t *testing.T) {
	var conns connCounter
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	target.Config.ConnState = conns.count
	target.Start()
	defer target.Close()
	b := newBench(t, func(o *Options) { o.IdleTimeout = 50 * time.Millisecond })
	b.expect(t, taskFor(target.URL), job.ReasonOK)
	eventually(t, "the idle connection is closed", func() bool { return conns.open.Load() == 0 })
}
