// Command standalone is the whole service in one process: API, beat and worker,
// with SQLite and, unless --redis-url is given, a Redis of its own.
package main

import (
	"context"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/queue"
)

type flags struct {
	app.Log
	app.HTTP
	app.Database
	RedisURL string `help:"redis://, rediss://, redis-sentinel:// or redis-cluster://. Default: a Redis inside this process." env:"REDIS_URL" group:"storage"`
	app.Delivery
	app.Secrets
	app.Lifetime
	control.Commands
}

func main() {
	var f flags
	app.Main("schedule-server", "The whole service in one process.", &f, f.run)
}

func (f *flags) run(ctx context.Context, p *app.Process) error {
	if p.Command != control.Serve {
		return f.Commands.Do(ctx, p, f.Database.URL(), f.Secrets)
	}
	if err := f.HTTP.Check(); err != nil {
		return err
	}
	f.fillIn(p)
	keys, err := f.keys(p)
	if err != nil {
		return err
	}
	g := app.NewGroup(p.Logger, f.ShutdownTimeout)
	if f.RedisURL == "" {
		redis, err := queue.NewEmbedded()
		if err != nil {
			return err
		}
		f.RedisURL = redis.URL()
		g.Add("redis", redis.Run)
	}
	broker, err := deliver.Broker(p, f.RedisURL)
	if err != nil {
		return err
	}
	defer broker.Close()
	s, err := control.Store(ctx, p, f.Database.URL())
	if err != nil {
		return err
	}
	defer s.Close()

	// What produces work is added after what takes it, and stops before it.
	metrics := app.NewMetrics()
	news := control.AddNews(g, broker)
	if err := control.AddRecorder(g, p, s, broker, news, metrics); err != nil {
		return err
	}
	if err := deliver.Add(g, p, broker, f.Delivery, keys, f.ShutdownTimeout, metrics); err != nil {
		return err
	}
	if err := control.AddBeat(g, p, s, broker, news, metrics); err != nil {
		return err
	}
	if err := control.AddAPI(g, p, s, broker, news, f.HTTP, keys, f.ShutdownTimeout, metrics); err != nil {
		return err
	}
	f.greet(p)
	return g.Run(ctx)
}
