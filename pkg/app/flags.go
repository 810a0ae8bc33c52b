package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"
)

// Log says what is logged and how. Every role embeds it.
type Log struct {
	LogLevel  slog.Level       `help:"Minimum log level: debug, info, warn or error." default:"info" env:"LOG_LEVEL" group:"log"`
	LogFormat string           `help:"Log format: text or json." enum:"text,json" default:"text" env:"LOG_FORMAT" group:"log"`
	Version   kong.VersionFlag `help:"Print the version and exit."`
}

func (l *Log) logging() *Log { return l }

// New makes the logger.
func (l *Log) New(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.LogLevel, ReplaceAttr: readable}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// readable writes durations as text in every format, and errors on one line.
func readable(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindDuration:
		return slog.String(a.Key, a.Value.Duration().String())
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			return slog.String(a.Key, oneLine(err.Error()))
		}
	}
	return a
}

// Lifetime says how long a stop may take.
type Lifetime struct {
	ShutdownTimeout time.Duration `help:"When asked to stop, wait at most this long for ${shutdown}." default:"30s" env:"SHUTDOWN_TIMEOUT" group:"run"`
}

// Data says where files live when nothing else is said.
type Data struct {
	DataDir string `help:"Folder of the SQLite database if --database-url is not given." default:"./data" env:"DATA_DIR" type:"path" group:"storage"`
}

// Database says where jobs and history live.
type Database struct {
	Data
	DatabaseConnections   int           `help:"Maximum number of connections to PostgreSQL of this process." default:"16" env:"DATABASE_CONNECTIONS" group:"storage"`
	DatabaseConnectionAge time.Duration `help:"Age at which a connection to PostgreSQL is replaced." default:"30m" env:"DATABASE_CONNECTION_AGE" group:"storage"`

	DatabaseURL string `help:"sqlite:///path/to/file or postgres://user:password@host/name. Default: a SQLite file in --data-dir." env:"DATABASE_URL" group:"storage"`
}

// Validate is called by kong.
func (d *Database) Validate() error {
	if d.DatabaseConnections < 2 || d.DatabaseConnections > 1000 {
		return &FlagError{Name: "database-connections", Err: fmt.Errorf("must be from 2 to 1000, not %d", d.DatabaseConnections)}
	}
	if d.DatabaseConnectionAge < time.Second {
		return &FlagError{Name: "database-connection-age", Err: fmt.Errorf("must be at least 1s, not %s", d.DatabaseConnectionAge)}
	}
	return nil
}

// URL is the database's URL, with the default filled in.
func (d *Database) URL() string {
	if d.DatabaseURL != "" {
		return d.DatabaseURL
	}
	return "sqlite://" + filepath.Join(d.DataDir, "schedule.db")
}

// Redis says where the queues are.
type Redis struct {
	RedisOptions
	RedisURL string `help:"redis://host:6379/0, rediss:// with TLS, redis-sentinel://host:port,host:port?master=name&password=… or redis-cluster://host:port,host:port." default:"redis://127.0.0.1:6379" env:"REDIS_URL" group:"storage"`
}

// RedisOptions say how Redis is used, wherever it is.
type RedisOptions struct {
	RedisPrefix   string `help:"Prefix of every name in Redis, such as staging, so that several installations can share one. The same in every process." env:"REDIS_PREFIX" group:"storage"`
	RedisCAFile   string `name:"redis-ca-file" help:"PEM file of authorities to trust for the certificate of Redis beside the system's. Needs rediss://." env:"REDIS_CA_FILE" type:"path" group:"storage"`
	RedisCertFile string `help:"PEM file of the client certificate to show Redis. Needs --redis-key-file." env:"REDIS_CERT_FILE" type:"path" group:"storage"`
	RedisKeyFile  string `help:"PEM file of the key of --redis-cert-file." env:"REDIS_KEY_FILE" type:"path" group:"storage"`
}

// TLS is what TLS connections to Redis go by; nil when no file is given. The error is a
// *FlagError. A client certificate is read again for each connection, since it may be
// replaced while the process runs.
func (r *RedisOptions) TLS() (*tls.Config, error) {
	if r.RedisCAFile == "" && r.RedisCertFile == "" && r.RedisKeyFile == "" {
		return nil, nil
	}
	if (r.RedisCertFile == "") != (r.RedisKeyFile == "") {
		given, missing := "redis-cert-file", "redis-key-file"
		if r.RedisCertFile == "" {
			given, missing = missing, given
		}
		return nil, &FlagError{Name: given, Err: fmt.Errorf("needs --%s", missing)}
	}
	authorities, err := authorities("redis-ca-file", r.RedisCAFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities}
	if r.RedisCertFile == "" {
		return config, nil
	}
	load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		certificate, err := tls.LoadX509KeyPair(r.RedisCertFile, r.RedisKeyFile)
		return &certificate, err
	}
	if _, err := load(nil); err != nil {
		return nil, &FlagError{Name: "redis-cert-file", Err: fmt.Errorf("cannot be used with --redis-key-file: %w", err), Usable: true}
	}
	config.GetClientCertificate = load
	return config, nil
}

