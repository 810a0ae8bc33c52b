// Package deliver wires the worker role. It links no SQL.
package deliver

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/trigger"
	"schedule-server/pkg/worker"
)

// Program completes what all programs have alike: durations of flags are written as in the API.
func Program(program app.Program) app.Program {
	program.ParseDuration = func(text string) (time.Duration, error) {
		d, err := trigger.ParseDuration(text)
		return time.Duration(d), err
	}
	return program
}

// Now reads the clock as the roles see it: milliseconds in UTC.
func Now() job.Instant { return job.Instant(time.Now().UnixMilli()) }

// Broker opens the way to Redis. Redis need not be up.
func Broker(p *app.Process, url string, o app.RedisOptions) (*queue.Broker, error) {
	secured, err := o.TLS()
	if err != nil {
		return nil, err
	}
	return queue.Open(queue.Options{URL: url, Prefix: o.RedisPrefix, TLS: secured, Logger: p.Logger, Now: Now, Name: p.ID, WatchClock: true})
}

// Follow adds to the group what learns from Redis for which installation a worker works.
func Follow(g *app.Group, broker *queue.Broker) { g.Add("installation", broker.FollowIdentity().Run) }

// Keys reads what secrets are sealed with; nil when nothing is given.
func Keys(s app.Secrets) (*job.Keyring, error) {
	keys, err := job.ParseKeys(s.SecretKey)
	if err != nil {
		return nil, &app.FlagError{Name: "secret-key", Err: err}
	}
	return keys, nil
}

// options are the worker's, as far as flags say.
func options(d app.Delivery) (worker.Options, error) {
	authorities, err := d.Authorities()
	return worker.Options{
		Now: Now, Allow: d.AllowTargets, OwnNetwork: d.OwnNetwork, NAT64: d.NAT64, Proxy: d.Proxy, NoProxy: d.NoProxy, MaxIdlePerHost: d.Concurrency,
		PublicURL: d.PublicURL, RootCAs: authorities, WebhookSecret: d.WebhookSecret, Concurrency: d.Concurrency,
		Limits: job.HostLimits{PerHostConcurrency: d.PerHostConcurrency, PerHostRate: d.PerHostRate},
	}, err
}

// Check reports the first faulty flag, before anything is opened or made.
func Check(d app.Delivery) error {
	o, err := options(d)
	if err != nil {
		return err
	}
	return o.Check()
}

// Add adds a worker to the group, and gives what tells whether it can take tasks and make calls. The error names the faulty flag.
func Add(
	g *app.Group, p *app.Process, broker *queue.Broker, d app.Delivery, keys *job.Keyring, timeout time.Duration, metrics prometheus.Registerer,
) (map[string]app.Check, error) {
	o, err := options(d)
	if err != nil {
		return nil, err
	}
	o.Logger, o.Name, o.Version = p.Logger, p.ID, p.Version
	o.Keys, o.Shared, o.Metrics = keys, broker, metrics
	w, err := worker.New(broker, o)
	if err != nil {
		return nil, err
	}
	workers := broker.NewWorkers(w, queue.WorkerOptions{Concurrency: d.Concurrency, ShutdownTimeout: timeout})
	g.Add("hosts", w.Run)
	g.Add("trials", func(ctx context.Context) error { return broker.Trials(ctx, w) })
	g.AddBusy("worker", "calls", workers.Busy, workers.Run)
	return map[string]app.Check{"calls": w.Check, "queue": workers.Check, "clock": broker.CheckClock}, nil
}
