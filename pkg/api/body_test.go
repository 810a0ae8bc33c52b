package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

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
				_, _ = io.WriteString(conn, first+" HTTP/1.1\r\nHost: localhost\r\n"+body+"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			}()
			answers := bufio.NewReader(conn)
			for i, want := range []int{want, 503} {
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
