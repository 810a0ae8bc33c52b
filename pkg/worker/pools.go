package worker

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"sync"

	"schedule-server/pkg/job"
)

// maxPools is how many transports are kept for jobs with TLS settings of their own.
const maxPools = 64

// security is what a transport's handshakes rest on.
type security struct {
	// roots are whom certificates must come from. Nil: the system's.
	roots    *x509.CertPool
	certs    []tls.Certificate
	insecure bool
}

// pools are the transports of a worker: those that check certificates, those that
// do not, and those for each TLS settings that jobs bring along. What is pooled for
// the one must not serve the other.
type pools struct {
	make             func(security) *transports
	secure, insecure *transports

	mu   sync.Mutex
	own  map[[sha256.Size]byte]*pool
	uses int64
}

type pool struct {
	*transports
	// used orders pools by their last use.
	used int64
}

// of finds the transports for a request, or, away, for what follows a redirect to
// another origin, which is not shown the client certificate. The error says what is
// wrong with the TLS settings.
func (p *pools) of(r *job.Request, f *filler, away bool) (*transports, error) {
	settings := r.TLS
	if away && settings != nil {
		settings = &job.TLS{CA: settings.CA}
	}
	switch {
	case settings != nil && *settings != (job.TLS{}):
		return p.custom(settings, r.InsecureTLS, f)
	case r.InsecureTLS:
		return p.insecure, nil
	}
	return p.secure, nil
}

func (p *pools) custom(t *job.TLS, insecure bool, f *filler) (*transports, error) {
	var texts [3]string
	var err error
	if texts[0], err = f.public(t.CA); err != nil {
		return nil, err
	}
	if texts[1], err = f.public(t.ClientCert); err != nil {
		return nil, err
	}
	if t.ClientKey != "" {
		if texts[2], err = f.credential("tls.client_key", t.ClientKey); err != nil {
			return nil, err
		}
	}
	whole, err := json.Marshal([]any{texts, insecure})
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(whole)
	if known := p.known(key); known != nil {
		return known, nil
	}
	settings, err := readTLS(texts[0], texts[1], texts[2])
	if err != nil {
		return nil, err
	}
	settings.insecure = insecure
	if settings.roots == nil {
		settings.roots = p.secure.direct.TLSClientConfig.RootCAs
	}
	return p.add(key, settings), nil
}

// known finds the transports of these settings; nil when there are none.
func (p *pools) known(key [sha256.Size]byte) *transports {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uses++
	if known := p.own[key]; known != nil {
		known.used = p.uses
		return known.transports
	}
	return nil
}

// add makes transports for the settings, unless another call was faster.
func (p *pools) add(key [sha256.Size]byte, settings security) *transports {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.own[key]; known != nil {
		return known.transports
	}
	p.makeRoom()
	made := p.make(settings)
	p.own[key] = &pool{made, p.uses}
	return made
}

// makeRoom lets go of the transport whose last use is the longest ago. Calls under
// way keep theirs; what they leave behind is closed when it has been idle.
func (p *pools) makeRoom() {
	if p.own == nil {
		p.own = map[[sha256.Size]byte]*pool{}
	}
	if len(p.own) < maxPools {
		return
	}
	var oldest [sha256.Size]byte
	least := p.uses + 1
	for key, one := range p.own {
		if one.used < least {
			oldest, least = key, one.used
		}
	}
	p.own[oldest].closeIdle()
	delete(p.own, oldest)
}

// closeIdle closes the idle connections of all.
func (p *pools) closeIdle() {
	p.secure.closeIdle()
	p.insecure.closeIdle()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.own {
		one.closeIdle()
	}
}

// readTLS reads PEM texts; empty ones are left out. The error shows no part of them.
func readTLS(ca, cert, key string) (s security, err error) {
	if ca != "" {
		if s.roots, err = job.ReadCA(ca); err != nil {
			return s, inField("tls.ca", err)
		}
	}
	if cert == "" && key == "" {
		return s, nil
	}
	pair, err := job.ReadKeyPair(cert, key)
	if err != nil {
		return s, inField("tls.client_cert and client_key", err)
	}
	s.certs = []tls.Certificate{pair}
	return s, nil
}
