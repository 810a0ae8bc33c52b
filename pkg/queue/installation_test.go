package queue

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
)

// openStore opens the database of an installation.
func openStore(t testing.TB, file string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite://"+file, store.Options{})
	noError(t, err)
	t.Cleanup(func() { noError(t, s.Close()) })
	return s
}

// installation is a database, and the processes that use it.
type installation struct {
	t    testing.TB
	file string
	log  *logBook
	n    int
	now  time.Time
}

func newInstallation(t testing.TB) *installation {
	t.Helper()
	return &installation{t: t, file: filepath.Join(t.TempDir(), "test.db"), log: &logBook{}, now: time.Now()}
}

// process is one process of an installation, which looks whose Redis it is when it is told.
func (in *installation) process(url, prefix string) *Identity {
	in.t.Helper()
	in.n++
	b := openPrefixed(in.t, url, prefix, fmt.Sprintf("host:%d", in.n), in.log)
	i := b.NewIdentity(openStore(in.t, in.file), "beat")
	i.clock = func() time.Time { return in.now }
	return i
}

func (i *Identity) mayUse(t testing.TB, want bool) {
	t.Helper()
	if got := i.Examine(t.Context()); got != want {
		refused, _ := i.b.admission.state()
		t.Fatalf("%s may use Redis: %v, want %v (%v)", i.b.name, got, want, refused)
	}
	err := i.b.Ping(t.Context())
	if (err == nil) != want {
		t.Fatalf("%s pings: %v", i.b.name, err)
	}
}

func (i *Identity) refusedWith(t testing.TB, texts ...string) {
	t.Helper()
	i.mayUse(t, false)
	err := i.b.Enqueue(t.Context(), []job.Task{taskOf("run")})
	if job.CodeOf(err) != job.CodeUnavailable {
		t.Fatalf("%s enqueues: %v", i.b.name, err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s is told %q, want %q", i.b.name, err, text)
		}
	}
}

func TestTwoInstallationsDoNotShareARedis(t *testing.T) {
	server := startRedis(t)
	first, second := newInstallation(t), newInstallation(t)
	a, b := first.process(server.url(), ""), second.process(server.url(), "")
	a.mayUse(t, true)
	noError(t, a.b.Enqueue(t.Context(), []job.Task{taskOf("of a")}))
	keys := server.command("DBSIZE")
	b.refusedWith(t, "--redis-prefix", "another installation", a.installation, b.installation, "{schedule}:installation")
	b.refusedWith(t)
	if got := server.command("DBSIZE"); got != keys {
		t.Errorf("%s keys after the second came, %s before", got, keys)
	}
	if n := second.log.count("redis is not used"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, second.log)
	}
	a.mayUse(t, true)

	c := second.process(server.url(), "second")
	c.mayUse(t, true)
	a.mayUse(t, true)

	// Redis loses its data: whoever was refused does not take it, though it looks first.
	server.command("FLUSHALL")
	b.refusedWith(t, "another installation")
	a.mayUse(t, true)
	b.refusedWith(t, "another installation")

	// The first is gone for good, and its mark was deleted.
	server.command("DEL", "{schedule}:installation")
	b.refusedWith(t)
	second.now = second.now.Add(leftAlone)
	b.mayUse(t, false)
	second.now = second.now.Add(markWithin)
	b.refusedWith(t, "this database is used with another Redis") // by c, under its prefix
	c.b.log.Info("c ends")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	noError(t, c.Run(stopped))
	b.mayUse(t, true)
	a.refusedWith(t, "another installation")
}

func TestTwoRedisesAreNotUsedWithOneDatabase(t *testing.T) {
	one, two := startRedis(t), startRedis(t)
	in := newInstallation(t)
	a, b, c := in.process(one.url(), ""), in.process(one.url(), ""), in.process(two.url(), "")
	a.mayUse(t, true)
	b.mayUse(t, true)
	c.refusedWith(t, "not marked") // it may just have lost its data
	in.now = in.now.Add(markWithin)
	c.refusedWith(t, "another Redis", "beat at host:1", "1 more", "--redis-url", a.transport)
	if mark := two.command("EXISTS", "{schedule}:installation"); mark != "0" {
		t.Error("the Redis of the one that was refused is marked")
	}
	// A planned move: the last user of the old one goes.
	ended, end := context.WithCancel(t.Context())
	end()
	noError(t, a.Run(ended))
	c.refusedWith(t, "host:2")
	noError(t, b.Run(ended))
	c.mayUse(t, true)
	in.process(one.url(), "").refusedWith(t, "another Redis", "host:3")
	in.process(two.url(), "").mayUse(t, true)
}

