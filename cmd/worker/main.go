// Command worker makes the HTTP calls. Any number of workers may run; they need
// nothing but Redis and their targets.
package main

import (
	"context"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
)

type flags struct {
	app.Log
	app.Redis
	app.Delivery
	app.Secrets
	app.OpsFlags
	app.Lifetime
}

func main() {
	var f flags
	app.Main("schedule-worker", "Takes runs from Redis and makes their HTTP calls.", &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	app.GrowHeap(400)
	keys, err := deliver.Keys(f.Secrets)
	if err != nil {
		return err
	}
	broker, err := deliver.Broker(p, f.RedisURL)
	if err != nil {
		return err
	}
	defer broker.Close()
	metrics := app.NewMetrics()

	g := app.NewGroup(p.Logger, f.ShutdownTimeout)
	checks := map[string]app.Check{"redis": broker.Ping}
	g.Add("ops", func(ctx context.Context) error { return app.ServeOps(ctx, f.OpsListen, checks, metrics) })
	if checks["calls"], err = deliver.Add(g, p, broker, f.Delivery, keys, f.ShutdownTimeout, metrics); err != nil {
		return err
	}
	p.Logger.Info("worker started", "id", p.ID, "concurrency", f.Concurrency, "version", p.Version)
	return g.Run(ctx)
}
