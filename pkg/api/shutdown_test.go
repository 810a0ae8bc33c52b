package api

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestShutdownWithOpenStreams stops a server of whose streams one is read and others are stuck: it ends in the time that it has.
func TestShutdownWithOpenStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for i := range 12 { // more than the buffers of a connection hold
		w.call("PUT", fmt.Sprintf("/api/v1/jobs/large-%d", i), fmt.Sprintf(
			`{"schedule":{"type":"interval","every":"1h"},"request":{"url":"https://example.com/","body":%q}}`, strings.Repeat("x", 1_000_000))).is(201)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server, err := New(w.deps(), Options{Listener: listener, ShutdownTimeout: time.Second})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	w.url = "http://" + listener.Addr().String()
	events := w.watch("")
	for _, path := range []string{"/api/v1/jobs/export", "/api/v1/events"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		must(t, err)
		defer conn.Close()
		must(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		must(t, err)
		_, err = conn.Read(make([]byte, 1)) // it has begun
		must(t, err)
	}
	stop()
	for events.lines.Scan() { // the one that is read ends in order
	}
	must(t, events.lines.Err())
	select {
	case err = <-ended:
	case <-time.After(20 * time.Second): // less than a write to a stuck reader may take
		t.Fatal("the server goes on")
	}
	if err == nil || !strings.Contains(err.Error(), "did not stop in order") {
		t.Errorf("a reader of an export that was cut off is no news: %v", err)
	}
}
