package queue

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"

	"schedule-server/internal/testserver"
)

// trust is what connections go by that trust this authority, and show a certificate if it is named.
func trust(a *testserver.Authority, client string) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate())
	config := &tls.Config{RootCAs: pool}
	if client != "" {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(a.File(client+".crt"), a.File(client+".key"))
			return &pair, err
		}
	}
	return config
}

func TestRedisWithAPrivateAuthorityAndClientCertificates(t *testing.T) {
	a, port := testserver.NewAuthority(t), freePort(t)
	a.Client("client")
	startRedis(t, a.RedisOptions(port)...)
	ping := func(scheme string, config *tls.Config) error {
		t.Helper()
		b, err := Open(Options{URL: fmt.Sprintf("%s://127.0.0.1:%d", scheme, port), TLS: config})
		if err != nil {
			return err
		}
		defer b.Close()
		return b.Ping(t.Context())
	}
	noError(t, ping("rediss", trust(a, "client")))
	for name, tc := range map[string]struct {
		scheme string
		config *tls.Config
		want   string
	}{
		"no certificate":     {"rediss", trust(a, ""), "certificate required"},
		"unknown authority":  {"rediss", trust(testserver.NewAuthority(t), ""), "unknown authority"},
		"none of them":       {"rediss", nil, "unknown authority"},
		"a URL without TLS":  {"redis", trust(a, "client"), "rediss://"},
		"sentinels, no TLS":  {"redis-sentinel", trust(a, "client"), "?master=name"},
		"a cluster, no TLS":  {"redis-cluster", trust(a, "client"), "rediss-cluster://"},
		"a file that is not": {"rediss", trust(a, "nobody"), "nobody.crt"},
	} {
		if err := ping(tc.scheme, tc.config); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// A cluster over TLS, with a client certificate that is replaced meanwhile.
func TestAReplacedClientCertificateIsShown(t *testing.T) {
	t.Parallel()
	a, port := testserver.NewAuthority(t), freePort(t)
	a.Client("client")
	s := startRedis(t, append(a.RedisOptions(port), "--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-announce-tls-port", fmt.Sprint(port))...)
	s.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	eventually(t, "the cluster is up", func() bool { return strings.Contains(s.command("CLUSTER", "INFO"), "cluster_state:ok") })
	b, err := Open(Options{URL: fmt.Sprintf("rediss-cluster://127.0.0.1:%d", port), TLS: trust(a, "client")})
	noError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	noError(t, b.Ping(t.Context()))
	noError(t, os.Remove(a.File("client.crt")))
	s.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	eventually(t, "its file is missed", func() bool {
		err := b.Ping(t.Context())
		return err != nil && strings.Contains(err.Error(), "client.crt")
	})
	a.Client("client")
	eventually(t, "it is there again", func() bool { return b.Ping(t.Context()) == nil })
}
