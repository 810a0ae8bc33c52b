// Package worker makes the HTTP calls: it turns one task into one call, the
// call into an attempt with a typed reason, and decides whether and when the
// call is made again. It owns the guard against calls into networks that are
// not meant to be reached, and the connections to the targets.
//
// It never reads a database, a queue or a schedule: what it must know is in
// the task, and what it has found out goes to its Reporter.
//
// A reader's path: deliver.go → call.go → reason.go → retry.go → guard.go.
package worker

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
)

// maxBody is how much of an answer is kept and matched, in bytes.
const maxBody = 64 << 10

// Reporter takes what happens to a run.
type Reporter interface {
	// Report stores the event; canceled says, of the start of a call, that it
	// must not be made. An error means that the event is not stored; it is reported again.
	Report(ctx context.Context, e *job.Event) (canceled bool, err error)
}

// Options are what a Worker can be told. Now is required; every other zero
// value means the default.
type Options struct {
	// Now is the clock of what is reported.
	Now func() job.Instant
	// Rand gives numbers in [0, 1) for the waits between attempts. Nil: math/rand/v2.
	Rand func() float64
	// Logger takes what operators should know. Nil: nothing is logged.
	Logger *slog.Logger
	// Name is the process as histories show it, "host:pid".
	Name string
	// Version goes into the User-Agent. Empty: "dev".
	Version string
	// Allow lifts the guard for some targets. An entry is "all", "loopback",
	// "private", a range "10.1.0.0/16", an address, a host "intranet" or
	// "*.corp.example"; addresses and hosts may have a port. Empty: public addresses only.
	Allow []string
	// OwnNetwork is asked at each connection: while it returns true, loopback and private targets are allowed, too.
	// Nil: never.
	OwnNetwork func() bool
	// NAT64 are prefixes, "2001:db8:64::/96", under which this network translates
	// IPv6 addresses into IPv4 ones: the guard judges the IPv4 address. The
	// well-known 64:ff9b::/96 is always one.
	NAT64 []string
	// Proxy is the URL (http, https, socks5) through which calls go. Empty: none.
	// The proxy resolves names, so with it the guard sees literal addresses and
	// "localhost" only.
	Proxy string
	// NoProxy are targets that are called directly, and guarded like all direct
	// calls, though there is a Proxy: ranges, addresses, hosts with the names below them, or "*".
	NoProxy []string
	// MaxIdlePerHost is how many idle connections to one target are kept. Zero: 256.
	MaxIdlePerHost int
	// MaxIdle is how many idle connections are kept in all. Zero: four times MaxIdlePerHost.
	MaxIdle int
	// IdleTimeout is how long an idle connection is kept. Zero: 1.5s, shorter
	// than the keep-alive of the common servers (2s and up), so that a call is
	// hardly ever sent into a connection that its target is just closing.
	IdleTimeout time.Duration
	// Concurrency is how many calls this process makes at once; hosts share them. Zero: any number, and no host has a share.
	Concurrency int
	// Limits hold for every host, where a job says nothing else. Zero value: none.
	Limits job.HostLimits
	// Shared is what all workers know of hosts. Nil: this worker is alone, and there are no limits.
	Shared Shared
	// PublicURL is where targets reach the API, "https://cron.example.com/base". With
	// it and Keys every call says where its run can be completed later. Empty: no target is waited for.
	PublicURL string
	// Metrics takes the worker's counters. Nil: they are counted and not shown.
	Metrics prometheus.Registerer
	// RootCAs are whom targets' certificates must come from. Nil: the system's.
	RootCAs *x509.CertPool
	// Keys open the sealed texts of tasks. Nil: a call that needs one fails.
	Keys *job.Keyring
	// WebhookSecret signs the calls of jobs that have no signing secret of their
	// own: one "whsec_" secret, or two separated by a space or comma. Empty: those are not signed.
	WebhookSecret string
	// Resolver looks up host names. Nil: the system's.
	Resolver *net.Resolver
}

