// Package api owns the HTTP face of the product: the v1 API, the service
// endpoints, the OpenAPI document and its page. The original's API lives in the
// folder compat. A handler reads a request, asks pkg/service, and writes the answer.
//
// It never decides when something runs, never makes a job's call, and knows
// neither SQL nor Redis: those are behind the interfaces it declares.
package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/access"
	"schedule-server/pkg/api/live"
	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
	"schedule-server/pkg/trigger"
)

// Limits of a request. What a body may be for each operation is in limits.go.
const (
	maxUnwanted    = 3 << 20  // what is read of a body beyond what it may be, for the caller to get the answer
	maxHeader      = 16 << 10 // the request line with its URL included
	readTimeout    = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	requestTimeout = 30 * time.Second // what a handler may take
	manyTimeout    = 5 * time.Minute  // what one may take that works on many jobs
)

// Health is what /readyz asks.
type Health interface {
	PingDatabase(ctx context.Context) error
	PingRedis(ctx context.Context) error
	// Alive counts the beats and the workers that gave a sign of life lately.
	Alive(ctx context.Context) (beats, workers int, err error)
	// CheckDue is an error when a job has been due for a while and was not fired.
	CheckDue(ctx context.Context, now job.Instant) error
	// CheckResults is an error when what workers report has not been recorded for a while.
	CheckResults(ctx context.Context) error
	// CheckChannels is an error when Redis refuses its channels.
	CheckChannels(ctx context.Context) error
}

// Deps are the neighbours of a Server. All are required unless they say otherwise.
type Deps struct {
	Service *service.Service
	Health  Health
	// Roles are what /readyz asks of other roles in this process, by the names it calls them. Nil: there are none.
	Roles map[string]func(ctx context.Context) error
	// Changes is the news that pages watch.
	Changes live.Source
	// Access knows who may do what.
	Access *access.Keeper
	// Audit keeps the account of who did what.
	Audit AuditStore
	// Monitor makes the queue monitor that serves the given path and all below it. Nil: there is none.
	Monitor func(root string, readOnly bool) http.Handler
	// Replays remembers the answers to calls with an Idempotency-Key.
	Replays ReplayStore
	// Pickles reads the rows of the original's SQLite file.
	Pickles func(ctx context.Context, data []byte) ([]apscheduler.Row, error)
	// Page holds the files of the web page, index.html at its root. Nil: there is none.
	Page fs.FS
	// Metrics is what /metrics shows; the server registers its own there. Nil: a registry of its own.
	Metrics *prometheus.Registry
	// Completions checks the tokens of targets that complete runs. Nil: none can.
	Completions *job.Completions
	// Parser reads schedules. Nil: one of its own.
	Parser *trigger.Parser
	// Now is the clock.
	Now func() job.Instant
	// Logger takes the access log and what failed. Nil: nothing is logged.
	Logger *slog.Logger
}

// Options say how a Server listens.
type Options struct {
	// Listen is the address, "127.0.0.1:8000"; port 0 takes any free one. Not used with Listener.
	Listen string
	// Listener is used instead of Listen when it is not nil.
	Listener net.Listener
	// BasePath is put before every path, "/cron". Empty: none.
	BasePath string
	// AllowedHosts are the names, "cron.example.com", by which a server that is open because there is no key yet may be
	// called beside localhost and loopback addresses; "*" is any. Empty: none. A page of another site can make a name of
	// its own resolve to this machine (DNS rebinding), so an open server must not answer to every name.
	AllowedHosts []string
	// CORSOrigins are the origins, "https://a.example", whose pages may call the API; "*" is any, with a key. Empty: none.
	CORSOrigins []string
	// TrustedProxies are the addresses and networks whose X-Forwarded-For, -Proto and -Host are believed. Empty: none.
	TrustedProxies []string
	// ShutdownTimeout is how long open requests may take when the server stops. Zero: 10s.
	ShutdownTimeout time.Duration
	// Version is shown by the OpenAPI document and the page. Empty: "dev".
	Version string
}

// Server is the API's HTTP server.
type Server struct {
	deps     Deps
	options  Options
	app      *fiber.App
	listener net.Listener
	metrics  *metrics
	openapi  []byte
	page     *page
	feed     *live.Feed
	// streams counts the readers of events, requests those that are being answered.
	streams  streamCount
	requests atomic.Int64
	// bodies and publicBodies bound what is kept of bodies under way.
	bodies, publicBodies bodyBudget
	// requestTimeout is how long a handler may take.
	requestTimeout time.Duration
	// writeWait is how long a reader of events may take to make room.
	writeWait time.Duration
	// heartbeat is how long one of them is told nothing at most.
	heartbeat time.Duration
	// recheck is how often it is asked whether one of them is still let in.
	recheck time.Duration
	proxies []netip.Prefix
	monitor monitors
	// Handlers that are made once.
	exposition fiber.Handler
}