// A process that died is no user any more after a while; one that the database lost sight of is refused, if another Redis is used by then.
func TestAUserThatIsSilentIsForgotten(t *testing.T) {
	one, two := startRedis(t), startRedis(t)
	in := newInstallation(t)
	dead, next := in.process(one.url(), ""), in.process(two.url(), "")
	dead.lasts = 300 * time.Millisecond
	next.lasts = dead.lasts
	dead.mayUse(t, true)
	next.mayUse(t, false)
	eventually(t, "the dead one is forgotten", func() bool { return next.Examine(t.Context()) })
	next.lasts = time.Minute
	next.mayUse(t, true)
	dead.lasts = time.Minute
	dead.refusedWith(t, "host:2")
	next.mayUse(t, true)
}

func TestAFlushedRedisIsMarkedAgain(t *testing.T) {
	server := startRedis(t)
	in := newInstallation(t)
	a, b, dead := in.process(server.url(), ""), in.process(server.url(), ""), in.process(server.url(), "")
	for _, i := range []*Identity{a, b, dead} {
		i.mayUse(t, true)
	}
	before := a.transport
	for range 3 {
		server.command("FLUSHALL")
		noError(t, b.b.Enqueue(t.Context(), []job.Task{taskOf("in between")})) // nobody waits
		b.mayUse(t, true)
		a.mayUse(t, true)
		// What the dead one noted with the old id is in nobody's way.
		in.process(server.url(), "").mayUse(t, true)
	}
	if a.transport == before || a.transport != b.transport || server.command("GET", "{schedule}:installation") != a.installation+"/"+a.transport {
		t.Errorf("before %s, now %s and %s", before, a.transport, b.transport)
	}
	if n := in.log.count("it is marked again"); n != 3 {
		t.Errorf("it was said %d times:\n%s", n, in.log)
	}
}

// switched is an address that leads to one server, and then to another.
type switched struct {
	listener net.Listener
	to       atomic.Int64
	mu       sync.Mutex
	conns    []net.Conn
}

func newSwitched(t *testing.T, port int) *switched {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	s := &switched{listener: listener}
	s.to.Store(int64(port))
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.to.Load()))
			if err != nil {
				conn.Close()
				continue
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn, server)
			s.mu.Unlock()
			all.Go(func() { _, _ = io.Copy(server, conn); server.Close() })
			all.Go(func() { _, _ = io.Copy(conn, server); conn.Close() })
		}
	})
	t.Cleanup(func() { listener.Close(); s.cut(); all.Wait() })
	return s
}

func (s *switched) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		conn.Close()
	}
	s.conns = nil
}

func (s *switched) switchTo(port int) {
	s.to.Store(int64(port))
	s.cut()
}

// The name of a Redis leads to another one while processes run: all of them go over, or are refused.
func TestAnAddressThatLeadsElsewhere(t *testing.T) {
	one, two := startRedis(t), startRedis(t)
	address := newSwitched(t, one.port)
	in := newInstallation(t)
	a := in.process("redis://"+address.listener.Addr().String(), "")
	b := in.process(one.url(), "")
	a.mayUse(t, true)
	b.mayUse(t, true)
	address.switchTo(two.port)
	a.mayUse(t, true)
	b.refusedWith(t, "another Redis", "host:1")
	b.refusedWith(t)
	a.mayUse(t, true)
	// And back again: there are two behind one address.
	address.switchTo(one.port)
	a.refusedWith(t, "more than one Redis")
	address.switchTo(two.port)
	a.refusedWith(t, "more than one Redis")
	b.mayUse(t, true)
	in.now = in.now.Add(wavering)
	a.refusedWith(t, "another Redis", "host:2") // it stays with the second one, which nobody else uses
}

