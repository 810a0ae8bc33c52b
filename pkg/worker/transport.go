package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"

	"schedule-server/pkg/job"
)

const (
	// maxHeader is the most an answer's headers may take, in bytes; informational answers count too.
	maxHeader = 64 << 10
	// The windows of HTTP/2 bound what a target can push into memory before it is read.
	maxStreamBuffer, maxConnBuffer = 128 << 10, 1 << 20
	// A connection that answers no ping for this long is dead, and its calls fail.
	pingAfter, pingTimeout = 15 * time.Second, 5 * time.Second
	// proxyTLSTimeout bounds the handshake through a proxy, which connect_timeout does not cover.
	proxyTLSTimeout = 10 * time.Second
	tlsSessions     = 512
)

// dialer opens the connections of one transport.
type dialer struct {
	guard *guard
	net   net.Dialer
	tls   *tls.Config
	// toProxy is set when every connection goes to the operator's own proxy.
	toProxy bool
	// looks are under way to find out whether a name server is there.
	looks singleflight.Group
}

// transports are the ways to targets under one security.
type transports struct {
	// direct dials through the guard.
	direct *http.Transport
	// proxied goes through the operator's proxy. Nil: there is none.
	proxied *http.Transport
}

func newTransports(o *Options, g *guard, p *proxy, s security) *transports {
	t := &transports{direct: newTransport(o, g, nil, s)}
	if p != nil {
		t.proxied = newTransport(o, g, p.url, s)
	}
	return t
}

func (t *transports) closeIdle() {
	t.direct.CloseIdleConnections()
	if t.proxied != nil {
		t.proxied.CloseIdleConnections()
	}
}

// newTransport makes a transport that dials through the guard, or the proxy. A
// transport is made for life: pooled connections and TLS sessions that rest on one
// security must not serve another.
func newTransport(o *Options, g *guard, proxy *url.URL, s security) *http.Transport {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: s.roots, Certificates: s.certs, InsecureSkipVerify: s.insecure,
		NextProtos: []string{"h2", "http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(tlsSessions),
	}
	d := &dialer{guard: g, net: net.Dialer{Resolver: o.Resolver}, tls: config, toProxy: proxy != nil}
	t := &http.Transport{
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		TLSClientConfig:        config.Clone(),
		TLSHandshakeTimeout:    proxyTLSTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the worker asks for gzip itself: the transport would not see a job's own accept-encoding
		MaxIdleConns:           o.MaxIdle,
		MaxIdleConnsPerHost:    o.MaxIdlePerHost,
		IdleConnTimeout:        o.IdleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream: maxStreamBuffer, MaxReceiveBufferPerConnection: maxConnBuffer,
			SendPingTimeout: pingAfter, PingTimeout: pingTimeout,
		},
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
		t.OnProxyConnectResponse = refuseTunnel
		t.DialTLSContext = nil // else a proxy reached by https would be offered HTTP/2
	}
	return t
}

// conn is a connection that knows what it cost and how much went into it.
type conn struct {
	net.Conn
	dns, connect, tls time.Duration
	written           atomic.Int64
}

// Write counts what it writes.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// dialError is a connection that did not come about, and the parts of it that did.
type dialError struct {
	err               error
	inTLS             bool
	dns, connect, tls time.Duration
}

// Error is the cause's text.
func (e *dialError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *dialError) Unwrap() error { return e.err }

var errConnectTimeout = errors.New("no connection within connect_timeout")

type connectTimeoutKey struct{}

// connectTimeout is the bound that the call asks for. The transport dials with
// the call's values, though not with its end.
func connectTimeout(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(connectTimeoutKey{}).(time.Duration); ok && d > 0 {
		return d
	}
	return time.Duration(job.DefaultPolicy().ConnectTimeout)
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout(ctx), errConnectTimeout)
	defer cancel()
	c, err := d.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout(ctx), errConnectTimeout)
	defer cancel()
	c, err := d.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	config := d.tls.Clone()
	config.ServerName = host
	start := time.Now()
	secured := tls.Client(c, config)
	err = secured.HandshakeContext(ctx)
	c.tls = time.Since(start)
	if err != nil {
		_ = c.Conn.Close()
		return nil, &dialError{err: timeoutOr(ctx, err), inTLS: true, dns: c.dns, connect: c.connect, tls: c.tls}
	}
	return secured, nil
}

// open resolves and connects. The guard sees every resolved address right
// before it is connected to, unless the name itself is allowed.
func (d *dialer) open(ctx context.Context, network, address string) (*conn, error) {
	allowed := d.toProxy || d.guard.allowsName(address)
	start := time.Now()
	var resolved atomic.Int64 // since start; zero: no address was found yet
	nd := d.net
	nd.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		resolved.CompareAndSwap(0, max(int64(time.Since(start)), 1))
		if allowed {
			return nil
		}
		return d.guard.check(address)
	}
	raw, err := nd.DialContext(ctx, network, address)
	took := time.Since(start)
	dns, connect := time.Duration(resolved.Load()), time.Duration(0)
	if dns == 0 {
		dns = took
	} else {
		connect = took - dns
	}
	if isLiteral(address) {
		dns, connect = 0, took
	}
	if err != nil {
		return nil, &dialError{err: d.unmade(ctx, address, timeoutOr(ctx, err)), dns: dns, connect: connect}
	}
	return &conn{Conn: raw, dns: dns, connect: connect}, nil
}

// timeoutOr replaces an error that connect_timeout caused, unless it says that the look-up did not end.
func timeoutOr(ctx context.Context, err error) error {
	var lookup *net.DNSError
	if errors.Is(context.Cause(ctx), errConnectTimeout) && !errors.As(err, &lookup) {
		return errConnectTimeout
	}
	return err
}

// isLiteral reports whether the host of "host:port" is an address.
func isLiteral(address string) bool {
	_, err := netip.ParseAddrPort(address)
	return err == nil
}
