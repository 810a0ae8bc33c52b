package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/access"
	"schedule-server/pkg/api/live"
	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/service"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

func TestMain(m *testing.M) {
	if err := testserver.Overlap(6); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m,
		// A stopped fasthttp server leaves its cleaner asleep for up to 10 seconds, and all of them share one clock.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		// Its compressors share workers that stay.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"))
}

// begin is the moment at which the clock of every test stands at first.
const begin = job.Instant(1_795_000_000_000) // 2026-11-18T11:06:40Z

// patience is how long calls may take: with the race detector on a busy machine some take a minute.
const patience = 5 * time.Minute

// world is an API over a real store and a real queue, with a clock that moves when told.
type world struct {
	t       testing.TB
	url     string
	now     atomic.Int64
	file    string // the database
	store   *store.Store
	broker  *queue.Broker
	redis   *queue.Embedded
	news    *queue.Announcer
	service *service.Service
	access  *access.Keeper
	server  *Server
	logs    *logBuffer
	// ended counts the runs that the log was told of.
	ended  atomic.Int64
	tokens *job.Completions
	client *http.Client
	// stop ends the server, at the latest when the test ends.
	stop func()
	// key is shown with every call, and stands for exampleKey in their bodies. Empty: none is.
	key string
	// notification is one that its channel refused, once it was asked for.
	notification string
	// contract is what every answer is held against.
	contract *contract
}

type worldOptions struct {
	basePath string
	monitor  bool
	noKey    bool // secrets cannot be sealed
	// database is the URL of an empty one. Empty: a SQLite file.
	database string
	// trust and cors are TrustedProxies and CORSOrigins.
	trust, cors []string
	// wrap puts itself between the service and its neighbours.
	jobs  func(service.Store) service.Store
	queue func(service.Queue) service.Queue
	// changes is where news comes from instead of Redis.
	changes live.Source
	// writeWait is how long a reader of events may take to make room.
	writeWait time.Duration
	// heartbeat is how long they may be told nothing, recheck how often it is asked whether they are still let in.
	heartbeat, recheck time.Duration
	// publicBodies is what bodies of calls without a key may take together. Zero: as usual.
	publicBodies int64
	// cancelWait is how long a call waits until runs are canceled. Zero: patience.
	cancelWait time.Duration
	// hosts are AllowedHosts.
	hosts []string
}

func newWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	w := &world{t: t, logs: &logBuffer{}}
	w.now.Store(int64(begin))
	logger := slog.New(slog.NewJSONHandler(w.logs, nil))
	var err error
	w.file = filepath.Join(t.TempDir(), "test.db")
	if o.database == "" {
		o.database = "sqlite://" + w.file
	}
	w.store, err = store.Open(t.Context(), o.database, store.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	redis, err := queue.NewEmbedded()
	must(t, err)
	t.Cleanup(redis.Close)
	w.redis = redis
	w.broker, err = queue.Open(queue.Options{URL: redis.URL(), Now: w.clock, Name: "test:1"})
	must(t, err)
	t.Cleanup(func() { must(t, w.broker.Close()) })

	var jobs service.Store = w.store
	if o.jobs != nil {
		jobs = o.jobs(jobs)
	}
	var q service.Queue = w.broker
	if o.queue != nil {
		q = o.queue(q)
	}
	w.news = w.broker.NewAnnouncer()
	var keys *job.Keyring
	if !o.noKey {
		keys, err = job.ParseKeys(strings.Repeat("0f", 32))
		must(t, err)
	}
	w.service = service.New(jobs, q, service.Options{Parser: &trigger.Parser{Calendars: w.store.Calendars()}, Keys: keys, Fleet: w.broker, CancelWait: cmp.Or(o.cancelWait, patience), Now: w.clock, Logger: logger, Announce: w.news.Announce,
		Recorded: func(done *job.Recorded) { w.ended.Add(int64(len(done.Ended))) }})
	w.access = access.NewKeeper(w.store, access.Options{Now: w.clock, Open: true, Logger: logger})
	deps := w.deps()
	deps.Logger, deps.Completions = logger, keys.Completions()
	w.tokens = deps.Completions
	deps.Logger = logger
	if o.changes != nil {
		deps.Changes = o.changes
	}
	if o.monitor {
		deps.Monitor = w.broker.Monitor
	}
	w.server, err = New(deps, Options{Listen: "127.0.0.1:0", BasePath: o.basePath, AllowedHosts: o.hosts, TrustedProxies: o.trust, CORSOrigins: o.cors, Version: testVersion, ShutdownTimeout: 5 * time.Second})
	must(t, err)
	w.server.requestTimeout = patience
	if o.publicBodies > 0 {
		w.server.publicBodies = newBodyBudget(o.publicBodies)
	}
	if o.writeWait > 0 {
		w.server.writeWait = o.writeWait
	}
	if o.heartbeat > 0 {
		w.server.heartbeat = o.heartbeat
	}
	if o.recheck > 0 {
		w.server.recheck = o.recheck
	}
	w.serve(o.basePath)
	return w
}

