// Package control wires the roles that keep jobs and history: the beat, with its
// reconciler and recorder, and the API.
package control

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/access"
	"schedule-server/pkg/api"
	"schedule-server/pkg/app"
	"schedule-server/pkg/beat"
	"schedule-server/pkg/job"
	"schedule-server/pkg/publish"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/recorder"
	"schedule-server/pkg/runlog"
	"schedule-server/pkg/service"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
	"schedule-server/web"
)

// identifyWithin bounds what a start waits to know whose Redis this is. It goes on to be asked.
const identifyWithin = 2 * time.Second

// AddIdentity adds to the group what compares whose Redis this is. Until it knows, Redis is not used. It goes
// before all that uses Redis, so that it stops after it.
func AddIdentity(ctx context.Context, g *app.Group, s *store.Store, broker *queue.Broker, role string) {
	identity := broker.NewIdentity(s, role)
	known, stop := context.WithTimeout(ctx, identifyWithin)
	defer stop()
	identity.Examine(known)
	g.Add("installation", identity.Run)
}

// News tells the pages and the log what happens to jobs and runs.
type News struct {
	*queue.Announcer
	log *runlog.Log
}

// AddNews adds to the group what tells the pages and the log what happens. It goes
// before all that has something to tell, so that it stops after it.
func AddNews(g *app.Group, p *app.Process, broker *queue.Broker) *News {
	news := &News{broker.NewAnnouncer(), runlog.New(runlog.Options{Logger: p.Logger, Now: deliver.Now})}
	g.Add("news", news.Announcer.Run)
	g.Add("run log", news.log.Run)
	return news
}

// AddRecorder adds the recorder to the group, and gives what tells whether results are recorded. It goes before whatever reports,
// so that it stops after it.
func AddRecorder(
	g *app.Group, p *app.Process, s *store.Store, broker *queue.Broker, news *News, metrics prometheus.Registerer,
) (app.Check, error) {
	r, err := recorder.New(broker, s, publish.New(broker, news.Announce, news.log.Recorded), recorder.Options{
		Name: p.ID, Now: deliver.Now, Logger: p.Logger, Metrics: metrics})
	if err != nil {
		return nil, err
	}
	g.Add("recorder", r.Run)
	return both(r.Check, broker.CheckResults), nil
}

// both asks one thing and then another.
func both(one, other app.Check) app.Check {
	return func(ctx context.Context) error {
		if err := one(ctx); err != nil {
			return err
		}
		return other(ctx)
	}
}

// AddBeat adds a beat, its reconciler, and what tells people to the group, and gives what tells whether due jobs are fired.
func AddBeat(
	g *app.Group, p *app.Process, s *store.Store, broker *queue.Broker, news *News, publicURL, heartbeatURL string, metrics prometheus.Registerer,
) (app.Check, error) {
	b, err := beat.New(s, broker, broker, beat.Options{
		Now: deliver.Now, Logger: p.Logger, Metrics: metrics, Announce: news.Announce, Log: news.log, Calendars: s.Calendars()})
	if err != nil {
		return nil, err
	}
	if err := addUpkeep(g, p, s, metrics); err != nil {
		return nil, err
	}
	teller, err := beat.NewTeller(s, broker, beat.TellerOptions{Now: deliver.Now, Logger: p.Logger, Announce: news.Announce,
		PublicURL: publicURL, HeartbeatURL: heartbeatURL})
	if err != nil {
		return nil, err
	}
	g.Add("notifications", broker.While(teller.Run))
	g.Add("reconciler", b.NewReconciler(s, s, s, broker).Run)
	g.Add("watch", broker.WatchWorkers)
	g.Add("beat", broker.While(b.Run)) // it claims nothing that it could not enqueue
	return both(b.Check, func(ctx context.Context) error { return s.CheckDue(ctx, deliver.Now()) }), nil
}

// options are the API's.
func options(p *app.Process, h app.HTTP, timeout time.Duration) api.Options {
	return api.Options{
		Listen: h.Listen, BasePath: h.BasePath, AllowedHosts: h.AllowedHosts, CORSOrigins: h.CORSOrigins,
		TrustedProxies: h.TrustedProxies, ShutdownTimeout: timeout, Version: p.Version,
	}
}

