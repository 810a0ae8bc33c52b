package worker

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert, key, x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

// issue makes a certificate for 127.0.0.1, changed as a test needs it.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"rebind.test"}}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// serveTLS is an HTTPS target; http2 offers that too.
func serveTLS(t testing.TB, config *tls.Config, http2 bool, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS, s.EnableHTTP2 = config, http2
	s.Config.ErrorLog = discardLog() // of faulty handshakes
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func protoEcho(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }

func TestTLSFaults(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	tests := map[string]*tls.Config{
		"expired":      {Certificates: []tls.Certificate{ca.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}},
		"not yet":      {Certificates: []tls.Certificate{ca.issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })}},
		"other host":   {Certificates: []tls.Certificate{ca.issue(t, func(c *x509.Certificate) { c.IPAddresses = nil })}},
		"self-signed":  {Certificates: []tls.Certificate{stranger.issue(t, nil)}},
		"old protocol": {Certificates: []tls.Certificate{ca.issue(t, nil)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			s := serveTLS(t, config, false, protoEcho)
			b := newBench(t, func(o *Options) { o.RootCAs = ca.pool })
			e := b.expect(t, taskFor(s.URL), job.ReasonTLS)
			if e.State != job.StateRetrying || e.Response != nil || e.Attempt.Phases.TLSMS <= 0 {
				t.Errorf("%+v %+v", e, e.Attempt)
			}
			insecure := taskFor(s.URL, func(t *job.Task) { t.Request.InsecureTLS = true })
			if name != "old protocol" {
				b.expect(t, insecure, job.ReasonOK)
				// What the insecure transport has opened must not serve a job that checks.
				b.expect(t, taskFor(s.URL), job.ReasonTLS)
			} else {
				b.expect(t, insecure, job.ReasonTLS)
			}
		})
	}
	b := newBench(t)
	plain := answering(t, 200, "")
	b.expect(t, taskFor(strings.Replace(plain.URL, "http:", "https:", 1)), job.ReasonTLS)
	for name, answer := range map[string]string{"garbage": "garbage", "closed": ""} {
		s := listenBytes(t, func(_ *rawServer, c net.Conn) {
			_, _ = bufio.NewReader(c).ReadByte()
			write(c, answer)
		})
		if e := b.expect(t, taskFor("https://"+s.addr), job.ReasonTLS); e.Attempt.StatusCode != nil {
			t.Errorf("%s: %+v", name, e.Attempt)
		}
	}
	required := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}, ClientAuth: tls.RequireAnyClientCert}
	s := serveTLS(t, required, false, protoEcho)
	newBench(t, func(o *Options) { o.RootCAs = ca.pool }).expect(t, taskFor(s.URL), job.ReasonTLS)
}

func TestHTTPS(t *testing.T) {
	ca := newAuthority(t)
	for _, http2 := range []bool{false, true} {
		s := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}}, http2, protoEcho)
		b := newBench(t, func(o *Options) { o.RootCAs = ca.pool })
		for i, method := range []string{"GET", "POST"} {
			e := b.expect(t, taskFor(s.URL, func(t *job.Task) { t.Request.Method = method }), job.ReasonOK)
			want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]
			if e.Response.Body != want {
				t.Errorf("spoke %s, want %s", e.Response.Body, want)
			}
			if p := e.Attempt.Phases; (p.TLSMS > 0) != (i == 0) || (p.ConnectMS > 0) != (i == 0) || p.FirstByteMS <= 0 {
				t.Errorf("call %d: phases %+v", i, p)
			}
		}
	}
}