// HTTP says where the API is served.
type HTTP struct {
	Listen         string `help:"Address of the API and the page." default:"127.0.0.1:8000" env:"LISTEN_ADDR" group:"listen"`
	BasePath       string `help:"Path prefix of everything that is served, such as /schedule." env:"BASE_PATH" group:"listen"`
	InsecureNoAuth bool   `help:"Serve other machines although no API key exists. Use it only behind a proxy that authenticates callers." env:"INSECURE_NO_AUTH" group:"listen"`

	CORSOrigins    []string      `name:"cors-origins" help:"Origins such as https://ops.example whose pages may call the API, or * for every page that sends a key. Repeatable or comma-separated." env:"CORS_ORIGINS" group:"listen"`
	AllowedHosts   []string      `help:"Host names such as cron.example.com under which the API may be called while no API key exists, besides localhost; * for any. Repeatable or comma-separated." env:"ALLOWED_HOSTS" group:"listen"`
	TrustedProxies []string      `help:"Addresses and networks of proxies whose X-Forwarded-For, -Proto and -Host are trusted. Repeatable or comma-separated." env:"TRUSTED_PROXIES" group:"listen"`
	TimeZone       string        `help:"Time zone of a new job or crontab that names none, such as Asia/Shanghai. Jobs that exist already keep theirs." default:"UTC" env:"TIME_ZONE" group:"listen"`
	AuditRetention time.Duration `help:"How long to keep the audit log, such as 90d." default:"365d" env:"AUDIT_RETENTION" group:"listen"`
}

// Check refuses an address that is none.
func (h *HTTP) Check() error {
	if _, _, err := net.SplitHostPort(h.Listen); err != nil {
		return &FlagError{Name: "listen", Err: fmt.Errorf("%q is not an address; write it like 127.0.0.1:8000", h.Listen)}
	}
	return nil
}

// CheckKeys refuses an address that others can reach while there is no key to keep them out.
func (h *HTTP) CheckKeys(any bool) error {
	if any || h.Local() || h.InsecureNoAuth {
		return nil
	}
	return &FlagError{Name: "listen", Usable: true, Err: fmt.Errorf("other machines can reach %s and there is no API key. Create one (keys create --name you --scope admin), "+
		"listen on 127.0.0.1, or pass --insecure-no-auth if a proxy in front authenticates callers", h.Listen)}
}

