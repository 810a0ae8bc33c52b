// Command api serves the REST API, the original's API and the page. It writes
// job definitions to the database and calls no target itself.
package main

import (
	"context"
	"slices"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/queue"
)

type flags struct {
	app.Log
	app.HTTP
	app.Database
	app.Redis
	app.Secrets
	app.Lifetime
	control.Commands
}

func main() {
	var f flags
	app.Main(deliver.Program(app.Program{
		Name: "schedule-api", Description: "Serves the API and the page.", Shutdown: "open requests",
		Example: "api --database-url postgres://schedule:…@db/schedule --redis-url redis://redis:6379 --listen 127.0.0.1:8000",
	}), &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	if !p.Serves() {
		return f.Commands.Do(ctx, p, &control.Installation{Database: f.Database, Secrets: f.Secrets, TimeZone: f.TimeZone})
	}
	if err := control.Check(p, f.HTTP); err != nil {
		return err
	}
	keys, err := deliver.Keys(f.Secrets)
	if err != nil {
		return err
	}
	deliver.WarnOfPassphrase(p, keys)
	broker, err := deliver.Broker(p, f.RedisURL, f.RedisOptions)
	if err != nil {
		return err
	}
	defer broker.Close()
	control.WarnBesideServer(ctx, p, f.Database.URL())
	s, err := control.RoleStore(ctx, p, f.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	metrics := app.NewMetrics()

	g := app.NewGroup(p.Logger, f.ShutdownTimeout)
	control.AddIdentity(ctx, g, s, broker, "api")
	shown, err := control.AddAPI(g, p, s, broker, control.AddNews(g, p, broker), f.HTTP, keys, f.ShutdownTimeout, metrics, nil)
	if err != nil {
		return err
	}
	control.AddSealed(g, p, s, keys, "")
	deliver.Started(p, slices.Concat([]any{"roles", []string{"api"}}, shown, control.Shown(s),
		[]any{"redis", queue.ShownURL(f.RedisURL), "secret_key", keys != nil})...)
	return g.Run(ctx)
}
