// Command standalone is the whole service in one process: API, beat and worker,
// with SQLite and, unless --redis-url is given, a Redis of its own.
package main

import (
	"context"
	"slices"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/store"
)

type flags struct {
	app.Log
	app.HTTP
	app.Database
	RedisURL string `help:"redis://host:6379/0, rediss:// with TLS, redis-sentinel:// or redis-cluster://. Default: a Redis inside this process." env:"REDIS_URL" group:"storage"`
	app.RedisOptions
	app.Delivery
	app.Heartbeat
	app.Secrets
	app.Lifetime
	control.Commands
}

func main() {
	var f flags
	app.Main(deliver.Program(app.Program{
		Name: "schedule-server", Description: "The whole service in one process.", Shutdown: "running calls to finish",
		PublicURL: "Default: that address, if --listen is a loopback address with a port.",
		Example:   "standalone --data-dir /var/lib/schedule --listen 127.0.0.1:8000",
	}), &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	ownRedis := f.RedisURL == ""
	if !p.Serves() {
		return f.Commands.Do(ctx, p, &control.Installation{Database: f.Database, Secrets: f.Secrets, TimeZone: f.TimeZone, Standalone: true, OwnRedis: ownRedis})
	}
	if err := f.check(p); err != nil {
		return err
	}
	lock, err := store.LockServer(ctx, f.Database.URL(), ownRedis, store.DoingServe)
	if err != nil {
		return err
	}
	defer lock.Release()
	s, err := control.RoleStore(ctx, p, f.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := f.keys(ctx, p, s)
	if err != nil {
		return err
	}
	deliver.WarnOfPassphrase(p, keys)
	hasKeys, err := s.HasKeys(ctx)
	if err != nil {
		return err
	}
	own := newOwnNetwork(f, hasKeys)
	f.fillIn()
	g, redis := app.NewGroup(p.Logger, f.ShutdownTimeout), queue.ShownURL(f.RedisURL)
	role := "standalone"
	if ownRedis {
		role = "standalone with a Redis of its own"
		// The lock says that those before have ended.
		if err := s.ForgetTransports(ctx, role); err != nil {
			return err
		}
		embedded, err := queue.NewEmbedded()
		if err != nil {
			return err
		}
		f.RedisURL, redis = embedded.URL(), "embedded"
		g.Add("redis", embedded.Run)
	}
	broker, err := deliver.Broker(p, f.RedisURL, f.RedisOptions)
	if err != nil {
		return err
	}
	defer broker.Close()
	control.AddIdentity(ctx, g, s, broker, role)

	if own != nil {
		f.OwnNetwork = own.open.Load
		g.Add("own network", func(ctx context.Context) error { return own.run(ctx, s, p.Logger) })
	}

	// What produces work is added after what takes it, and stops before it.
	metrics := app.NewMetrics()
	news := control.AddNews(g, p, broker)
	results, err := control.AddRecorder(g, p, s, broker, news, metrics)
	if err != nil {
		return err
	}
	roles, err := deliver.Add(g, p, broker, f.Delivery, keys, f.ShutdownTimeout, metrics)
	if err != nil {
		return err
	}
	roles["results"] = results
	if roles["schedule"], err = control.AddBeat(g, p, s, broker, news, f.PublicURL, f.HeartbeatURL, metrics); err != nil {
		return err
	}
	shown, err := control.AddAPI(g, p, s, broker, news, f.HTTP, keys, f.ShutdownTimeout, metrics, roles)
	if err != nil {
		return err
	}
	control.AddSealed(g, p, s, keys, f.keyFile())
	deliver.Started(p, slices.Concat([]any{"roles", []string{"api", "beat", "recorder", "worker"}}, shown, control.Shown(s),
		[]any{"data_dir", f.DataDir, "redis", redis}, deliver.Shown(f.Delivery, keys))...)
	f.greet(p)
	return g.Run(ctx)
}
