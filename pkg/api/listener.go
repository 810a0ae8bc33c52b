package api

import (
	"net"
	"sync/atomic"
	"time"
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

// patientConn gives every write a deadline, until somebody sets one of their own.
type patientConn struct {
	net.Conn
	own atomic.Bool
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
