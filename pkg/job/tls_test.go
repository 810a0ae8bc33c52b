package job

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

func inPEM(t testing.TB, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// number is an odd number of so many bits.
func number(bits int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return n.Or(n, big.NewInt(1))
}

// longKey is what an RSA key of so many bits looks like; it is none.
func longKey(t testing.TB, bits, primeBits int) string {
	der, err := asn1.Marshal(struct{ Version, N, E, D, P, Q, DP, DQ, QInv *big.Int }{big.NewInt(0), number(bits), big.NewInt(65537),
		number(bits - 1), number(primeBits), number(primeBits), number(primeBits), number(primeBits), number(primeBits)})
	return inPEM(t, "RSA PRIVATE KEY", der, err)
}

// wrapped puts a key of PKCS #1 into PKCS #8.
func wrapped(t testing.TB, text string) string {
	block, _ := pem.Decode([]byte(text))
	der, err := asn1.Marshal(struct {
		Version int
		Algo    pkix.AlgorithmIdentifier
		Key     []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}, block.Bytes})
	return inPEM(t, "PRIVATE KEY", der, err)
}

// certified is a certificate of an ECDSA key, over the public key; nil: its own.
func certified(t testing.TB, public any) (cert, key string) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if public == nil {
		public = &own.PublicKey
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, own)
	cert = inPEM(t, "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(own)
	return cert, inPEM(t, "PRIVATE KEY", der, err)
}

func TestReadTLS(t *testing.T) {
	cert, key := certified(t, nil)
	if _, err := ReadKeyPair(cert, key); err != nil {
		t.Error(err)
	}
	if _, err := ReadCA("text before\n" + cert + cert); err != nil {
		t.Error(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &rsaKey.PublicKey, rsaKey)
	if _, err := ReadKeyPair(inPEM(t, "CERTIFICATE", der, err), inPEM(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)); err != nil {
		t.Error(err)
	}
	if bits := rsaBits(x509.MarshalPKCS1PrivateKey(rsaKey)); bits != 2048 {
		t.Errorf("%d bits", bits)
	}
	for want, texts := range map[string][2]string{
		"cannot be read, or are not a pair": {cert, longKey(t, MaxRSABits, MaxRSABits/2)}, // of the length that is allowed
		"8192 bits":                         {cert, longKey(t, MaxRSABits+1, 8)},
		"8192 bits ":                        {cert, wrapped(t, longKey(t, MaxRSABits+1, 8))},
		"8192 bits  ":                       {cert, key + longKey(t, 30_000, 8)},
		"8192 bits   ":                      {cert, longKey(t, 2048, 40_000)},
		"at most 65536":                     {cert, longKey(t, 400_000, 8)},
		"at most 65536 ":                    {strings.Repeat(cert, 200), key},
	} {
		if _, err := ReadKeyPair(texts[0], texts[1]); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	large, _ := certified(t, &rsa.PublicKey{N: number(MaxRSABits + 1), E: 65537})
	for _, text := range []string{large, cert + large} {
		if _, err := ReadCA(text); err == nil || !strings.Contains(err.Error(), "8192 bits") {
			t.Errorf("%v", err)
		}
	}
}

// What is too long is refused for its length, and not read.
func TestLongTLSTexts(t *testing.T) {
	cert, _ := certified(t, nil)
	for field, settings := range map[string]TLS{
		"request.tls.client_key":  {ClientCert: cert, ClientKey: longKey(t, 400_000, 200_000)},
		"request.tls.ca":          {CA: strings.Repeat(cert, 200)},
		"request.tls.client_cert": {ClientCert: strings.Repeat(cert, 200), ClientKey: "x"},
	} {
		var v validator
		v.tls(&settings)
		if len(v.faults) != 1 || v.faults[0].Field != field || !strings.Contains(v.faults[0].Message, "65536") {
			t.Errorf("%s: %v", field, v.faults)
		}
	}
}