func TestHTTP2Faults(t *testing.T) {
	ca := newAuthority(t)
	s := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}}, true, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/body":
			_, _ = w.Write([]byte("some"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/stall":
			<-r.Context().Done()
		case "/flood":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/header":
			w.Header().Set("X-A", strings.Repeat("x", 2*maxHeader))
		}
	})
	b := newBench(t, func(o *Options) { o.RootCAs = ca.pool })
	b.expect(t, taskFor(s.URL+"/reset"), job.ReasonReset)
	if e := b.expect(t, taskFor(s.URL+"/body"), job.ReasonReset); e.Response.Body != "some" || !e.Response.Truncated {
		t.Errorf("%+v", e.Response)
	}
	b.expect(t, taskFor(s.URL+"/stall", attemptTimeoutOf(150*time.Millisecond)), job.ReasonTimeout)
	if e := b.expect(t, taskFor(s.URL+"/flood"), job.ReasonOK); !e.Response.Truncated {
		t.Errorf("%+v", e.Response)
	}
	b.expect(t, taskFor(s.URL+"/header"), job.ReasonProtocol)
	b.expect(t, taskFor(s.URL+"/fine"), job.ReasonOK)
}

// pemOf writes a certificate's chain and key as PEM.
func pemOf(t testing.TB, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// A job brings its own authorities and its own certificate along, and no other job profits from them.
func TestOwnTLS(t *testing.T) {
	ca, clients := newAuthority(t), newAuthority(t)
	caPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}))
	cert, key := pemOf(t, clients.issue(t, func(c *x509.Certificate) {
		c.Subject.CommonName, c.ExtKeyUsage = "client-7", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}))
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}, ClientCAs: clients.pool, ClientAuth: tls.VerifyClientCertIfGiven}
	for _, http2 := range []bool{false, true} {
		s := serveTLS(t, config, http2, func(w http.ResponseWriter, r *http.Request) {
			for _, c := range r.TLS.PeerCertificates {
				_, _ = io.WriteString(w, c.Subject.CommonName)
			}
		})
		b := newBench(t, withKeys(t))
		call := func(settings *job.TLS, insecure bool, want job.Reason) *job.Event {
			t.Helper()
			return b.expect(t, taskFor(s.URL, func(t *job.Task) { t.Request.TLS, t.Request.InsecureTLS = settings, insecure },
				withSecrets(t, "KEY", key)), want)
		}
		call(nil, false, job.ReasonTLS)
		if e := call(&job.TLS{CA: caPEM}, false, job.ReasonOK); e.Response.Body != "" {
			t.Errorf("shown %q", e.Response.Body)
		}
		if e := call(&job.TLS{CA: caPEM, ClientCert: cert, ClientKey: key}, false, job.ReasonOK); e.Response.Body != "client-7" {
			t.Errorf("shown %q", e.Response.Body)
		}
		if e := call(&job.TLS{ClientCert: cert, ClientKey: "{{ secret.KEY }}"}, true, job.ReasonOK); e.Response.Body != "client-7" {
			t.Errorf("shown %q", e.Response.Body)
		}
		if e := call(nil, true, job.ReasonOK); e.Response.Body != "" {
			t.Errorf("a job without a certificate has shown %q", e.Response.Body)
		}
		call(&job.TLS{ClientCert: cert, ClientKey: key}, false, job.ReasonTLS)
		call(nil, false, job.ReasonTLS)
	}
}

// However many settings jobs bring along, few transports are kept.
func TestPoolsAreBounded(t *testing.T) {
	ca := newAuthority(t)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}))
	b := newBench(t)
	first, err := b.pools.of(&job.Request{TLS: &job.TLS{CA: text}}, &filler{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxPools {
		if _, err := b.pools.of(&job.Request{TLS: &job.TLS{CA: text + strings.Repeat("\n", i+1)}}, &filler{}, false); err != nil || len(b.pools.own) > maxPools {
			t.Fatalf("%v, %d are kept", err, len(b.pools.own))
		}
		again, err := b.pools.of(&job.Request{TLS: &job.TLS{CA: text}}, &filler{}, false)
		if err != nil || again != first {
			t.Fatalf("the one in use was let go: %v", err)
		}
	}
}
