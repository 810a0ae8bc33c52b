package job

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// The limits of what goes into a handshake. Reading a private key, and checking a
// certificate, take a time that grows with the square of the key's length, so the
// length is looked at first.
const (
	MaxPEM     = 64 << 10
	MaxRSABits = 8192
	// maxKeyDER is a little more than an RSA key of MaxRSABits takes, in bytes.
	maxKeyDER = 5 << 10
)

var (
	errNoCertificate = errors.New("it holds no certificate in PEM")
	errLongPEM       = fmt.Errorf("at most %d bytes", MaxPEM)
	errLongKey       = fmt.Errorf("an RSA key has at most %d bits", MaxRSABits)
	errNoPair        = errors.New("the certificate and the key cannot be read, or are not a pair")
)

// TLS says what goes into the handshake with the target, in PEM; each text may be a secret.
type TLS struct {
	// CA are whom the target's certificate must come from, in place of the authorities that the server trusts. Empty: those.
	CA string `json:"ca,omitempty"`
	// ClientCert is the certificate chain that is shown to the target, ClientKey its private key, which is sealed when the job is stored.
	ClientCert string `json:"client_cert,omitempty"`
	ClientKey  string `json:"client_key,omitempty"`
}

// ReadCA reads the certificates of authorities. The error shows no part of the text.
func ReadCA(text string) (*x509.CertPool, error) {
	if len(text) > MaxPEM {
		return nil, errLongPEM
	}
	pool, found := x509.NewCertPool(), false
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue // as x509.CertPool does
		}
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > MaxRSABits {
			return nil, errLongKey
		}
		pool.AddCert(certificate)
		found = true
	}
	if !found {
		return nil, errNoCertificate
	}
	return pool, nil
}

// ReadKeyPair reads a certificate chain and its private key. The error shows no part of them.
func ReadKeyPair(cert, key string) (tls.Certificate, error) {
	if len(cert) > MaxPEM || len(key) > MaxPEM {
		return tls.Certificate{}, errLongPEM
	}
	for rest := []byte(key); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") && (len(block.Bytes) > maxKeyDER || rsaBits(block.Bytes) > MaxRSABits) {
			return tls.Certificate{}, errLongKey
		}
	}
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		return tls.Certificate{}, errNoPair
	}
	return pair, nil
}

// rsaBits is the length of the modulus of an RSA key in PKCS #1 or PKCS #8; 0 for any other.
func rsaBits(der []byte) int {
	var wrapped struct {
		Version   int
		Algorithm asn1.RawValue
		Key       []byte
	}
	if _, err := asn1.Unmarshal(der, &wrapped); err == nil {
		der = wrapped.Key
	}
	var key struct {
		Version int
		N       *big.Int
	}
	if _, err := asn1.Unmarshal(der, &key); err != nil {
		return 0
	}
	return key.N.BitLen()
}

func (v *validator) tls(t *TLS) {
	if t == nil {
		return
	}
	const ca, cert, key = "request.tls.ca", "request.tls.client_cert", "request.tls.client_key"
	known := len(v.faults)
	v.check(len(t.CA) <= MaxPEM, ca, "%v", errLongPEM)
	v.check(len(t.ClientCert) <= MaxPEM, cert, "%v", errLongPEM)
	v.check(len(t.ClientKey) <= MaxPEM, key, "%v", errLongPEM)
	if len(v.faults) > known {
		return // what is too long is not read
	}
	if t.CA != "" && !HasTemplate(t.CA) {
		_, err := ReadCA(t.CA)
		v.check(err == nil, ca, "%v", err)
	}
	v.check((t.ClientCert == "") == (t.ClientKey == ""), cert, "a client certificate and its key go together")
	if t.ClientCert == "" || t.ClientKey == "" || HasTemplate(t.ClientCert) {
		return
	}
	if HasTemplate(t.ClientKey) || t.ClientKey == Redacted {
		block, _ := pem.Decode([]byte(t.ClientCert))
		v.check(block != nil && block.Type == "CERTIFICATE", cert, "%v", errNoCertificate)
		return
	}
	_, err := ReadKeyPair(t.ClientCert, t.ClientKey)
	v.check(err == nil, key, "%v", err)
}
