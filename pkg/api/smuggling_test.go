package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSmuggling sends requests that servers and proxies are known to split differently. Each must be refused, or at
// least end its connection: what follows it must never be answered as a request of its own.
func TestSmuggling(t *testing.T) {
	w := newWorld(t, worldOptions{})
	const (
		post  = "POST /api/v1/schedules/preview HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
		inner = "GET /healthz?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
	)
	chunked := func(head string) string {
		return post + head + "\r\n0\r\n\r\n" + inner
	}
	sized := func(head string) string {
		return post + head + "\r\n{}" + inner
	}
	for name, raw := range map[string]string{
		"a length beside chunks":           chunked("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
		"chunks beside a length":           chunked("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"),
		"two lengths":                      sized("Content-Length: 2\r\nContent-Length: 60\r\n"),
		"two lengths in one":               sized("Content-Length: 2, 60\r\n"),
		"an unknown coding":                chunked("Transfer-Encoding: xchunked\r\n"),
		"identity":                         chunked("Transfer-Encoding: identity\r\n"),
		"chunked, then another":            chunked("Transfer-Encoding: chunked, gzip\r\n"),
		"chunked twice":                    chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
		"a blank before the colon":         sized("Content-Length : 2\r\n"),
		"a tab before the colon":           chunked("Transfer-Encoding\t: chunked\r\n"),
		"a signed length":                  sized("Content-Length: +2\r\n"),
		"a negative length":                sized("Content-Length: -2\r\n"),
		"a length in hex":                  sized("Content-Length: 0x2\r\n"),
		"a length that is a text":          sized("Content-Length: two\r\n"),
		"a huge length":                    sized("Content-Length: 99999999999999999999\r\n"),
		"NUL in a value":                   sized("Content-Length: 2\r\nX-A: a\x00b\r\n"),
		"NUL in a name":                    sized("Content-Length: 2\r\nX\x00A: b\r\n"),
		"CR in a value":                    sized("Content-Length: 2\r\nX-A: a\rContent-Length: 60\r\n"),
		"a blank in a name":                sized("Content-Length: 2\r\nX A: b\r\n"),
		"no name":                          sized("Content-Length: 2\r\n: b\r\n"),
		"chunks in HTTP/1.0":               strings.Replace(chunked("Transfer-Encoding: chunked\r\n"), "HTTP/1.1", "HTTP/1.0", 1),
		"a chunk size that is signed":      post + "Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + inner,
		"a chunk size with 0x":             post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" + inner,
		"a chunk that is longer":           post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n" + inner,
		"a chunk extension with a bare LF": post + "Transfer-Encoding: chunked\r\n\r\n2;\n{}\r\n0\r\n\r\n" + inner,
		"two hosts":                        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n" + inner,
		"no host":                          "GET /healthz HTTP/1.1\r\n\r\n" + inner,
	} {
		t.Run(name, func(t *testing.T) {
			if answers := w.raw(raw); len(answers) > 1 || len(answers) == 1 && answers[0] < 400 {
				t.Errorf("the answers are %v", answers)
			}
		})
	}
}

// raw sends bytes and gives the statuses of the answers up to the end of the connection.
func (w *world) raw(text string) (answers []int) {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(w.t, err)
	defer conn.Close()
	must(w.t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = fmt.Fprint(conn, text)
	must(w.t, err)
	reader := bufio.NewReader(conn)
	for {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return answers
		}
		_, _ = io.Copy(io.Discard, response.Body)
		answers = append(answers, response.StatusCode)
		if response.Close {
			return answers
		}
		if len(answers) == 1 { // a server that waits for more has not seen a second request
			must(w.t, conn.SetDeadline(time.Now().Add(500*time.Millisecond)))
		}
	}
}
