package worker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// failing is a bench whose connections fail as the system would have it.
func failing(t *testing.T, err error, change ...func(*Options)) *bench {
	t.Helper()
	b := newBench(t, change...)
	b.pools.secure.direct.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		failed := &net.OpError{Op: "dial", Net: "tcp", Err: err}
		return nil, &dialError{err: (&dialer{guard: b.guard}).unmade(ctx, address, failed)}
	}
	return b
}

// What this worker lacks is not its target's fault: nobody's calls are held back, and the worker says what it is.
func TestWorkerErrors(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		lacks string
	}{
		"process": {os.NewSyscallError("socket", syscall.EMFILE), lacksFiles}, "machine": {os.NewSyscallError("socket", syscall.ENFILE), lacksAllFiles},
		"memory": {os.NewSyscallError("socket", syscall.ENOMEM), lacksMemory}, "buffers": {os.NewSyscallError("connect", syscall.ENOBUFS), lacksMemory},
		"ports":      {os.NewSyscallError("connect", syscall.EADDRNOTAVAIL), lacksPorts},
		"in look-up": {&net.DNSError{Err: "dial udp 127.0.0.53:53: socket: too many open files", Name: "a.test", IsTemporary: true}, lacksFiles},
		"no server":  {&net.DNSError{Err: "read udp 10.9.9.9:4->10.8.8.8:53: connection refused", Name: "a.test", IsTemporary: true}, lacksResolver},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			clock := start
			b := failing(t, test.err, func(o *Options) {
				o.Logger, o.Now = slog.New(slog.NewTextHandler(&log, nil)), func() job.Instant { return clock }
			})
			if err := b.Check(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			for range 2 * refusedTimes {
				e := b.expect(t, taskFor("http://127.0.0.1:9/"), job.ReasonWorkerError)
				if text := errorOf(e.Attempt); e.State != job.StateRetrying || !strings.HasPrefix(text, test.lacks) || strings.Contains(text, "10.8.8.8") {
					t.Fatalf("%s, %s", e.State, text)
				}
			}
			if h := b.gate.hosts["127.0.0.1:9"]; h.cause != "" || h.strikes != 0 {
				t.Errorf("the host is blamed: %+v", h.circuit)
			}
			if err := b.Check(t.Context()); err == nil || err.Error() != test.lacks {
				t.Errorf("the worker is %v", err)
			}
			if lines := strings.Count(log.String(), "cannot make calls"); lines != 1 {
				t.Errorf("%d lines in the log: %s", lines, log.String())
			}
			clock += job.Instant(unwellFor.Milliseconds())
			if err := b.Check(t.Context()); err != nil {
				t.Errorf("%s later: %v", unwellFor, err)
			}
		})
	}
}

// The target's own faults stay its own.
func TestTargetFaultsAreNotTheWorkers(t *testing.T) {
	for want, err := range map[job.Reason]error{
		job.ReasonConnectRefused: os.NewSyscallError("connect", syscall.ECONNREFUSED),
		job.ReasonConnect:        os.NewSyscallError("connect", syscall.EHOSTUNREACH),
		job.ReasonDNS:            &net.DNSError{Err: "no such host", Name: "a.test", IsNotFound: true},
	} {
		b := failing(t, err)
		b.expect(t, taskFor("http://127.0.0.1:9/"), want)
		if err := b.Check(t.Context()); err != nil {
			t.Errorf("%s: the worker is blamed: %v", want, err)
		}
	}
	b := failing(t, &net.DNSError{Err: "server misbehaving", Name: "a.test", IsTemporary: true})
	b.expect(t, taskFor("http://127.0.0.1:9/"), job.ReasonDNS)
}

// A token that cannot be fetched for the worker's own fault is that too.
func TestWorkerErrorsOfTokens(t *testing.T) {
	b := failing(t, os.NewSyscallError("socket", syscall.EMFILE), withKeys(t))
	e := b.expect(t, newIssuer(t).task(t), job.ReasonWorkerError)
	if !strings.Contains(errorOf(e.Attempt), lacksFiles) || b.Check(t.Context()) == nil {
		t.Errorf("%s, %v", errorOf(e.Attempt), b.Check(t.Context()))
	}
}

// A name server that is not there is told from a name whose own servers are silent.
func TestNameServerThatIsNotThere(t *testing.T) {
	silent := func(answerAll bool) *net.Resolver {
		if answerAll { // all but this name
			return (&nameServer{answers: []string{"-"}}).resolver(t)
		}
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pc.Close() })
		ended, end := context.WithCancel(context.Background())
		t.Cleanup(end)
		return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "udp", pc.LocalAddr().String())
			if err == nil {
				context.AfterFunc(ended, func() { _ = c.Close() })
			}
			return c, err
		}}
	}
	for answerAll, want := range map[bool]job.Reason{true: job.ReasonDNS, false: job.ReasonWorkerError} {
		b := newBench(t, func(o *Options) { o.Resolver = silent(answerAll) })
		e := b.expect(t, taskFor("http://slow.test/", connectTimeoutOf(100*time.Millisecond)), want)
		if blamed := b.Check(t.Context()) != nil; blamed != (want == job.ReasonWorkerError) {
			t.Errorf("%s: %s, the worker is blamed: %v", want, errorOf(e.Attempt), blamed)
		}
	}
	refused := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", closedPort(t))
	}}
	newBench(t, func(o *Options) { o.Resolver = refused }).expect(t, taskFor("http://a.test/"), job.ReasonWorkerError)
}

