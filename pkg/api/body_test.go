package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"schedule-server/pkg/access"
)

// TestStrangersBodiesAreNotKept: who is not let in has the server take in a body, for the answer to arrive, and keep nothing of it.
func TestStrangersBodiesAreNotKept(t *testing.T) {
	w := newWorld(t, worldOptions{})
	key := w.makeKey(access.Admin).Text
	send := func(key string, length int64) (status int, allocated uint64) {
		t.Helper()
		body := io.LimitReader(zeros{}, length)
		request, err := http.NewRequest("POST", w.url+"/api/v1/jobs/import", body) // of no known length: in chunks
		must(t, err)
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		response, err := w.client.Do(request)
		must(t, err)
		defer response.Body.Close()
		runtime.ReadMemStats(&after)
		return response.StatusCode, after.TotalAlloc - before.TotalAlloc
	}
	for _, stranger := range []string{"", key + "x"} {
		if status, n := send(stranger, maxImportBody); status != 401 || n > 4<<20 {
			t.Errorf("a stranger is answered with %d and has %d MiB kept", status, n>>20)
		}
	}
	if status, n := send(key, maxImportBody); status != 400 || n < maxImportBody {
		t.Errorf("who has a key is answered with %d after %d MiB", status, n>>20)
	}
	if status, _ := send(key, maxImportBody+1); status != 413 {
		t.Errorf("a body in chunks that is too long is answered with %d", status)
	}
}

// zeros are endless.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBodiesEndWhereTheyEnd: what follows a body on a connection is the next request, whoever read the body.
func TestBodiesEndWhereTheyEnd(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.makeKey(access.Admin)
	chunked := "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 20_000, strings.Repeat("x", 20_000))
	sized := "Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 20_000)
	for _, body := range []string{chunked, sized} {
		for first, want := range map[string]int{
			"POST /api/v1/jobs":        401, // read by nobody
			"POST /api/v1/session":     400,
			"GET /healthz":             200,
			"POST /nowhere":            404,
			"DELETE /api/v1/jobs":      405,
			"POST /scheduler/nonsense": 401,
			"BREW /":                   405,
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			must(t, err)
			go func() {
				_, _ = io.WriteString(conn, first+" HTTP/1.1\r\nHost: localhost\r\n"+body+"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
			}()
			answers := bufio.NewReader(conn)
			for i, want := range []int{want, 404} {
				response, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatalf("%s: answer %d: %v", first, i+1, err)
				}
				_, err = io.Copy(io.Discard, response.Body)
				must(t, err)
				if response.StatusCode != want {
					t.Errorf("%s: answer %d is %d, want %d", first, i+1, response.StatusCode, want)
				}
			}
			must(t, conn.Close())
		}
	}
	// A broken chunk is the end of the connection.
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	must(t, err)
	answer, err := io.ReadAll(conn)
	if must(t, err); strings.Count(string(answer), "HTTP/1.1 ") != 1 || !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("a broken chunk is answered with %s", answer)
	}
}

// Many callers without a key who send half a body have the server keep little, and nothing once they are gone.
func TestHalfSentBodies_HaveABudget(t *testing.T) {
	w := newWorld(t, worldOptions{publicBodies: 256 << 10})
	const half = 20_000 // of which 4, 8, 16 and 32 KiB are made
	head := fmt.Sprintf("POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 2*half)
	var open []net.Conn
	refused := 0
	for range 20 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = io.WriteString(conn, head+strings.Repeat(" ", half))
		must(t, err)
		open = append(open, conn)
	}
	// The others wait for the rest. Those for which there is no room are answered once they have sent it.
	for _, conn := range open {
		_, err := io.WriteString(conn, strings.Repeat(" ", half))
		must(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		switch response.StatusCode {
		case http.StatusServiceUnavailable:
			refused++
		case http.StatusBadRequest: // nothing but blanks
		default:
			t.Errorf("got %s", response.Status)
		}
		must(t, response.Body.Close())
	}
	if refused < 10 {
		t.Errorf("%d of %d bodies were refused, want most of them", refused, len(open))
	}
	if a := w.call("POST", "/api/v1/session", `{"key":"sk_none"}`); a.status != http.StatusConflict { // there is no key yet
		t.Errorf("after that a login is answered with %d %s", a.status, a.body)
	}
}

func TestBodyBudget(t *testing.T) {
	b := newBodyBudget(64 << 10)
	for _, c := range []struct {
		length, limit, want int
		refused             bool
	}{{0, 100, 0, false}, {100, 100, 100, false}, {101, 100, 101, false}, {500, 100, 101, false}, {30_000, 40_000, 30_000, false}, {60_000, 70_000, 0, true}} {
		data, release, err := b.read(io.LimitReader(zeros{}, int64(c.length)), c.limit)
		if len(data) != c.want || (err != nil) != c.refused {
			t.Errorf("%d bytes of at most %d: got %d, %v", c.length, c.limit, len(data), err)
		}
		release()
		if !b.room.TryAcquire(64 << 10) {
			t.Fatalf("%d bytes of at most %d: not all of the budget came back", c.length, c.limit)
		}
		b.room.Release(64 << 10)
	}
	_, release, err := b.read(iotest.ErrReader(io.ErrUnexpectedEOF), 100)
	release()
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that breaks off: %v", err)
	}
}
