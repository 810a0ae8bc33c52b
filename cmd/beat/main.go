// Command beat fires schedules: it claims due jobs in the database, enqueues
// their runs into Redis and records the results. Any number of beats may run.
package main

import (
	"context"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/store"
)

type flags struct {
	app.Log
	app.Database
	app.Redis
	app.OpsFlags
	app.Lifetime
}

func main() {
	var f flags
	app.Main("schedule-beat", "Fires schedules: claims due jobs, enqueues their runs, records the results.", &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	app.GrowHeap(400)
	broker, err := deliver.Broker(p, f.RedisURL)
	if err != nil {
		return err
	}
	defer broker.Close()
	lock, err := store.LockServer(ctx, f.Database.URL(), false, store.DoingServe)
	if err != nil {
		return err
	}
	defer lock.Release()
	s, err := control.Store(ctx, p, f.Database.URL())
	if err != nil {
		return err
	}
	defer s.Close()
	metrics := app.NewMetrics()

	g := app.NewGroup(p.Logger, f.ShutdownTimeout)
	checks := map[string]app.Check{"redis": broker.Ping, "database": s.Ping}
	g.Add("ops", func(ctx context.Context) error { return app.ServeOps(ctx, f.OpsListen, checks, metrics) })
	news := control.AddNews(g, p, broker)
	if err := control.AddRecorder(g, p, s, broker, news, metrics); err != nil {
		return err
	}
	if err := control.AddBeat(g, p, s, broker, news, metrics); err != nil {
		return err
	}
	p.Logger.Info("beat started", "id", p.ID, "version", p.Version)
	return g.Run(ctx)
}
