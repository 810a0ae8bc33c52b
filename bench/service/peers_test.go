package service

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// peer is what people use instead. It runs in a process of its own, this very
// program started anew, calls the same target with as many calls at once as our
// worker, and keeps its connections.
type peer struct {
	name            string
	redis, postgres bool
	// wholeMinute says that it knows no moments but those.
	wholeMinute bool
}

func peers() []peer {
	return []peer{
		{name: peerGocron},
		{name: peerRiver, postgres: true},
		{name: peerAsynq, redis: true, wholeMinute: true},
	}
}

const (
	peerGocron = "gocron in process"
	peerRiver  = "River periodic jobs, PostgreSQL"
	peerAsynq  = "asynq PeriodicTaskManager"

	// peerVariable tells a new process which peer it is to be.
	peerVariable = "BENCH_PEER"
	// atOnce is how many calls are made at once.
	atOnce = 256
)

// order is what a peer process is told, on its command line after the program's name.
type order struct {
	target, redis, postgres string
	n                       int
	due                     time.Time
}

func peerHerd(b *testing.B, p peer, n int) {
	t := newTarget(b)
	o := order{target: t.URL, n: n}
	pids := map[string]int{}
	if p.redis {
		redis := testserver.StartRedis(b, "--appendfsync", "everysec")
		o.redis, pids["redis"] = fmt.Sprintf("127.0.0.1:%d", redis.Port), redis.PID()
	}
	if p.postgres {
		server := testserver.StartPostgres(b, "-c", "fsync=on", "-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB")
		o.postgres = server.CreateDatabase(b, "peer")
	}
	o.due = time.Now().Add(herdNotice + time.Duration(n/2_000)*time.Second).Truncate(time.Second).Add(time.Second)
	if p.wholeMinute {
		o.due = o.due.Truncate(time.Minute).Add(time.Minute)
	}
	pids["peer"] = startPeer(b, p.name, &o)
	if time.Until(o.due) < 0 {
		b.Fatal("the peer was not ready in time")
	}
	time.Sleep(time.Until(o.due.Add(-200 * time.Millisecond)))
	used := meter(b, pids)
	arrivals := t.await(b, n, time.Minute)
	lost, twice := accounts(arrivals, n)
	cells := append(percentiles(lateness(arrivals, o.due)), cell{"lost", float64(lost)}, cell{"twice", float64(twice)})
	tables.note(b, herdTitle(n), "p99-ms", p.name, append(cells, used.each(b, n)...)...)
}

// startPeer starts the process and waits until it says that it is ready.
func startPeer(b *testing.B, name string, o *order) (pid int) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self, o.target, o.redis, o.postgres, fmt.Sprint(o.n), o.due.Format(time.RFC3339))
	cmd.Env = append(os.Environ(), peerVariable+"="+name)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	child, err := testserver.StartChild(cmd)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { child.Kill() })
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatalf("%s said %q: %v", name, line, err)
	}
	return cmd.Process.Pid
}

// runPeer is the peer process.
func runPeer(name string) error {
	var o order
	var err error
	if len(os.Args) != 6 {
		return fmt.Errorf("a peer is told five things, not %q", strings.Join(os.Args[1:], " "))
	}
	o.target, o.redis, o.postgres = os.Args[1], os.Args[2], os.Args[3]
	if _, err = fmt.Sscan(os.Args[4], &o.n); err != nil {
		return err
	}
	if o.due, err = time.Parse(time.RFC3339, os.Args[5]); err != nil {
		return err
	}
	switch name {
	case peerGocron:
		return runGocron(&o)
	case peerRiver:
		return runRiver(&o)
	case peerAsynq:
		return runAsynq(&o)
	}
	return fmt.Errorf("nobody knows the peer %q", name)
}

// caller makes the calls of a peer.
type caller struct {
	http   http.Client
	target string
}

func newCaller(o *order) *caller {
	return &caller{target: o.target, http: http.Client{Transport: &http.Transport{
		MaxConnsPerHost: atOnce, MaxIdleConnsPerHost: atOnce, MaxIdleConns: 4 * atOnce,
	}}}
}

// call calls the target for a job.
func (c *caller) call(id string) error {
	request, err := http.NewRequest(http.MethodGet, c.target+"/?job="+id, nil)
	if err != nil {
		return err
	}
	request.Header.Set(jobHeader, id)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func peerJob(i int) string { return fmt.Sprintf("job-%09d", i) }

// readyUntilKilled tells the benchmark that all jobs are known.
func readyUntilKilled() error {
	fmt.Println("ready")
	select {}
}