// What cannot be found out changes nothing; at the start it is why Redis is not used.
func TestWhoseRedisCannotBeFoundOut(t *testing.T) {
	server := startRedis(t)
	in := newInstallation(t)
	i := in.process(server.url(), "")
	i.refusedBefore(t, "not known yet")
	server.kill()
	if i.Examine(t.Context()) {
		t.Error("it may be used while it is away")
	}
	i.refusedBefore(t, "redis does not answer")
	server.start()
	i.mayUse(t, true)
	server.kill()
	if !i.Examine(t.Context()) {
		t.Error("an outage refuses it")
	}
	server.start()
	i.registry = failing{i.registry}
	i.mayUse(t, true)
	other := in.process(server.url(), "")
	other.registry = failing{other.registry}
	other.mayUse(t, false)
	other.refusedBefore(t, "the database does not answer")
}

func (i *Identity) refusedBefore(t *testing.T, text string) {
	t.Helper()
	if err := i.b.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("it says %v, want %q", err, text)
	}
}

// failing is a database that is away when it is asked who uses Redis.
type failing struct{ Registry }

func (failing) UseTransport(context.Context, job.TransportUse) ([]job.TransportUser, error) {
	return nil, job.Unavailable("the database", io.ErrUnexpectedEOF)
}

func TestAWorkerServesOneInstallation(t *testing.T) {
	server := startRedis(t)
	in := newInstallation(t)
	log := &logBook{}
	follower := func(name string) *Identity { return openBroker(t, server.url(), name, log).FollowIdentity() }
	worker := follower("worker:1")
	worker.mayUse(t, true) // nobody has marked it: beats of older versions do not
	a := in.process(server.url(), "")
	a.mayUse(t, true)
	worker.mayUse(t, true)
	server.command("FLUSHALL")
	worker.mayUse(t, true)
	a.mayUse(t, true)
	worker.mayUse(t, true)
	server.command("SET", "{schedule}:installation", "another/one")
	worker.refusedWith(t, "belongs to another installation now", "restart")
	follower("worker:2").mayUse(t, true)
	server.command("SET", "{schedule}:installation", a.installation+"/one")
	worker.mayUse(t, true)
}

// A task of another installation stays in the queue, for a worker of that one.
func TestTasksOfAnotherInstallationAreLeft(t *testing.T) {
	x := newBench(t)
	id := func(b *Broker, id string) { b.installation.Store(&id) }
	theirs, worker, theirWorker := x.open("beat:2"), x.open("worker:1"), x.open("worker:2")
	id(x.b, "ours")
	id(theirs, "theirs")
	id(worker, "ours")
	id(theirWorker, "theirs")
	noError(t, theirs.Enqueue(x.ctx, []job.Task{taskOf("theirs")}))
	noError(t, x.b.Enqueue(x.ctx, []job.Task{taskOf("ours")}))
	x.raw("of nobody", taskDeliverJSON, oldTask)
	c, d := &calls{answer: done}, &calls{answer: done}
	stop := x.work(worker, c)
	eventually(t, "ours are delivered, theirs is handed back", func() bool { return c.count() == 2 && x.state("theirs") == "retry" })
	stop()
	noError(t, x.inspector.RunTask("default", "theirs"))
	x.work(theirWorker, d)
	eventually(t, "theirs is delivered", func() bool { return d.count() == 1 })
	if n := x.log.count("of another installation that uses the same Redis"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, x.log)
	}
}

func TestAPartRunsWhileRedisMayBeUsed(t *testing.T) {
	x := newBench(t)
	x.b.admission.set(job.Errorf(job.CodeUnavailable, "not yet"))
	var began, running atomic.Int64
	stop := run(t, x.b.While(func(ctx context.Context) error {
		began.Add(1)
		running.Add(1)
		<-ctx.Done()
		running.Add(-1)
		return nil
	}))
	if n := began.Load(); n != 0 {
		t.Errorf("it began %d times", n)
	}
	x.b.admission.set(nil)
	eventually(t, "it runs", func() bool { return running.Load() == 1 })
	x.b.admission.set(job.Errorf(job.CodeUnavailable, "no more"))
	eventually(t, "it stopped", func() bool { return running.Load() == 0 })
	x.b.admission.set(nil)
	eventually(t, "it runs again", func() bool { return running.Load() == 1 })
	stop()
	if began.Load() != 2 {
		t.Errorf("it began %d times", began.Load())
	}
	if err := x.b.While(func(context.Context) error { return io.EOF })(x.ctx); err != io.EOF {
		t.Errorf("an error became %v", err)
	}
}
