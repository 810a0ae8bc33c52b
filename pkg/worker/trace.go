package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"schedule-server/pkg/job"
)

// How a call's context ends before its time.
var (
	errAttemptTimeout = errors.New("no whole answer within attempt_timeout")
	errReplay         = errors.New("the connection was closed before an answer came")
	errDone           = errors.New("the call is over")
)

// call is one call under way, redirects included. Durations are read from the
// runtime's monotonic clock; moments that are reported come from Options.Now.
type call struct {
	cancel  context.CancelCauseFunc
	timeout time.Duration
	// hasty says that the job gives connections less time than is usual.
	hasty bool
	start time.Time
	// took is the whole length; zero until the answer is read.
	took time.Duration
	// asked says that a connection was asked for, connected that there is one.
	asked, connected bool
	// matching says that the answer is read, and compared with what the policy expects.
	matching bool
	// elsewhere says that a redirect has led to another origin, so that how the call ends tells nothing of its own host.
	elsewhere bool
	// conn is the connection in use and before what had been written to it then;
	// nil when the transport may not send the request on another one by itself.
	conn   *conn
	before int64
	// replay says that the transport was about to send the request once more.
	replay            bool
	firstByte         atomic.Int64 // nanoseconds since start; zero: none yet
	dns, connect, tls time.Duration
}

// getConn runs before the transport looks for a connection. The transport
// would send a request again, by itself, when a kept connection breaks before
// the first byte of an answer, though the target may have done its work. Every
// call is to be an attempt that the history shows, so that is stopped here; a
// request of which nothing was written may go out on another connection.
func (c *call) getConn(string) {
	if c.conn != nil && c.conn.written.Load() != c.before {
		c.replay = true
		c.cancel(errReplay)
	}
	c.asked, c.connected, c.conn = true, false, nil
	c.firstByte.Store(0)
}

func (c *call) gotConn(info httptrace.GotConnInfo) {
	own, shared := ownConn(info.Conn)
	if c.replay && !shared {
		_ = info.Conn.Close() // the transport may not have seen yet that the call is over
		return
	}
	c.connected = true
	if own == nil {
		return
	}
	if !shared {
		c.conn, c.before = own, own.written.Load()
	}
	if !info.Reused {
		c.add(own.dns, own.connect, own.tls)
	}
}

func (c *call) gotFirstByte() {
	c.firstByte.CompareAndSwap(0, max(int64(time.Since(c.start)), 1))
}

func (c *call) add(dns, connect, tls time.Duration) {
	c.dns += dns
	c.connect += connect
	c.tls += tls
}

// ownConn finds our connection below TLS; nil when there is none. Shared says
// that HTTP/2 carries several calls over it: that repeats only what the target
// has said it did not take.
func ownConn(c net.Conn) (own *conn, shared bool) {
	if t, ok := c.(*tls.Conn); ok {
		shared = t.ConnectionState().NegotiatedProtocol == "h2"
		c = t.NetConn()
	}
	own, _ = c.(*conn)
	return own, shared
}

func (c *call) phases() job.Phases {
	return job.Phases{
		DNSMS: millis(c.dns), ConnectMS: millis(c.connect), TLSMS: millis(c.tls),
		FirstByteMS: millis(time.Duration(c.firstByte.Load())), TotalMS: millis(c.took),
	}
}

// millis is a duration in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