// Local reports whether the address can only be reached from this machine.
func (h *HTTP) Local() bool {
	host, _, err := net.SplitHostPort(h.Listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Secrets says what secrets are sealed with.
type Secrets struct {
	SecretKey     string `help:"Key that seals secrets, the same for every process: 32 bytes in base64 or hex, or a passphrase of at least 16 characters. With several, separated by commas, the first one seals and all of them open. Prefer the environment variable: other users can see flags." env:"SECRET_KEY" group:"storage"`
	SecretKeyFile string `help:"File that holds what --secret-key would." env:"SECRET_KEY_FILE" type:"path" group:"storage"`
}

// AfterApply reads the file of the key.
func (s *Secrets) AfterApply() error {
	if s.SecretKeyFile == "" {
		return nil
	}
	key, found, err := ReadKey(s.SecretKeyFile)
	switch {
	case s.SecretKey != "":
		return &FlagError{Name: "secret-key-file", Err: errors.New("--secret-key (SECRET_KEY) is given too; give one of them")}
	case err == nil && !found:
		err = fmt.Errorf("there is no file %s", s.SecretKeyFile)
	}
	if err != nil {
		return &FlagError{Name: "secret-key-file", Err: err}
	}
	s.SecretKey = key
	return nil
}

// Heartbeat says who is told that the service fires.
type Heartbeat struct {
	HeartbeatURL string `name:"heartbeat-url" help:"URL that beat calls every minute while jobs are fired in time, such as one of healthchecks.io, which tells you when the calls stop." env:"HEARTBEAT_URL" group:"delivery"`
}

// Validate is called by kong.
func (h *Heartbeat) Validate() error {
	if h.HeartbeatURL == "" {
		return nil
	}
	if u, err := url.Parse(h.HeartbeatURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--heartbeat-url: write a URL such as https://hc-ping.com/your-id")
	}
	return nil
}

// Links says where the page is, where no calls are made.
type Links struct {
	PublicURL string `name:"public-url" help:"URL of the page, such as https://cron.example.com, with its base path, for the links in notifications." env:"PUBLIC_URL" group:"delivery"`
}

// Delivery says how calls are made.
type Delivery struct {
	Concurrency        int      `help:"Maximum number of calls at once." default:"256" env:"CONCURRENCY" group:"delivery"`
	AllowTargets       []string `help:"Targets to allow besides public addresses: the words private, loopback and all, ranges such as 10.1.0.0/16, addresses, and hosts such as intranet, *.corp.example or ci.corp.example:8080. Repeatable or comma-separated." env:"ALLOW_TARGETS" group:"delivery"`
	PerHostConcurrency int      `help:"Maximum number of calls to one host at once, over all workers. 0: no limit. A job's policy.limits takes precedence." default:"0" env:"PER_HOST_CONCURRENCY" group:"delivery"`
	PerHostRate        float64  `help:"Maximum number of calls to one host per second, over all workers. 0: no limit. A job's policy.limits takes precedence." default:"0" env:"PER_HOST_RATE" group:"delivery"`
	NAT64              []string `name:"nat64-prefixes" help:"Prefixes such as 2001:db8:64::/96 under which this network translates IPv6 addresses into IPv4 ones; the IPv4 address is what is checked. 64:ff9b::/96 always is one. Repeatable or comma-separated." env:"NAT64_PREFIXES" group:"delivery"`
	Proxy              string   `help:"Proxy for calls, such as http://127.0.0.1:3128 or socks5://proxy:1080. It resolves names and needs an access list of its own. HTTP_PROXY and HTTPS_PROXY are ignored." env:"PROXY" group:"delivery"`
	NoProxy            []string `help:"With --proxy, targets to call directly: CIDRs, addresses, hosts with the names below them, .example.com, or *. The rules of --allow-targets apply to them. Repeatable or comma-separated." env:"NO_PROXY" group:"delivery"`

	PublicURL     string `help:"URL under which targets reach the API, such as https://cron.example.com, with its base path. With it and a secret key, targets may complete runs later.${public_url}" env:"PUBLIC_URL" group:"delivery"`
	WebhookSecret string `help:"Secret (Standard Webhooks) that signs the calls of jobs without a signing secret: whsec_ and base64. Two, separated by a comma, while receivers change from one to the other." env:"WEBHOOK_SECRET" group:"delivery"`
	// OwnNetwork, if not nil, is asked at each connection whether loopback and private targets are allowed beside
	// AllowTargets. A program sets it, no flag does.
	OwnNetwork func() bool `kong:"-"`

	CAFile string `help:"PEM file of certificate authorities to trust for targets, besides the system's." env:"CA_FILE" type:"path" group:"delivery"`
}

// Validate is called by kong.
func (d *Delivery) Validate() error {
	if d.Concurrency < 1 {
		return &FlagError{Name: "concurrency", Err: fmt.Errorf("must be at least 1, not %d", d.Concurrency)}
	}
	if d.PerHostConcurrency < 0 {
		return &FlagError{Name: "per-host-concurrency", Err: fmt.Errorf("must not be negative, is %d", d.PerHostConcurrency)}
	}
	if d.PerHostRate < 0 {
		return &FlagError{Name: "per-host-rate", Err: fmt.Errorf("must not be negative, is %v", d.PerHostRate)}
	}
	return nil
}

// Authorities are the system's and those of --ca-file; nil for the system's alone. The error names the file.
func (d *Delivery) Authorities() (*x509.CertPool, error) { return authorities("ca-file", d.CAFile) }

// authorities are the system's and those of the file that a flag names; nil for the system's alone.
func authorities(flag, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &FlagError{Name: flag, Err: err, Usable: true}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without any: those of the file are all there are
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, &FlagError{Name: flag, Err: fmt.Errorf("%s contains no certificate in PEM", file), Usable: true}
	}
	return pool, nil
}

// OpsFlags says where health and metrics of a role without an API are served.
type OpsFlags struct {
	OpsListen   string `help:"Address of /healthz, /readyz and /metrics. Off if empty." env:"OPS_LISTEN_ADDR" group:"listen"`
	PprofListen string `help:"Address of profiles of the runtime, /debug/pprof/, such as 127.0.0.1:6060. Off if empty; nobody logs in there." env:"PPROF_LISTEN_ADDR" group:"listen"`
}