// A proxy that refuses a tunnel speaks of the target, one that refuses the worker does not.
func TestTunnelsThatAreRefused(t *testing.T) {
	var status atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	t.Cleanup(proxy.Close)
	b := newBench(t, func(o *Options) { o.Proxy, o.Allow = proxy.URL, nil })
	for code, want := range map[int]job.Reason{502: job.ReasonConnect, 504: job.ReasonConnect, 403: job.ReasonBlockedTarget, 407: job.ReasonWorkerError} {
		status.Store(int64(code))
		e := b.expect(t, taskFor("https://far.test/"), want)
		if !strings.Contains(errorOf(e.Attempt), fmt.Sprintf("the proxy answered %d", code)) {
			t.Errorf("%d: %s", code, errorOf(e.Attempt))
		}
	}
	hasty := newBench(t, func(o *Options) { o.Proxy = "http://10.0.0.1:3128" })
	hasty.pools.secure.proxied.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		return nil, &dialError{err: (&dialer{toProxy: true}).unmade(ctx, address, errConnectTimeout)}
	}
	hasty.expect(t, taskFor("http://far.test/", connectTimeoutOf(100*time.Millisecond)), job.ReasonConnectTimeout)
	hasty.expect(t, taskFor("http://far.test/"), job.ReasonWorkerError)
}

func TestHasAddress(t *testing.T) {
	if !hasAddress("127.0.0.1:80") || !hasAddress("a.test:80") {
		t.Error("a machine without IPv4")
	}
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		_ = l.Close()
	}
	if hasAddress("[::1]:80") != (err == nil) {
		t.Errorf("::1: %v", err)
	}
}

// One job that gives connections little time, or that is redirected to a dead host, does not hold back everybody's calls.
func TestOneJobHoldsNobodyBack(t *testing.T) {
	stalled := listenBytes(t, func(_ *rawServer, c net.Conn) { stall(c) })
	door := answering(t, 302, "", "Location", "http://"+closedPort(t)+"/")
	busy := answering(t, 429, "", "Retry-After", "60")
	throttled := answering(t, 302, "", "Location", busy.URL)
	b := newBench(t)
	for range 2 * refusedTimes {
		b.expect(t, taskFor("https://"+stalled.addr, connectTimeoutOf(20*time.Millisecond)), job.ReasonConnectTimeout)
		b.expect(t, taskFor("https://"+stalled.addr, attemptTimeoutOf(20*time.Millisecond)), job.ReasonTimeout)
		b.expect(t, taskFor(door.URL, followed), job.ReasonConnectRefused)
		b.expect(t, taskFor(throttled.URL, followed), "status_429")
	}
	for _, name := range []string{stalled.addr, strings.TrimPrefix(door.URL, "http://"), strings.TrimPrefix(throttled.URL, "http://")} {
		if h := b.gate.hosts[name]; h == nil || h.cause != "" || h.strikes != 0 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	dead := closedPort(t)
	for range refusedTimes {
		b.expect(t, taskFor("http://"+dead), job.ReasonConnectRefused)
	}
	if h := b.gate.hosts[dead]; h.cause != job.HoldRefusing {
		t.Errorf("a host that refuses all is not held back: %+v", h)
	}
}

// What the reasons tell about a host.
func TestNewsOfHosts(t *testing.T) {
	answer := &job.Response{StatusCode: 200}
	for _, test := range []struct {
		reason job.Reason
		call   *call
		answer *job.Response
		want   hostNews
	}{
		{job.ReasonOK, &call{}, answer, hostWell}, {"status_500", &call{}, answer, hostWell}, {job.ReasonTimeout, &call{connected: true}, nil, hostWell},
		{job.ReasonTimeout, &call{}, nil, hostUnknown}, {job.ReasonTimeout, &call{}, answer, hostWell}, {job.ReasonTLS, &call{}, nil, hostWell},
		{job.ReasonReset, &call{}, nil, hostWell}, {job.ReasonProtocol, &call{}, nil, hostWell}, {job.ReasonConnectRefused, &call{}, nil, hostRefuses},
		{job.ReasonConnect, &call{}, nil, hostRefuses}, {job.ReasonConnectTimeout, &call{}, nil, hostRefuses},
		{job.ReasonConnectTimeout, &call{hasty: true}, nil, hostUnknown}, {job.ReasonConnectRefused, &call{hasty: true}, nil, hostRefuses},
		{job.ReasonConnectRefused, &call{elsewhere: true}, nil, hostWell}, {job.ReasonDNS, &call{}, nil, hostUnknown},
		{job.ReasonWorkerError, &call{}, nil, hostUnknown}, {job.ReasonSecret, &call{}, nil, hostUnknown}, {job.ReasonSecretHost, &call{}, nil, hostUnknown},
		{job.ReasonSecretHost, &call{}, answer, hostWell}, {job.ReasonAuthFailed, &call{}, nil, hostUnknown}, {job.ReasonBlockedTarget, &call{}, nil, hostUnknown},
		{job.ReasonInvalidRequest, &call{}, nil, hostUnknown}, {job.ReasonCanceled, &call{connected: true}, nil, hostUnknown},
	} {
		a := &attempt{Attempt: job.Attempt{Reason: test.reason}, response: test.answer}
		if got := test.call.newsOf(a); got != test.want {
			t.Errorf("%s %+v: %d, want %d", test.reason, test.answer, got, test.want)
		}
	}
}
