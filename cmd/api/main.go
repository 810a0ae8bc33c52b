// Command api serves the REST API, the original's API and the page. It writes
// job definitions to the database and calls no target itself.
package main

import (
	"context"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
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
	app.Main("schedule-api", "Serves the API and the page.", &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	if p.Command != control.Serve {
		return f.Commands.Do(ctx, p, &control.Installation{Database: f.Database, Secrets: f.Secrets})
	}
	if err := f.HTTP.Check(); err != nil {
		return err
	}
	keys, err := deliver.Keys(f.Secrets)
	if err != nil {
		return err
	}
	broker, err := deliver.Broker(p, f.RedisURL)
	if err != nil {
		return err
	}
	defer broker.Close()
	control.WarnBesideServer(ctx, p, f.Database.URL())
	s, err := control.Store(ctx, p, f.Database.URL())
	if err != nil {
		return err
	}
	defer s.Close()
	metrics := app.NewMetrics()

	g := app.NewGroup(p.Logger, f.ShutdownTimeout)
	if err := control.AddAPI(g, p, s, broker, control.AddNews(g, p, broker), f.HTTP, keys, f.ShutdownTimeout, metrics); err != nil {
		return err
	}
	control.AddSealed(g, p, s, keys, "")
	p.Logger.Info("api started", "address", f.Listen, "version", p.Version)
	return g.Run(ctx)
}
