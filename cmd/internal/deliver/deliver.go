// Package deliver wires the worker role. It links no SQL.
package deliver

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/worker"
)

// Now reads the clock as the roles see it: milliseconds in UTC.
func Now() job.Instant { return job.Instant(time.Now().UnixMilli()) }

// Broker opens the way to Redis. Redis need not be up.
func Broker(p *app.Process, url string) (*queue.Broker, error) {
	return queue.Open(queue.Options{URL: url, Logger: p.Logger, Now: Now, Name: p.ID})
}

// Keys reads what secrets are sealed with; nil when nothing is given.
func Keys(s app.Secrets) (*job.Keyring, error) {
	keys, err := job.ParseKeys(s.SecretKey)
	if err != nil {
		return nil, fmt.Errorf("--secret-key: %w", err)
	}
	return keys, nil
}

// Add adds a worker to the group, and gives what tells whether it can make calls. The error names the faulty flag.
func Add(
	g *app.Group, p *app.Process, broker *queue.Broker, d app.Delivery, keys *job.Keyring, timeout time.Duration, metrics prometheus.Registerer,
) (app.Check, error) {
	authorities, err := d.Authorities()
	if err != nil {
		return nil, err
	}
	w, err := worker.New(broker, worker.Options{
		Now: Now, Logger: p.Logger, Name: p.ID, Version: p.Version,
		Allow: d.AllowTargets, NAT64: d.NAT64, Proxy: d.Proxy, NoProxy: d.NoProxy, MaxIdlePerHost: d.Concurrency,
		PublicURL: d.PublicURL, RootCAs: authorities, Keys: keys, WebhookSecret: d.WebhookSecret,
		Concurrency: d.Concurrency, Shared: broker, Metrics: metrics,
		Limits: job.HostLimits{PerHostConcurrency: d.PerHostConcurrency, PerHostRate: d.PerHostRate},
	})
	if err != nil {
		return nil, err
	}
	workers := broker.NewWorkers(w, queue.WorkerOptions{Concurrency: d.Concurrency, ShutdownTimeout: timeout})
	g.Add("hosts", w.Run)
	g.Add("trials", func(ctx context.Context) error { return broker.Trials(ctx, w) })
	g.Add("worker", workers.Run)
	return w.Check, nil
}
