package e2e

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// withholder stands between a worker and Redis. It passes everything on until an answer holds a text; of
// that connection it passes on no more. Redis has handed over what the worker has yet to hear of.
type withholder struct {
	address  string
	withheld chan struct{} // closed when an answer is
	once     sync.Once
	text     []byte
}

func newWithholder(t *testing.T, server, text string) *withholder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &withholder{address: listener.Addr().String(), withheld: make(chan struct{}), text: []byte(text)}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			open.Go(func() { w.connect(client, server) })
		}
	})
	t.Cleanup(func() { // after the worker's end, and so that of its connections
		_ = listener.Close()
		open.Wait()
	})
	return w
}

// connect passes on what a worker's connection and Redis say, until one of them ends it.
func (w *withholder) connect(client net.Conn, server string) {
	defer client.Close()
	redis, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer redis.Close()
	var answers sync.WaitGroup
	answers.Go(func() {
		if err := w.pass(client, redis); !errors.Is(err, errWithheld) {
			_ = client.Close()
		}
	})
	_, _ = io.Copy(redis, client)
	_ = redis.Close()
	answers.Wait()
}

var errWithheld = errors.New("withheld")

// pass passes answers on. The text may come in two pieces: a client that got the first
// has still no whole answer.
func (w *withholder) pass(client io.Writer, redis io.Reader) error {
	buffer := make([]byte, 64<<10)
	kept := 0 // bytes of the end of what was passed on
	for {
		n, err := redis.Read(buffer[kept:])
		if bytes.Contains(buffer[:kept+n], w.text) {
			w.once.Do(func() { close(w.withheld) })
			return errWithheld
		}
		if _, err := client.Write(buffer[kept : kept+n]); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		kept = copy(buffer, buffer[max(0, kept+n-len(w.text)):kept+n])
	}
}
