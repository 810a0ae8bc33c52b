package worker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

func TestReasonOf(t *testing.T) {
	dial := func(err error) error {
		return &dialError{err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}}
	}
	tests := []struct {
		err  error
		want job.Reason
	}{
		{dial(syscall.ECONNREFUSED), job.ReasonConnectRefused},
		{dial(syscall.EHOSTUNREACH), job.ReasonConnect},
		{dial(syscall.ENETUNREACH), job.ReasonConnect},
		{dial(syscall.EADDRNOTAVAIL), job.ReasonConnect},
		{dial(syscall.EMFILE), job.ReasonConnect},
		{dial(syscall.ECONNRESET), job.ReasonConnect},
		{dial(syscall.ETIMEDOUT), job.ReasonConnectTimeout},
		{&dialError{err: &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}}, job.ReasonConnectTimeout},
		{&dialError{err: errConnectTimeout}, job.ReasonConnectTimeout},
		{&dialError{err: errConnectTimeout, inTLS: true}, job.ReasonConnectTimeout},
		{&dialError{err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}}, job.ReasonDNS},
		{&dialError{err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}, job.ReasonDNS},
		{&dialError{err: &net.OpError{Op: "dial", Err: &blockedError{"10.0.0.1", classPrivate}}}, job.ReasonBlockedTarget},
		{&dialError{err: io.EOF, inTLS: true}, job.ReasonTLS},
		{&dialError{err: syscall.ECONNRESET, inTLS: true}, job.ReasonTLS},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, job.ReasonTLS},
		{tls.RecordHeaderError{Msg: "x"}, job.ReasonTLS},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, job.ReasonTLS},
		{errors.New("net/http: TLS handshake timeout"), job.ReasonTLS},
		{&net.OpError{Op: "proxyconnect", Err: errors.New("Bad Gateway")}, job.ReasonConnect},
		{&net.OpError{Op: "socks connect", Err: errors.New("general failure")}, job.ReasonConnect},
		{io.EOF, job.ReasonReset},
		{fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", io.ErrUnexpectedEOF), job.ReasonReset},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, job.ReasonReset},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, job.ReasonReset},
		{net.ErrClosed, job.ReasonReset},
		{errors.New("http: server closed idle connection"), job.ReasonReset},
		{errors.New("http2: client connection lost"), job.ReasonReset},
		{errors.New("http2: server sent GOAWAY and closed the connection"), job.ReasonReset},
		{streamError{StreamID: 1, Code: 2}, job.ReasonReset},
		{fmt.Errorf("malformed HTTP response %q", "x"), job.ReasonProtocol},
		{errors.New("anything else"), job.ReasonProtocol},
	}
	for _, test := range tests {
		if got := reasonOf(test.err); got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}

// The end of the call goes before whatever error it caused.
func TestClassifyByCause(t *testing.T) {
	for cause, want := range map[error]job.Reason{errAttemptTimeout: job.ReasonTimeout, errReplay: job.ReasonReset, context.Canceled: ""} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		c := call{asked: true}
		if got := c.classify(ctx, &dialError{err: syscall.ECONNREFUSED, dns: 5}); got.reason != want || c.dns != 5 {
			t.Errorf("%v: %+v, dns %d", cause, got, c.dns)
		}
	}
}

func TestFaultTextIsFitForAnyDatabase(t *testing.T) {
	for _, text := range []string{"a\x00b\xffc", strings.Repeat("时", maxErrorText), strings.Repeat("x", maxErrorText-1) + "时"} {
		got := (&fault{err: errors.New(text)}).text()
		if len(got) > maxErrorText || !utf8.ValidString(got) || strings.ContainsRune(got, 0) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	tests := []struct {
		from, to string
		want     bool
	}{
		{"http://a.test/x", "http://A.test:80/y", true}, {"https://a.test", "https://a.test:443", true},
		{"http://a.test", "https://a.test", true}, {"http://a.test", "https://a.test:8443", false},
		{"http://a.test:8080", "https://a.test", false}, {"https://a.test", "http://a.test", false},
		{"http://a.test", "http://a.test:81", false}, {"http://a.test", "http://b.a.test", false},
		{"http://a.test", "http://b.test", false},
	}
	for _, test := range tests {
		from, _ := url.Parse(test.from)
		to, _ := url.Parse(test.to)
		if got := sameOrigin(from, to); got != test.want {
			t.Errorf("%s to %s: %v", test.from, test.to, got)
		}
	}
}

func TestRedirectCredentials(t *testing.T) {
	from, _ := url.Parse("https://a.test/x")
	r := &request{method: "POST", url: from, host: "virtual.test", body: []byte("b"), header: http.Header{
		"Authorization": {"Basic x"}, "Cookie": {"a=b"}, "X-Auth-Token": {"t"}, "Content-Type": {"text/plain"}, "Idempotency-Key": {"id"},
	}}
	here, _ := url.Parse("https://a.test/y")
	if next, err := r.redirect(307, here); err != nil || next.host != "virtual.test" || len(next.header) != 5 || string(next.body) != "b" {
		t.Errorf("to the same host: %+v", next)
	}
	away, _ := url.Parse("https://u:p@b.test/y")
	next, err := r.redirect(308, away)
	if err != nil || next.host != "" || len(next.header) != 3 || next.header.Get("Authorization") != "Basic dTpw" || next.header.Get("Content-Type") == "" {
		t.Errorf("to another host: %+v", next)
	}
	if next, err := r.redirect(303, here); err != nil || next.method != "GET" || next.body != nil || next.header.Get("Content-Type") != "" {
		t.Errorf("303: %+v", next)
	}
	if len(r.header) != 5 {
		t.Errorf("the first request changed: %v", r.header)
	}
}

func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6 loopback:", err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(protoEcho))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	newBench(t).expect(t, taskFor(s.URL), job.ReasonOK)
	newBench(t, func(o *Options) { o.Allow = []string{"127.0.0.0/8"} }).expect(t, taskFor(s.URL), job.ReasonBlockedTarget)
}
