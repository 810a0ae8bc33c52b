package worker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"schedule-server/pkg/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is the moment at which the tests' clock stands still.
const start job.Instant = 1_800_000_000_000

// journal is a Reporter that keeps what it is told.
type journal struct {
	mu       sync.Mutex
	events   []job.Event
	canceled map[job.State]bool // which reports are answered with canceled
	failures int                // how many reports fail first
}

func (j *journal) Report(ctx context.Context, e *job.Event) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if j.failures > 0 {
		j.failures--
		return false, errors.New("redis is away")
	}
	j.events = append(j.events, *e)
	return j.canceled[e.State], nil
}

func (j *journal) states() []job.State {
	j.mu.Lock()
	defer j.mu.Unlock()
	var states []job.State
	for _, e := range j.events {
		states = append(states, e.State)
	}
	return states
}

func (j *journal) last() *job.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &j.events[len(j.events)-1]
}

// bench is a worker that may call loopback, and what it reports.
type bench struct {
	*Worker
	journal *journal
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	o := Options{
		Now: func() job.Instant { return start }, Rand: func() float64 { return 0.5 },
		Name: "here:1", Version: "1.2.3", Allow: []string{"loopback"},
	}
	for _, f := range change {
		f(&o)
	}
	j := &journal{canceled: map[job.State]bool{}}
	w, err := New(j, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &bench{w, j}
}

// deliver makes the task's call and gives the last event.
func (b *bench) deliver(t testing.TB, task *job.Task) *job.Event {
	t.Helper()
	if _, err := b.Deliver(t.Context(), task); err != nil {
		t.Fatalf("Deliver: %v", err)
	}
	return b.journal.last()
}

// expect makes the task's call and checks the reason of its attempt.
func (b *bench) expect(t *testing.T, task *job.Task, want job.Reason) *job.Event {
	t.Helper()
	e := b.deliver(t, task)
	if e.Attempt == nil || e.Attempt.Reason != want {
		t.Fatalf("attempt %+v (%s), want reason %s", e.Attempt, errorOf(e.Attempt), want)
	}
	if want != job.ReasonOK && errorOf(e.Attempt) == "" {
		t.Fatalf("a failed attempt has no error text")
	}
	return e
}

func errorOf(a *job.Attempt) string {
	if a == nil || a.Error == nil {
		return ""
	}
	return *a.Error
}

// taskFor is a GET of the URL by the default policy.
func taskFor(url string, change ...func(*job.Task)) *job.Task {
	task := &job.Task{
		RunID: "01JRUN", JobID: "a-job", ScheduledAt: start - 250, Queue: job.QueueDefault,
		Request: job.Request{Method: "GET", URL: url, Headers: map[string]string{}}, Policy: job.DefaultPolicy(),
	}
	for _, f := range change {
		f(task)
	}
	return task
}

func attemptTimeoutOf(d time.Duration) func(*job.Task) {
	return func(t *job.Task) { t.Policy.AttemptTimeout = job.Duration(d) }
}

func connectTimeoutOf(d time.Duration) func(*job.Task) {
	return func(t *job.Task) { t.Policy.ConnectTimeout = job.Duration(d) }
}

// rawServer is a target that speaks bytes, not HTTP.
type rawServer struct {
	url      string
	addr     string
	requests atomic.Int64 // requests whose headers were read
	open     atomic.Int64 // connections
}

// listenRaw serves each connection with the function; it has ended when the
// test has. The function is given a reader that has consumed a first request.
func listenRaw(t testing.TB, serve func(s *rawServer, c net.Conn, r *bufio.Reader)) *rawServer {
	t.Helper()
	return listenBytes(t, func(s *rawServer, c net.Conn) {
		r := bufio.NewReader(c)
		if s.readRequest(r) {
			serve(s, c, r)
		}
	})
}

// readRequest reads one request away.
func (s *rawServer) readRequest(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, req.Body)
	s.requests.Add(1)
	return true
}

func listenBytes(t testing.TB, serve func(s *rawServer, c net.Conn)) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{url: "http://" + l.Addr().String(), addr: l.Addr().String()}
	var mu sync.Mutex
	var conns []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			s.open.Add(1)
			serving.Go(func() {
				defer s.open.Add(-1)
				defer c.Close()
				serve(s, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return s
}

// write sends text; a peer that has gone is no fault of a hostile server.
func write(c net.Conn, text string) { _, _ = io.WriteString(c, text) }

// stall holds the connection until the other side closes it.
func stall(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// eventually polls a condition that other goroutines bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within 10s: %s", what)
		}
	}
}

// closedPort is the address of a port on which nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