// Worker makes calls. It is safe for concurrent use.
type Worker struct {
	reporter Reporter
	now      func() job.Instant
	rand     func() float64
	log      *slog.Logger
	name     string
	agent    string
	guard    *guard
	proxy    *proxy
	// ownClosed says that idle connections into the own network have been closed, since it is no target any more.
	ownClosed atomic.Bool

	keys    *job.Keyring
	signing [][]byte
	pools   *pools
	tokens  tokens
	gate    *gate
	// mailDialer reaches mail servers: no proxy is asked.
	mailDialer *dialer
	links      *links
	rules      rules
	matching   matching
	metrics    *metrics
	health     health
	buffers    sync.Pool
	// unpackers are gzip.Readers.
	unpackers sync.Pool
}

// New makes a Worker that opens no connection yet. The error is that of Check.
func New(r Reporter, o Options) (*Worker, error) {
	if r == nil || o.Now == nil {
		return nil, errors.New("worker: a Reporter and Options.Now are required")
	}
	read, err := o.read()
	if err != nil {
		return nil, err
	}
	o.setDefaults()
	guard, proxy := read.guard, read.proxy
	w := &Worker{
		reporter: r, now: o.Now, rand: o.Rand, log: o.Logger, name: o.Name,
		agent: "schedule-server/" + o.Version, guard: guard, proxy: proxy,
		keys: o.Keys, signing: read.signing, matching: newMatching(), metrics: newMetrics(o.Metrics),
		health: health{log: o.Logger, now: o.Now}, links: newLinks(o.PublicURL, o.Keys.Completions()),
	}
	w.gate = newGate(&o)
	w.buffers.New = func() any { return new([maxBody + 1]byte) }
	w.unpackers.New = func() any { return new(gzip.Reader) }
	w.pools = &pools{make: func(s security) *transports { return newTransports(&o, guard, proxy, s) }}
	w.mailDialer = &dialer{guard: guard, net: net.Dialer{Resolver: o.Resolver}, tls: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs}}
	w.pools.secure = w.pools.make(security{roots: o.RootCAs})
	w.pools.insecure = w.pools.make(security{roots: o.RootCAs, insecure: true})
	return w, nil
}

// readOptions are the options that are texts to be read.
type readOptions struct {
	guard   *guard
	proxy   *proxy
	signing [][]byte
}

// Check reports the first faulty option. The error is an *job.OptionError that names it, and of Allow the faulty entry.
func (o *Options) Check() error {
	_, err := o.read()
	return err
}

func (o *Options) read() (read readOptions, err error) {
	if read.guard, err = newGuard(o.Allow, o.NAT64); err != nil {
		return read, err
	}
	read.guard.ownNetwork = o.OwnNetwork
	if read.proxy, err = newProxy(o.Proxy, o.NoProxy); err != nil {
		return read, err
	}
	if o.WebhookSecret != "" {
		if read.signing, err = job.ParseSigningSecrets(o.WebhookSecret); err != nil {
			return read, &job.OptionError{Name: "webhook-secret", Err: err}
		}
	}
	return read, checkPublicURL(o.PublicURL)
}

func (o *Options) setDefaults() {
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.MaxIdlePerHost <= 0 {
		o.MaxIdlePerHost = 256
	}
	if o.MaxIdle <= 0 {
		o.MaxIdle = 4 * o.MaxIdlePerHost
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 1500 * time.Millisecond
	}
}

// Run hears from the other workers which hosts are held back, until the context ends. It returns nil.
func (w *Worker) Run(ctx context.Context) error {
	if w.gate.shared == nil {
		<-ctx.Done()
		return nil
	}
	w.gate.shared.WatchHosts(ctx, w.gate.learn)
	return nil
}

// forgetOwnNetwork closes idle connections once the own network is no target any more: the guard sees new
// connections only.
func (w *Worker) forgetOwnNetwork() {
	if own := w.guard.ownNetwork; own != nil && !own() && !w.ownClosed.Swap(true) {
		w.Close()
	}
}

// Close closes the idle connections. Calls under way keep theirs until they end.
func (w *Worker) Close() { w.pools.closeIdle() }