// deps are the neighbours of a server in this world, without a log and a monitor.
func (w *world) deps() Deps {
	return Deps{Service: w.service, Pickles: store.ReadPickles, Replays: w.store, Health: neighbours{w.store, w.broker}, Access: w.access, Audit: w.store,
		Changes: w.broker, Page: pageFiles(), Now: w.clock, Parser: &trigger.Parser{Calendars: w.store.Calendars()}}
}

// serve runs the server until the test ends.
func (w *world) serve(basePath string) {
	address, err := w.server.Listen()
	must(w.t, err)
	w.url = "http://" + address.String() + basePath
	w.client = &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Run(ctx) }()
	told := make(chan error, 1)
	go func() { told <- w.news.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		w.client.CloseIdleConnections()
		stop()
		must(w.t, <-told)
		if err := <-ended; err != nil {
			w.t.Errorf("the server ended with: %v", err)
		}
	})
	w.t.Cleanup(func() {
		w.redis.Close() // or whoever reads from it would wait half a second to notice the end
		w.stop()
	})
	w.contract = newContract(w.t, w.server.openapi)
}

func (w *world) clock() job.Instant { return job.Instant(w.now.Load()) }

// pass moves the clock.
func (w *world) pass(d time.Duration) { w.now.Add(d.Milliseconds()) }

// neighbours are the health of a real store and queue.
type neighbours struct {
	*store.Store
	*queue.Broker
}

func (n neighbours) PingDatabase(ctx context.Context) error { return n.Store.Ping(ctx) }
func (n neighbours) PingRedis(ctx context.Context) error    { return n.Broker.Ping(ctx) }

// exampleKey is the key in the document's examples.
const exampleKey = "sk_s7mpjVKXcKLjvL14qZkvlTYWmvs8RnqGCcfgon2a4o4C9dkP"

// makeKey makes a key, the first of which must be an admin's.
func (w *world) makeKey(scope access.Scope) newKey {
	w.t.Helper()
	var k newKey
	w.call("POST", "/api/v1/keys", fmt.Sprintf(`{"name":"the %s","scope":%q}`, scope, scope)).is(201).into(&k)
	return k
}

// answer is what the API said.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// call sends a request; headers come in pairs. Every answer is held against the document.
func (w *world) call(method, path, body string, headers ...string) answer {
	w.t.Helper()
	request, err := http.NewRequest(method, w.url+path, strings.NewReader(strings.ReplaceAll(body, exampleKey, w.key)))
	must(w.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if w.key != "" {
		request.Header.Set("Authorization", "Bearer "+w.key)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	response, err := w.client.Do(request)
	must(w.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	must(w.t, err)
	a := answer{w.t, response.StatusCode, response.Header, string(data)}
	w.contract.check(request, a)
	return a
}

// is wants a status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// problem wants an error of a code that names the given fields.
func (a answer) problem(status int, code string, fields ...string) problem {
	a.t.Helper()
	a.is(status)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("content type %q", got)
	}
	var p problem
	a.into(&p)
	if string(p.Code) != code || p.Status != status {
		a.t.Errorf("code %q and status %d, want %q and %d: %s", p.Code, p.Status, code, status, a.body)
	}
	var got []string
	for _, f := range p.Errors {
		got = append(got, f.Field)
	}
	if strings.Join(got, " ") != strings.Join(fields, " ") {
		a.t.Errorf("fields %q, want %q: %s", got, fields, a.body)
	}
	return p
}

func (a answer) into(dst any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.body), dst); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
}

// job reads a job.
func (a answer) job() job.Job {
	a.t.Helper()
	var j job.Job
	a.into(&j)
	return j
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5s: %s", what)
		}
	}
}

// logBuffer is a log that a test may read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
