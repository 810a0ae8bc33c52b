// Command beat fires schedules: it claims due jobs in the database, enqueues
// their runs into Redis and records the results. Any number of beats may run.
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
	app.Database
	app.Redis
	app.OpsFlags
	app.Heartbeat
	app.Links
	app.Lifetime
	app.Commands
}

func main() {
	var f flags
	app.Main(deliver.Program(app.Program{
		Name: "schedule-beat", Description: "Fires schedules: claims due jobs, enqueues their runs, records the results.",
		Shutdown: "results at hand to be recorded",
		Example:  "beat --database-url postgres://schedule:…@db/schedule --redis-url redis://redis:6379 --ops-listen 127.0.0.1:9090",
	}), &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	app.GrowHeap(400)
	broker, err := deliver.Broker(p, f.RedisURL, f.RedisOptions)
	if err != nil {
		return err
	}
	defer broker.Close()
	lock, err := store.LockServer(ctx, f.Database.URL(), false, store.DoingServe)
	if err != nil {
		return control.Flagged(err)
	}
	defer lock.Release()
	s, err := control.RoleStore(ctx, p, f.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	metrics := app.NewMetrics()

	g := app.NewGroup(p.Logger, f.ShutdownTimeout)
	control.AddIdentity(ctx, g, s, broker, "beat")
	checks := map[string]app.Check{"redis": broker.Ping, "database": s.Ping, "clock": broker.CheckClock, app.HintPrefix + "channels": broker.CheckChannels}
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
	news := control.AddNews(g, p, broker)
	if checks["results"], err = control.AddRecorder(g, p, s, broker, news, metrics); err != nil {
		return err
	}
	if checks["schedule"], err = control.AddBeat(g, p, s, broker, news, f.PublicURL, f.HeartbeatURL, metrics); err != nil {
		return err
	}
	deliver.Started(p, slices.Concat([]any{"roles", []string{"beat", "recorder"}}, ops.Shown(), control.Shown(s),
		[]any{"redis", queue.ShownURL(f.RedisURL)})...)
	return g.Run(ctx)
}