// Check reports the first faulty flag of the API, before anything is opened or made.
func Check(p *app.Process, h app.HTTP) error {
	if err := h.Check(); err != nil {
		return err
	}
	if _, err := trigger.Parse(trigger.Spec{Type: trigger.TypeDate, At: new(job.Instant), TimeZone: h.TimeZone}, ""); err != nil {
		return &app.FlagError{Name: "time-zone", Err: errors.New(strings.TrimPrefix(err.Error(), "time_zone: "))}
	}
	o := options(p, h, 0)
	return o.Check()
}

// AddAPI adds the API to the group, listening already, so that an address in use is known at once. An address that
// others can reach is refused as long as no key was made. Roles are what /readyz asks of the others in this process. What it gives are attributes of the line at the start.
func AddAPI(
	g *app.Group, p *app.Process, s *store.Store, broker *queue.Broker, news *News,
	h app.HTTP, keys *job.Keyring, timeout time.Duration, metrics *prometheus.Registry, roles map[string]app.Check,
) (shown []any, err error) {
	known, stop := context.WithTimeout(context.Background(), timeout)
	defer stop()
	hasKeys, err := s.HasKeys(known)
	if err != nil {
		return nil, err
	}
	if err := h.CheckKeys(hasKeys); err != nil {
		return nil, err
	}
	keeper := access.NewKeeper(s, access.Options{Now: deliver.Now, Open: h.Local() || h.InsecureNoAuth, Retention: h.AuditRetention, Logger: p.Logger})
	parser := &trigger.Parser{Calendars: s.Calendars()}
	if h.TimeZone != "UTC" { // which goes without saying
		parser.TimeZone = h.TimeZone
	}
	asked := map[string]func(context.Context) error{}
	for name, check := range roles {
		asked[name] = check
	}
	server, err := api.New(api.Deps{
		Roles: asked,
		Service: service.New(s, broker, service.Options{
			Parser: parser, Keys: keys, Fleet: broker, Now: deliver.Now, Logger: p.Logger,
			Announce: news.Announce, Recorded: news.log.Recorded}),
		Pickles:     store.ReadPickles,
		Replays:     s,
		Completions: keys.Completions(),
		Health:      health{s, broker},
		Changes:     broker,
		Access:      keeper,
		Audit:       s,
		Monitor:     broker.Monitor,
		Page:        web.Dist(),
		Metrics:     metrics, Parser: parser, Now: deliver.Now, Logger: p.Logger,
	}, options(p, h, timeout))
	if err != nil {
		return nil, err
	}
	address, err := server.Listen()
	if err != nil {
		return nil, &app.FlagError{Name: "listen", Err: err, Usable: true}
	}
	g.Add("keys", keeper.Run)
	g.AddBusy("api", "requests", server.Busy, server.Run)
	return []any{"listening_on", "http://" + address.String() + h.BasePath, "auth", authOf(h, hasKeys)}, nil
}

// authOf says who may use the API.
func authOf(h app.HTTP, keys bool) string {
	switch {
	case keys:
		return "keys"
	case h.InsecureNoAuth:
		return "none: open to everybody"
	}
	return "none: open to this machine"
}

// health asks the neighbours of the API.
type health struct {
	store  *store.Store
	broker *queue.Broker
}

func (h health) CheckDue(ctx context.Context, now job.Instant) error {
	return h.store.CheckDue(ctx, now)
}
func (h health) CheckResults(ctx context.Context) error  { return h.broker.CheckResults(ctx) }
func (h health) CheckChannels(ctx context.Context) error { return h.broker.CheckChannels(ctx) }
func (h health) PingDatabase(ctx context.Context) error  { return h.store.Ping(ctx) }
func (h health) PingRedis(ctx context.Context) error     { return h.broker.Ping(ctx) }
func (h health) Alive(ctx context.Context) (beats, workers int, err error) {
	return h.broker.Alive(ctx)
}
