// Command worker makes the HTTP calls. Any number of workers may run; they need
// nothing but Redis and their targets.
package main

import (
	"context"
	"maps"
	"slices"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/queue"
)

type flags struct {
	app.Log
	app.Redis
	app.Delivery
	app.Secrets
	app.OpsFlags
	app.Lifetime
	app.Commands
}

func main() {
	var f flags
	app.Main(deliver.Program(app.Program{
		Name: "schedule-worker", Description: "Takes runs from Redis and makes their HTTP calls.", Shutdown: "running calls to finish",
		Example: "worker --redis-url redis://redis:6379 --allow-targets private --concurrency 256",
	}), &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	app.GrowHeap(400)
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
	metrics := app.NewMetrics()

	g := app.NewGroup(p.Logger, f.ShutdownTimeout)
	deliver.Follow(g, broker)
	checks := map[string]app.Check{"redis": broker.Ping, app.HintPrefix + "channels": broker.CheckChannels}
	ops, err := app.ListenOps(f.OpsListen, checks, metrics)
	if err != nil {
		return err
	}
	g.Add("ops", ops.Run)
	profiles, err := app.ListenPprof(f.PprofListen)
	if err != nil {
		return err
	}
	g.Add("profiles", profiles.Run)
	own, err := deliver.Add(g, p, broker, f.Delivery, keys, f.ShutdownTimeout, metrics)
	if err != nil {
		return err
	}
	maps.Copy(checks, own)
	deliver.Started(p, slices.Concat([]any{"roles", []string{"worker"}}, ops.Shown(),
		[]any{"redis", queue.ShownURL(f.RedisURL)}, deliver.Shown(f.Delivery, keys))...)
	return g.Run(ctx)
}
