package app

import (
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"
)

// Log says what is logged and how. Every role embeds it.
type Log struct {
	LogLevel  slog.Level       `help:"Least level that is logged: debug, info, warn or error." default:"info" env:"LOG_LEVEL" group:"log"`
	LogFormat string           `help:"How log lines look: text or json." enum:"text,json" default:"text" env:"LOG_FORMAT" group:"log"`
	Version   kong.VersionFlag `help:"Print the version and exit."`
}

func (l *Log) logging() *Log { return l }

// New makes the logger.
func (l *Log) New(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.LogLevel}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// Lifetime says how long a stop may take.
type Lifetime struct {
	ShutdownTimeout time.Duration `help:"How long running calls may take to finish when the process is asked to stop." default:"30s" env:"SHUTDOWN_TIMEOUT" group:"run"`
}

// Data says where files live when nothing else is said.
type Data struct {
	DataDir string `help:"Folder for the SQLite database when --database-url is not given." default:"./data" env:"DATA_DIR" type:"path" group:"storage"`
}

// Database says where jobs and history live.
type Database struct {
	Data
	DatabaseURL string `help:"sqlite:///path/to/file or postgres://user:password@host/name. Default: a SQLite file in --data-dir." env:"DATABASE_URL" group:"storage"`
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
	RedisURL string `help:"redis://, rediss://, redis-sentinel://host:port,host:port?master=name or redis-cluster://host:port,host:port." default:"redis://127.0.0.1:6379" env:"REDIS_URL" group:"storage"`
}

// HTTP says where the API is served.
type HTTP struct {
	Listen         string `help:"Address of the API and the page." default:"127.0.0.1:8000" env:"LISTEN_ADDR" group:"listen"`
	BasePath       string `help:"Path prefix under which everything is served, such as /schedule." env:"BASE_PATH" group:"listen"`
	InsecureNoAuth bool   `help:"Serve without any API key on an address that is not loopback: something in front of it asks who is calling." env:"INSECURE_NO_AUTH" group:"listen"`

	CORSOrigins    []string      `name:"cors-origins" help:"Origins such as https://ops.example whose pages may call the API, or * for any that has a key. Repeatable or comma-separated." env:"CORS_ORIGINS" group:"listen"`
	AllowedHosts   []string      `help:"Names such as cron.example.com by which the API may be called while it has no API key, beside localhost; * for any. Repeatable or comma-separated." env:"ALLOWED_HOSTS" group:"listen"`
	TrustedProxies []string      `help:"Addresses and networks of proxies whose X-Forwarded-For, -Proto and -Host are believed. Repeatable or comma-separated." env:"TRUSTED_PROXIES" group:"listen"`
	AuditRetention time.Duration `help:"How long the audit log is kept." default:"8760h" env:"AUDIT_RETENTION" group:"storage"`
}

// Check refuses an address that is none.
func (h *HTTP) Check() error {
	if _, _, err := net.SplitHostPort(h.Listen); err != nil {
		return fmt.Errorf("--listen: %q is not an address such as 127.0.0.1:8000", h.Listen)
	}
	return nil
}

// CheckKeys refuses an address that others can reach while there is no key to keep them out.
func (h *HTTP) CheckKeys(any bool) error {
	if any || h.Local() || h.InsecureNoAuth {
		return nil
	}
	return fmt.Errorf("--listen: %s can be reached from other machines and there is no API key: make one (keys create --name you --scope admin), listen on 127.0.0.1, or pass --insecure-no-auth when something in front of it asks who is calling", h.Listen)
}

// Local reports whether the address can only be reached from this machine.
func (h *HTTP) Local() bool {
	host, _, err := net.SplitHostPort(h.Listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Secrets says what secrets are sealed with.
type Secrets struct {
	SecretKey string `help:"Key for secrets, the same in every process: 32 bytes in base64 or hex, or a passphrase of at least 16 characters. Several, separated by commas: the first one seals, all of them open. Better given in the environment, which other users cannot see." env:"SECRET_KEY" group:"storage"`
}

// Delivery says how calls are made.
type Delivery struct {
	Concurrency        int      `help:"How many calls are made at once." default:"256" env:"CONCURRENCY" group:"delivery"`
	AllowTargets       []string `help:"Targets to allow although they are not public: CIDRs, host patterns such as *.corp.example, and the words private and loopback. Repeatable or comma-separated." env:"ALLOW_TARGETS" group:"delivery"`
	PerHostConcurrency int      `help:"How many calls to one host may be under way at once, over all workers. 0: no limit. A job's policy.limits goes before." default:"0" env:"PER_HOST_CONCURRENCY" group:"delivery"`
	PerHostRate        float64  `help:"How many calls to one host may begin in a second, over all workers. 0: no limit. A job's policy.limits goes before." default:"0" env:"PER_HOST_RATE" group:"delivery"`
	NAT64              []string `name:"nat64-prefixes" help:"Prefixes such as 2001:db8:64::/96 under which this network translates IPv6 addresses into IPv4 ones: the guard judges the IPv4 address. 64:ff9b::/96 always is one. Repeatable or comma-separated." env:"NAT64_PREFIXES" group:"delivery"`
	Proxy              string   `help:"Proxy for calls: http, https or socks5. It resolves names and needs an access list of its own. HTTP_PROXY and HTTPS_PROXY are ignored." env:"PROXY" group:"delivery"`
	NoProxy            []string `help:"With --proxy, targets to call directly: CIDRs, addresses, hosts with the names below them, .example.com, or *. The rules of --allow-targets hold for them. Repeatable or comma-separated." env:"NO_PROXY" group:"delivery"`

	PublicURL     string `help:"Where targets reach the API, such as https://cron.example.com, with its base path. With it, and a secret key, a target may complete a run later. Standalone on a loopback address: that address." env:"PUBLIC_URL" group:"delivery"`
	WebhookSecret string `help:"Signs the calls of jobs that have no signing secret of their own (Standard Webhooks): whsec_ and base64; two, separated by a comma, while receivers go over from one to the other." env:"WEBHOOK_SECRET" group:"delivery"`
	CAFile        string `help:"PEM file of authorities to trust for targets' certificates beside the system's." env:"CA_FILE" type:"path" group:"delivery"`
}

// Validate is called by kong.
func (d *Delivery) Validate() error {
	if d.Concurrency < 1 {
		return fmt.Errorf("--concurrency: %d is less than 1", d.Concurrency)
	}
	if d.PerHostConcurrency < 0 {
		return fmt.Errorf("--per-host-concurrency: %d is less than 0", d.PerHostConcurrency)
	}
	if d.PerHostRate < 0 {
		return fmt.Errorf("--per-host-rate: %v is less than 0", d.PerHostRate)
	}
	return nil
}

// Authorities are the system's and those of --ca-file; nil for the system's alone. The error names the file.
func (d *Delivery) Authorities() (*x509.CertPool, error) {
	if d.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(d.CAFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without any: those of the file are all there are
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca-file: %s holds no certificate in PEM", d.CAFile)
	}
	return pool, nil
}

// OpsFlags says where health and metrics of a role without an API are served.
type OpsFlags struct {
	OpsListen string `help:"Address for /healthz, /readyz and /metrics. Off when empty." env:"OPS_LISTEN_ADDR" group:"listen"`
}
