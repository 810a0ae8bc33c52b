package api

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// writeTimeout is how long one write to a caller may take. A caller that reads
// nothing holds a connection that long, and no longer however often it is asked;
// a limit for whole answers would cut off slow callers of large ones, and streams.
const writeTimeout = 30 * time.Second

// patientListener accepts connections whose writes end in time.
type patientListener struct{ net.Listener }

// Accept waits for the next connection.
func (l patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: conn}, nil
}

// A caller whose headers are refused may still be sending them. What is left of them is thrown away for so long and
// up to so much: closed at once, the system would throw away the answer with them.
const (
	lingerFor  = time.Second
	lingerMost = 256 << 10
)

// patientConn gives every write a deadline, until somebody sets one of their own.
type patientConn struct {
	net.Conn
	own atomic.Bool
	// lingers says that the caller may still be sending when the connection is closed.
	lingers atomic.Bool
}

// linger has the connection of a request that was not read whole closed in a way that lets its answer arrive.
func linger(ctx *fasthttp.RequestCtx) {
	if conn, ok := ctx.Conn().(*patientConn); ok {
		conn.lingers.Store(true)
	}
}

// Close ends the connection, after its caller has had time to read the answer.
func (c *patientConn) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if ok && c.lingers.Load() && half.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerFor)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerMost) // what fails is closed all the same
	}
	return c.Conn.Close()
}

// Write writes within writeTimeout.
func (c *patientConn) Write(p []byte) (int, error) {
	if !c.own.Load() {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline leaves the deadline of all further writes to the caller.
func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.own.Store(true)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline does the same for reading and writing.
func (c *patientConn) SetDeadline(t time.Time) error {
	c.own.Store(true)
	return c.Conn.SetDeadline(t)
}
