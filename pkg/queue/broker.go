package queue

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// Options are what a Broker needs.
type Options struct {
	// WatchClock has the process take and fire nothing while its clock is far from that of Redis.
	WatchClock bool
	// URL says where Redis is: redis://, rediss://, redis-sentinel:// or redis-cluster://.
	URL string
	// Prefix comes before every name in Redis, for several installations in one. Empty: none.
	Prefix string
	// TLS holds the authorities and the client certificate of TLS connections. Nil: the system's and none.
	TLS *tls.Config
	// Logger takes what operators must know. Nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. Nil: the system's.
	Now func() job.Instant
	// Name is this process, "host:pid"; it tells heartbeats and consumers apart.
	Name string
}

// Broker is the connection to Redis, for all roles. It is safe for concurrent
// use. Every error of its methods is an *job.Error of CodeUnavailable unless
// said otherwise.
type Broker struct {
	client redis.UniversalClient
	// dial makes further clients of the same Redis.
	dial dialer
	// prefix is empty or ends with a colon.
	prefix string
	// admission says whether commands may reach Redis; installation, for whom this process works, nil if that is not known.
	admission    *admission
	installation atomic.Pointer[string]
	log          *slog.Logger
	now          func() job.Instant
	name         string
	// life is name with what tells this process from those before it.
	life   string
	outage *outage
	// eviction is the policy by which Redis throws keys away, empty for none; nil before it was asked.
	eviction atomic.Pointer[string]
	// clockwork is what is known of this process's clock, if that is watched.
	watchClock bool
	clockwork  clockwork
	// channels is what is known of the rights to publish and to listen.
	channels channels
	// tasks and inspector are asynq's ways to its queues.
	tasks     *asynq.Client
	inspector *asynq.Inspector
	// aside takes what is said of tasks that are left to others, each kind of it once a minute.
	aside   *libraryLog
	reports gatherer[*reported]
	scripts *scripts
	beat    *redis.Script
	beats   *redis.Script
	place   *redis.Script
	holdOn  *redis.Script
	// For results of which Redis lost the trace.
	underwayScript, showScript *redis.Script
	// For the dead among the workers.
	release, workers, bringBackScript *redis.Script
}

// Open makes a Broker. Redis need not be up: the first call finds out. The
// error is an *job.OptionError that names redis-url or redis-prefix, and shows no part of
// the URL. The log of go-redis, one for the whole process, goes to o.Logger.
func Open(o Options) (*Broker, error) {
	dial, err := parseURL(o.URL, o.TLS)
	if err != nil {
		return nil, err
	}
	prefix, err := parsePrefix(o.Prefix)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = func() job.Instant { return job.Instant(time.Now().UnixMilli()) }
	}
	admission := newAdmission()
	client := dial(0)
	client.AddHook(admission)
	b := &Broker{
		client: client, dial: dial, watchClock: o.WatchClock, prefix: prefix, admission: admission, log: o.Logger, now: o.Now, name: o.Name, life: newLife(o.Name),
		outage:         &outage{log: o.Logger.With("address", ShownURL(o.URL)), admission: admission},
		tasks:          asynq.NewClientFromRedisClient(&holder{client}),
		inspector:      asynq.NewInspectorFromRedisClient(client),
		scripts:        newScripts(),
		beat:           redis.NewScript(beatScript),
		beats:          redis.NewScript(beatsScript),
		place:          redis.NewScript(placeScript),
		holdOn:         redis.NewScript(holdScript),
		underwayScript: redis.NewScript(underwayScript), showScript: redis.NewScript(showScript),
		release: redis.NewScript(releaseScript), workers: redis.NewScript(workersScript), bringBackScript: redis.NewScript(bringBackScript),
	}
	b.reports.do = b.report
	b.aside = newLibraryLog(o.Logger, b.outage, "a task is not delivered by this process")
	redis.SetLogger(redisLog{newLibraryLog(o.Logger, b.outage, "redis client")})
	return b, nil
}

// Close ends all connections. Everything that uses the Broker has ended before.
func (b *Broker) Close() error {
	if err := b.client.Close(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Ping asks Redis to keep something: one that is full, a read-only replica, or a
// cluster that does not serve our slot answers a mere PING, and is of no use.
func (b *Broker) Ping(ctx context.Context) error {
	return unavailable(b.client.Set(ctx, b.key(keyProbe), b.name, probeTTL).Err())
}

// unavailable says that Redis did not do what it was asked; nil stays nil. Where
// Redis answered, its word for why is part of the detail.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	var known *job.Error
	if errors.As(err, &known) {
		return known
	}
	if word := refusal(err); word != "" {
		return &job.Error{Code: job.CodeUnavailable, Detail: "redis refuses to work (" + word + ")", Err: err}
	}
	return job.Unavailable("redis", err)
}

// refusal is the first word of an answer that says no, OOM or READONLY for
// example; empty for any other error. The text after it may name keys and hosts.
func refusal(err error) string {
	var answer redis.Error
	if !errors.As(err, &answer) {
		return ""
	}
	word, _, _ := strings.Cut(answer.Error(), " ")
	if word == "" || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return word
}

// pause waits; it reports false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// backoff is the wait before the next try after n failed ones: 50 ms, doubling to 2 s.
func backoff(n int) time.Duration {
	return min(50*time.Millisecond<<min(n, 6), 2*time.Second)
}
