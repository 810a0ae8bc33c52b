package testserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates of one test, and keeps them and their keys as PEM files.
type Authority struct {
	t      testing.TB
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

// NewAuthority makes an authority, whose own certificate is the file ca.crt.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, folder: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// Certificate is that of the authority itself.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// File is the path of a file, such as ca.crt.
func (a *Authority) File(name string) string { return filepath.Join(a.folder, name) }

// Client signs the certificate of a client, and writes NAME.crt and NAME.key.
func (a *Authority) Client(name string) {
	a.t.Helper()
	a.sign(name, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// RedisOptions are those of a redis-server that also listens on a port with TLS, and asks for a certificate of this authority.
func (a *Authority) RedisOptions(port int) []string {
	a.t.Helper()
	a.sign("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	return []string{"--tls-port", fmt.Sprint(port), "--tls-cert-file", a.File("server.crt"), "--tls-key-file", a.File("server.key"),
		"--tls-ca-cert-file", a.File("ca.crt"), "--tls-auth-clients", "yes"}
}

func (a *Authority) sign(name string, cert *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	must := func(err error) {
		if err != nil {
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	cert.SerialNumber, cert.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	cert.NotBefore, cert.NotAfter = time.Unix(0, 0), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) // whatever the date here, and at the server
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	for end, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		must(os.WriteFile(a.File(name+end), pem.EncodeToMemory(block), 0o600))
	}
	made, err := x509.ParseCertificate(der)
	must(err)
	return made, key
}
