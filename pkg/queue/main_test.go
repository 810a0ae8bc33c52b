package queue

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
)

func TestMain(m *testing.M) {
	if err := testserver.Overlap(4); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// redisServer is a real redis-server of one test.
type redisServer struct {
	t    testing.TB
	port int
	dir  string
	cmd  *exec.Cmd

	options []string
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// command asks the server on a connection of its own.
func (s *redisServer) command(args ...any) string {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", s.port)})
	defer client.Close()
	answer, err := client.Do(context.Background(), args...).Result()
	noError(s.t, err)
	return fmt.Sprint(answer)
}

// startRedis starts a redis-server on a free port. Where there is none the test
// is skipped, on a build server it fails.
func startRedis(t testing.TB, options ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	s := &redisServer{t: t, port: freePort(t), dir: t.TempDir(), options: options}
	t.Cleanup(s.kill)
	s.start()
	return s
}

func (s *redisServer) url() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", s.port) }

func (s *redisServer) start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1",
		"--dir", s.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "no", "--loglevel", "warning"}, s.options...)...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "redis-server answers", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err != nil {
			return false
		}
		defer c.Close()
		answer := make([]byte, 5)
		_, err = fmt.Fprint(c, "PING\r\n")
		if err == nil {
			_, err = io.ReadFull(c, answer)
		}
		return err == nil && string(answer) == "+PONG" // and not "loading"
	})
}

// kill ends the server as a crash would.
func (s *redisServer) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// eventually polls until the condition holds, for 20 seconds at most.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited for this: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// logBook collects log lines.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBook) count(text string) int { return strings.Count(l.String(), text) }

// bench is the bundle of most tests: a server, a connection, its log.
type bench struct {
	t         testing.TB
	ctx       context.Context
	server    *redisServer
	b         *Broker
	log       *logBook
	inspector *asynq.Inspector
}

func newBench(t testing.TB) *bench {
	t.Helper()
	s := startRedis(t)
	x := &bench{t: t, ctx: context.Background(), server: s, log: &logBook{}}
	x.b = x.open("host:1")
	x.inspector = asynq.NewInspectorFromRedisClient(x.b.client)
	return x
}

// open connects once more, as another process would.
func (x *bench) open(name string) *Broker {
	x.t.Helper()
	return openBroker(x.t, x.server.url(), name, x.log)
}

func openBroker(t testing.TB, url, name string, log *logBook) *Broker {
	t.Helper()
	return openPrefixed(t, url, "", name, log)
}

func openPrefixed(t testing.TB, url, prefix, name string, log *logBook) *Broker {
	t.Helper()
	b, err := Open(Options{URL: url, Prefix: prefix, Name: name, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// run runs a part of the process until the test, or stop, ends it.
func run(t testing.TB, part func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := part(ctx); err != nil {
			t.Errorf("it ended with an error: %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// redisNow is the clock of Redis, in seconds. It need not be that of the tests.
func (x *bench) redisNow() int64 {
	x.t.Helper()
	at, err := x.b.client.Time(x.ctx).Result()
	noError(x.t, err)
	return at.Unix()
}

func now() job.Instant { return job.Instant(time.Now().UnixMilli()) }

func taskOf(id string) job.Task {
	return job.Task{
		RunID: id, JobID: "job of " + id, ScheduledAt: now(), Queue: job.QueueDefault,
		Request: job.Request{Method: "GET", URL: "http://example.com/" + id, Headers: map[string]string{"X-A": "1"}},
		Policy:  job.DefaultPolicy(),
	}
}

func tasksOf(n int) []job.Task {
	tasks := make([]job.Task, n)
	for i := range tasks {
		tasks[i] = taskOf(fmt.Sprintf("run-%05d", i))
	}
	return tasks
}

func attempt(n int) job.Attempt {
	return job.Attempt{N: n, StartedAt: now(), Reason: job.StatusReason(503), Worker: "host:1"}
}

// state is asynq's word for where a task is; empty for one it does not know.
func (x *bench) state(runID string) string {
	x.t.Helper()
	states, err := x.b.states(x.ctx, []taskRef{{job.QueueDefault, runID}})
	noError(x.t, err)
	return states[0]
}

// deliverer is a Deliverer of a function.
type deliverer func(ctx context.Context, task *job.Task) (job.Outcome, error)

func (d deliverer) Deliver(ctx context.Context, task *job.Task) (job.Outcome, error) {
	return d(ctx, task)
}
