package queue

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"schedule-server/pkg/job"
)

// The faults of a redis-url. They repeat nothing of it: any part may be a
// password that was not escaped.
var (
	errScheme   = errors.New("must begin with redis://, rediss://, redis-sentinel:// or redis-cluster:// (rediss-sentinel:// and rediss-cluster:// with TLS)")
	errForm     = errors.New("write it like redis://[user:password@]host:6379/0; percent-encode special characters in a password")
	errHosts    = errors.New("write the hosts like host:port,host:port")
	errDatabase = errors.New("the path must be the number of a database")
	errOptions  = errors.New("an option after the ? is unknown or has an invalid value")
	errMaster   = errors.New("a redis-sentinel:// URL must name its master: ?master=name")
	errNoDB     = errors.New("a cluster has no numbered databases: leave out the path")
	errNoTLS    = errors.New("redis-ca-file, redis-cert-file and redis-key-file are for TLS: begin the URL with rediss://, rediss-sentinel:// or rediss-cluster://")
)

const (
	dialTimeout = 3 * time.Second
	minPool     = 64
)

// dialer makes clients of one Redis, with so many connections at most; 0: as the URL says, or 64.
type dialer func(connections int) redis.UniversalClient

// parseURL reads a redis-url into what makes the clients it describes; nothing is dialed.
// A TLS connection goes by secured beside the URL. The error is an *job.OptionError that names redis-url and shows nothing of it.
func parseURL(raw string, secured *tls.Config) (dialer, error) {
	dial, err := dialerOf(raw, secured)
	if err != nil {
		return nil, &job.OptionError{Name: "redis-url", Err: err}
	}
	return dial, nil
}

func dialerOf(raw string, secured *tls.Config) (dialer, error) {
	switch scheme, _, _ := strings.Cut(raw, "://"); scheme {
	case "redis", "rediss":
		o, err := singleOptions(raw)
		if err == nil {
			err = secure(o.TLSConfig, secured)
		}
		return func(n int) redis.UniversalClient {
			own := *o
			own.PoolSize = orDefault(n, o.PoolSize)
			return redis.NewClient(&own)
		}, err
	case "redis-sentinel", "rediss-sentinel":
		o, err := sentinelOptions(raw)
		if err == nil {
			err = secure(o.TLSConfig, secured)
		}
		return func(n int) redis.UniversalClient {
			own := *o
			own.PoolSize = orDefault(n, o.PoolSize)
			client := redis.NewFailoverClient(&own)
			client.AddHook(sentinelHook{o.MasterName})
			return client
		}, err
	case "redis-cluster", "rediss-cluster":
		o, err := clusterOptions(raw)
		if err == nil {
			err = secure(o.TLSConfig, secured)
		}
		return func(n int) redis.UniversalClient {
			own := *o
			own.PoolSize = orDefault(n, o.PoolSize)
			return redis.NewClusterClient(&own)
		}, err
	}
	return nil, errScheme
}

// secure adds authorities and our own certificate to the TLS of a URL.
func secure(config, more *tls.Config) error {
	if more == nil {
		return nil
	}
	if config == nil {
		return errNoTLS
	}
	config.RootCAs, config.GetClientCertificate = more.RootCAs, more.GetClientCertificate
	return nil
}

// singleOptions reads redis:// and rediss://, with the options that go-redis knows after the ?.
func singleOptions(raw string) (*redis.Options, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Fragment != "" || u.Opaque != "" {
		return nil, errForm
	}
	if u.Hostname() == "" {
		u.Host = "localhost" + u.Host // as go-redis has it
	}
	if job.CheckAuthority(u) != nil {
		return nil, errForm
	}
	if path := strings.Trim(u.Path, "/"); path != "" && !isDatabase(path) {
		return nil, errDatabase
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, errOptions
	}
	o.DialTimeout, o.DialerRetries = orDefault(o.DialTimeout, dialTimeout), 1
	o.MaxRetries, o.ContextTimeoutEnabled = orDefault(o.MaxRetries, 2), true
	o.PoolSize = orDefault(o.PoolSize, minPool)
	o.MaintNotificationsConfig = quietMaintenance()
	return o, nil
}

// sentinelOptions reads redis-sentinel://[user:password@]host:port,…[/db]?master=name.
// The credentials before the hosts are the sentinels', as asynq and go-redis
// have it; username= and password= after the ? are those of the servers.
func sentinelOptions(raw string) (*redis.FailoverOptions, error) {
	p, err := splitURL(raw, "26379", "master", "username", "password")
	if err != nil {
		return nil, err
	}
	if p.query.Get("master") == "" {
		return nil, errMaster
	}
	o := &redis.FailoverOptions{
		MasterName: p.query.Get("master"), SentinelAddrs: p.hosts, DB: p.db,
		SentinelUsername: p.username, SentinelPassword: p.password,
		Username: p.query.Get("username"), Password: p.query.Get("password"),
		DialTimeout: dialTimeout, DialerRetries: 1, MaxRetries: 2, PoolSize: minPool,
		ContextTimeoutEnabled: true, TLSConfig: p.tls,
	}
	return o, nil
}

// clusterOptions reads redis-cluster://[user:password@]host:port,….
func clusterOptions(raw string) (*redis.ClusterOptions, error) {
	p, err := splitURL(raw, "6379")
	if err != nil {
		return nil, err
	}
	if p.db != 0 {
		return nil, errNoDB
	}
	o := &redis.ClusterOptions{
		Addrs: p.hosts, Username: p.username, Password: p.password,
		DialTimeout: dialTimeout, DialerRetries: 1, PoolSize: minPool,
		ContextTimeoutEnabled: true, TLSConfig: p.tls,
		MaintNotificationsConfig: quietMaintenance(),
	}
	return o, nil
}

// manyHosts is a URL with a list of hosts, which net/url refuses.
type manyHosts struct {
	username, password string
	hosts              []string
	db                 int
	query              url.Values
	tls                *tls.Config
}

func splitURL(raw, port string, options ...string) (*manyHosts, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	at := strings.LastIndexByte(authority, '@')
	u, err := url.Parse("redis://" + authority[:at+1] + "host" + tail)
	if err != nil || u.Fragment != "" {
		return nil, errForm
	}
	p := &manyHosts{username: u.User.Username()}
	p.password, _ = u.User.Password()
	for host := range strings.SplitSeq(authority[at+1:], ",") {
		address, ok := hostPort(host, port)
		if !ok {
			return nil, errHosts
		}
		p.hosts = append(p.hosts, address)
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		if !isDatabase(path) {
			return nil, errDatabase
		}
		p.db, _ = strconv.Atoi(path)
	}
	if p.query, err = url.ParseQuery(u.RawQuery); err != nil {
		return nil, errOptions
	}
	rejected := len(p.query)
	for _, name := range options {
		if p.query.Has(name) {
			rejected--
		}
	}
	if rejected > 0 {
		return nil, errOptions
	}
	if strings.HasPrefix(scheme, "rediss") {
		p.tls = &tls.Config{MinVersion: tls.VersionTLS12} // the name to verify is that of each host
	}
	return p, nil
}

// hostPort completes one host of a list with the port it stands for.
func hostPort(host, port string) (string, bool) {
	u, err := url.Parse("redis://" + host)
	if err != nil || u.Host != host || job.CheckAuthority(u) != nil {
		return "", false
	}
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port), true
}

func isDatabase(path string) bool {
	n, err := strconv.Atoi(path)
	return err == nil && n >= 0 && n < 1<<16
}

func orDefault[T int | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// quietMaintenance keeps the client from asking every server for a feature of one vendor's cloud.
func quietMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
