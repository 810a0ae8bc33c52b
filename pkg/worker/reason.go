package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"schedule-server/pkg/job"
)

// maxErrorText bounds what is kept of an error, in bytes: a target can put its own words into one.
const maxErrorText = 500

// fault is why a call is no success. An empty reason: the worker itself ended, and the call does not count.
type fault struct {
	reason job.Reason
	err    error
}

// text is the error for people, short, and fit for any database.
func (f *fault) text() string { return cleanText(f.err.Error(), maxErrorText) }

// cleanText makes a text from outside valid UTF-8 without NUL, cut to the size.
func cleanText(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// classify finds the reason for an error of the call.
func (c *call) classify(ctx context.Context, err error) *fault {
	var dialing *dialError
	if errors.As(err, &dialing) {
		c.add(dialing.dns, dialing.connect, dialing.tls)
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
	case errors.Is(cause, errAttemptTimeout):
		return &fault{job.ReasonTimeout, fmt.Errorf("no whole answer within %s: %s", job.Duration(c.timeout), c.stage())}
	case errors.Is(cause, job.ErrCanceled):
		return &fault{job.ReasonCanceled, cause}
	case errors.Is(cause, errReplay):
		return &fault{job.ReasonReset, cause}
	default:
		return &fault{"", cause}
	}
	if !c.asked {
		return &fault{job.ReasonInvalidRequest, err}
	}
	if what := lack(err); what != "" {
		err = &shortage{what, err}
	}
	reason := reasonOf(err)
	return &fault{reason, explain(reason, err)}
}

// explain words an error for people where the library's words say too little,
// or, with the address of the name server, too much.
func explain(reason job.Reason, err error) error {
	var dialing *dialError
	var lookup *net.DNSError
	switch {
	case reason == job.ReasonDNS && errors.As(err, &lookup):
		return fmt.Errorf("look-up of %s: %s", lookup.Name, lookup.Err)
	case reason == job.ReasonConnectTimeout && errors.As(err, &dialing) && dialing.inTLS:
		return fmt.Errorf("%w: the TLS handshake did not end", err)
	case reason == job.ReasonProtocol:
		return explainAnswer(err)
	}
	return err
}

// stage is where a call stands.
func (c *call) stage() string {
	switch {
	case !c.connected:
		return "not connected yet"
	case c.firstByte.Load() == 0:
		return "no answer yet"
	case c.matching:
		return "the answer was still being compared with body_match"
	}
	return "the answer was still coming"
}

// reasonOf maps an error of the transport to its reason.
func reasonOf(err error) job.Reason {
	var blocked *blockedError
	var short *shortage
	var refusal *proxyRefusal
	var lookup *net.DNSError
	var dialing *dialError
	var op *net.OpError
	isDial := errors.As(err, &dialing)
	switch {
	case errors.As(err, &blocked):
		return job.ReasonBlockedTarget
	case errors.As(err, &short):
		return job.ReasonWorkerError
	case errors.As(err, &refusal) && refusal.status == http.StatusForbidden:
		return job.ReasonBlockedTarget
	case errors.As(err, &lookup):
		return job.ReasonDNS
	case errors.Is(err, errConnectTimeout):
		return job.ReasonConnectTimeout
	case isDial && dialing.inTLS, isTLS(err):
		return job.ReasonTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return job.ReasonConnectRefused
	case isDial && isTimeout(err):
		return job.ReasonConnectTimeout
	case isDial, refusal != nil, errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect"):
		return job.ReasonConnect
	case isReset(err):
		return job.ReasonReset
	}
	return job.ReasonProtocol
}

// isTLS finds a fault of a handshake that the transport made, behind a proxy, or that came after it.
func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError // crypto/tls wraps alerts so, and keeps their type private
	return errors.As(err, &certificate) || errors.As(err, &record) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") ||
		isHTTPText(err, "TLS handshake timeout")
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// streamError is HTTP/2's end of one call. net/http keeps its own type private,
// and fills any that has the same fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error says which code the target gave.
func (e streamError) Error() string { return fmt.Sprintf("HTTP/2 stream error %d", e.Code) }

// isReset finds a connection that broke after it had been made.
func isReset(err error) bool {
	var op *net.OpError
	var stream streamError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &op) || errors.As(err, &stream) ||
		isHTTPText(err, "server closed idle connection", "client connection lost", "server sent GOAWAY")
}

// isHTTPText compares with errors that net/http keeps private.
func isHTTPText(err error, parts ...string) bool {
	text := err.Error()
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// statusFault is the fault of an answer whose status is no success.
func statusFault(code int) *fault {
	text := http.StatusText(code)
	if text == "" {
		text = "no success"
	}
	return &fault{job.StatusReason(code), fmt.Errorf("the target answered %d %s", code, text)}
}
