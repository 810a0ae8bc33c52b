package worker

import (
	"compress/flate"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// unpack unpacks an answer that came packed by gzip because the worker asked for that: what is kept and matched is
// what the target meant to say.
func (w *Worker) unpack(resp *http.Response) {
	if resp.ContentLength == 0 || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Body = &unpacked{packed: resp.Body, readers: &w.unpackers}
}

// unpacked is a body that was packed by gzip. It is used by one goroutine.
type unpacked struct {
	packed  io.ReadCloser
	readers *sync.Pool
	// reader is nil before the first Read, and after Close.
	reader *gzip.Reader
	err    error
}

// Read reads what was packed.
func (u *unpacked) Read(p []byte) (int, error) {
	if u.err == nil && u.reader == nil {
		reader := u.readers.Get().(*gzip.Reader)
		if u.err = reader.Reset(u.packed); u.err != nil {
			u.readers.Put(reader)
		} else {
			u.reader = reader
		}
	}
	if u.err != nil {
		return 0, u.err
	}
	return u.reader.Read(p)
}

// Close ends the connection's use.
func (u *unpacked) Close() error {
	if u.reader != nil {
		_ = u.reader.Reset(nothing{}) // lets go of the connection; its error is that there is nothing
		u.readers.Put(u.reader)
		u.reader = nil
	}
	u.err = http.ErrBodyReadAfterClose
	return u.packed.Close()
}

// nothing is an empty input, of the kind that gzip reads without a buffer of its own.
type nothing struct{}

var _ flate.Reader = nothing{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) ReadByte() (byte, error)  { return 0, io.EOF }
