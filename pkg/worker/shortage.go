package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"schedule-server/pkg/job"
)

const (
	// unwellFor is how long a worker counts as unwell after the last call that it could not make.
	unwellFor = 30 * time.Second
	// lookWithin bounds the look whether a name server is there at all.
	lookWithin = time.Second
)

// shortage is what this worker lacks to make a call. It tells nothing of the target.
type shortage struct {
	what string
	err  error
}

// Error says what is lacking and what to do, without the addresses of name servers and proxies.
func (e *shortage) Error() string {
	var errno syscall.Errno
	var refusal *proxyRefusal
	switch {
	case errors.As(e.err, &errno):
		return e.what + ": " + errno.Error()
	case errors.As(e.err, &refusal):
		return e.what + ": " + refusal.Error()
	case timedOut(e.err):
		return e.what + ": no answer in time"
	}
	return e.what
}

// Unwrap gives the cause.
func (e *shortage) Unwrap() error { return e.err }

// What a worker may lack.
const (
	lacksFiles    = "this worker has no file descriptors left; raise its limit (ulimit -n, LimitNOFILE) or lower --concurrency"
	lacksAllFiles = "this machine has no file descriptors left"
	lacksMemory   = "this machine has no memory left for connections"
	lacksPorts    = "this machine has no local ports left for connections to this target"
	lacksResolver = "no name server answers this worker"
	lacksProxy    = "the proxy cannot be reached"
)

// lack is what an error of the system says that this worker lacks; empty: it says something else.
func lack(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return lacksFiles
	case errors.Is(err, syscall.ENFILE):
		return lacksAllFiles
	case errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ENOBUFS):
		return lacksMemory
	}
	var lookup *net.DNSError
	if !errors.As(err, &lookup) {
		return ""
	}
	for text, what := range map[string]string{ // a look-up keeps the text of its cause alone
		syscall.EMFILE.Error(): lacksFiles, syscall.ENFILE.Error(): lacksAllFiles,
		syscall.ENOMEM.Error(): lacksMemory, syscall.ENOBUFS.Error(): lacksMemory,
	} {
		if strings.Contains(lookup.Err, text) {
			return what
		}
	}
	return ""
}

// unmade is the error of a connection that did not come about, as a *shortage where this worker is to blame.
func (d *dialer) unmade(ctx context.Context, address string, err error) error {
	if what := lack(err); what != "" {
		return &shortage{what, err}
	}
	var lookup *net.DNSError
	hasty := connectTimeout(ctx) < time.Duration(job.DefaultPolicy().ConnectTimeout)
	switch {
	case d.toProxy && (!hasty || !timedOut(err)):
		return &shortage{lacksProxy, err}
	case errors.Is(err, syscall.EADDRNOTAVAIL) && hasAddress(address):
		return &shortage{lacksPorts, err}
	case errors.As(err, &lookup) && d.unanswered(ctx, lookup):
		return &shortage{lacksResolver, err}
	}
	return err
}

func timedOut(err error) bool { return isTimeout(err) || errors.Is(err, errConnectTimeout) }

// hasAddress reports whether this machine has an address of the kind of "address:port".
// Without one, "cannot assign requested address" does not mean that ports are lacking.
func hasAddress(target string) bool {
	host, _, err := net.SplitHostPort(target)
	ip := net.ParseIP(host)
	if err != nil || ip == nil || ip.To4() != nil {
		return true // IPv4 is everywhere; a name was tried at all its addresses
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if own, ok := a.(*net.IPNet); ok && own.IP.To4() == nil && own.IP.IsLoopback() == ip.IsLoopback() && !own.IP.IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

// unanswered reports whether a look-up failed because no name server is there. A
// name whose own servers are silent looks the same, so after a timeout the root is asked for, which any name server knows.
func (d *dialer) unanswered(ctx context.Context, lookup *net.DNSError) bool {
	if !lookup.IsTimeout {
		return isSocketText(lookup.Err)
	}
	silent, _, _ := d.looks.Do("", func() (any, error) {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
		defer stop()
		resolver := d.net.Resolver
		if resolver == nil {
			resolver = net.DefaultResolver
		}
		_, err := resolver.LookupNS(ctx, ".")
		var failed *net.DNSError
		return errors.As(err, &failed) && (failed.IsTimeout || isSocketText(failed.Err)), nil
	})
	return silent.(bool)
}

// isSocketText reports whether the text of a failed look-up is that of a socket: nothing was answered.
func isSocketText(text string) bool {
	return strings.HasPrefix(text, "dial ") || strings.HasPrefix(text, "read ") || strings.HasPrefix(text, "write ")
}

// proxyRefusal is a proxy's answer to CONNECT that is no success.
type proxyRefusal struct{ status int }

// Error says what the proxy answered.
func (e *proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy answered %d %s", e.status, http.StatusText(e.status))
}

func refuseTunnel(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	switch refusal := (&proxyRefusal{resp.StatusCode}); resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return &shortage{"the proxy does not accept the credentials in --proxy", refusal}
	default:
		return refusal
	}
}

// health is whether this worker can make calls at all.
type health struct {
	log *slog.Logger
	now func() job.Instant

	mu   sync.Mutex
	last job.Instant // when a call could not be made last; zero: never
	what string
}

// note takes in that a call could not be made.
func (h *health) note(what string, cause error) {
	now := h.now()
	h.mu.Lock()
	fresh := h.last == 0 || now.Sub(h.last) >= unwellFor || h.what != what
	h.last, h.what = now, what
	h.mu.Unlock()
	if fresh {
		h.log.Error("this worker cannot make calls; targets are not to blame", "lacks", what, "error", cause)
	}
}

// check is what was lacking lately; nil when nothing was.
func (h *health) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == 0 || h.now().Sub(h.last) >= unwellFor {
		return nil
	}
	return job.Errorf(job.CodeUnavailable, "%s", h.what)
}

// Check is an error that says what this worker lacks, for as long as it could not make a call a moment ago.
func (w *Worker) Check(context.Context) error { return w.health.check() }

// noteShortage takes in what an attempt tells about this worker.
func (w *Worker) noteShortage(broken *fault) {
	var short *shortage
	if broken == nil || broken.reason != job.ReasonWorkerError || !errors.As(broken.err, &short) {
		return
	}
	w.health.note(short.what, short.err)
	if short.what == lacksFiles || short.what == lacksAllFiles {
		w.pools.closeIdle() // others need them more
	}
}