// New makes a server; it listens only when Listen or Run is called. The error
// names the option that is wrong.
func New(d Deps, o Options) (*Server, error) {
	if err := d.complete(); err != nil {
		return nil, err
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	o.complete()
	document, err := OpenAPI(o.BasePath, o.Version)
	if err != nil {
		return nil, err
	}
	proxies, err := parseProxies(o.TrustedProxies)
	if err != nil {
		return nil, err
	}
	s := &Server{proxies: proxies, deps: d, options: o, listener: o.Listener, metrics: newMetrics(), openapi: document}
	if err := s.metrics.register(d.Metrics); err != nil {
		return nil, err
	}
	if err := d.Metrics.Register(newStateMetrics(d.Service.Stats)); err != nil {
		return nil, err
	}
	s.app = fiber.New(fiber.Config{
		AppName: "schedule-server",
		// What handlers keep of a request outlives it: strings are copies, not views of a buffer that is used again.
		Immutable:                    true,
		CaseSensitive:                true,
		StrictRouting:                true,
		StreamRequestBody:            true, // handlers read it, see readBody
		BodyLimit:                    math.MaxInt,
		ReadBufferSize:               maxHeader,
		ReadTimeout:                  readTimeout,
		IdleTimeout:                  idleTimeout,
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true,
		JSONEncoder:                  encodeAnswer,
		ErrorHandler:                 s.refuse,
	})
	s.feed = live.NewFeed(d.Changes)
	s.bodies, s.publicBodies = newBodyBudget(maxBodies), newBodyBudget(maxPublicBodies)
	s.requestTimeout, s.writeWait, s.heartbeat, s.recheck = requestTimeout, writeWait, heartbeat, recheck
	s.monitor, s.exposition = s.newMonitors(), newExposition(d.Metrics)
	if s.page, err = newPage(d.Page, o.BasePath); err != nil {
		return nil, err
	}
	s.mount()
	s.wrapRouter()
	return s, nil
}

func (d *Deps) complete() error {
	if d.Service == nil || d.Health == nil || d.Access == nil || d.Audit == nil || d.Now == nil ||
		d.Pickles == nil || d.Replays == nil || d.Changes == nil {
		return errors.New("api: Deps lacks a required neighbour")
	}
	if d.Metrics == nil {
		d.Metrics = prometheus.NewRegistry()
	}
	if d.Parser == nil {
		d.Parser = new(trigger.Parser)
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Check reports the first faulty option. The error is an *job.OptionError that names it.
func (o *Options) Check() error {
	if o.BasePath != "/" && !regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`).MatchString(o.BasePath) {
		return job.OptionErrorf("base-path", "%q must begin with / and not end with it; it may contain letters, digits and . _ ~ -", o.BasePath)
	}
	if err := checkOrigins(o.CORSOrigins); err != nil {
		return err
	}
	if err := checkHosts(o.AllowedHosts); err != nil {
		return err
	}
	_, err := parseProxies(o.TrustedProxies)
	return err
}

// complete fills in the defaults.
func (o *Options) complete() {
	if o.BasePath == "/" {
		o.BasePath = ""
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = 10 * time.Second
	}
	if o.Version == "" {
		o.Version = "dev"
	}
}

// App is the router, for tests.
func (s *Server) App() *fiber.App { return s.app }

// Listen binds the address, once, and answers what it is bound to. The error
// names the address.
func (s *Server) Listen() (net.Addr, error) {
	if s.listener == nil {
		listener, err := net.Listen("tcp", s.options.Listen)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return nil, fmt.Errorf("cannot listen on %s: %w", s.options.Listen, err)
		}
		s.listener = listener
	}
	return s.listener.Addr(), nil
}

// Busy is how many requests are being answered. Readers of events, who are sent away at a stop, do not count.
func (s *Server) Busy() int { return int(s.requests.Load()) }

// Run listens and serves until the context ends, then lets open requests end
// within ShutdownTimeout. It may be called once. The error is nil after an
// orderly stop.
func (s *Server) Run(ctx context.Context) error {
	if _, err := s.Listen(); err != nil {
		return err
	}
	var side sync.WaitGroup
	defer side.Wait()
	ctx, stopSide := context.WithCancel(ctx)
	defer stopSide()
	side.Go(func() {
		if err := s.feed.Run(ctx); err != nil {
			s.deps.Logger.Error("events cannot be read", "error", err)
		}
	})
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(patientListener{s.listener}) }()
	select {
	case err := <-served:
		return fmt.Errorf("the API server ended: %w", err)
	case <-ctx.Done():
	}
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), s.options.ShutdownTimeout)
	defer stop()
	err := s.app.ShutdownWithContext(drain)
	_ = s.listener.Close() // the shutdown does not know a listener whose serving has not begun yet
	err = errors.Join(err, <-served, s.deps.Service.Wait(drain))
	if err != nil {
		return fmt.Errorf("the API server did not stop in order: %w", err)
	}
	return nil
}
