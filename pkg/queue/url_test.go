package queue

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// target is what a URL says, whatever the kind of client.
type target struct {
	Kind               string
	Addrs              []string
	User, Pass, Master string
	SentinelUser       string
	SentinelPass       string
	DB                 int
	TLS                bool
	ServerName         string
}

func targetOf(t *testing.T, raw string) target {
	t.Helper()
	dial, err := dialerOf(raw, nil)
	noError(t, err)
	client := dial(0)
	defer client.Close()
	switch c := client.(type) {
	case *redis.ClusterClient:
		o := c.Options()
		return target{Kind: "cluster", Addrs: o.Addrs, User: o.Username, Pass: o.Password, TLS: o.TLSConfig != nil}
	case *redis.Client:
		if !strings.HasPrefix(raw, "redis://") && !strings.HasPrefix(raw, "rediss://") {
			o, err := sentinelOptions(raw)
			noError(t, err)
			return target{Kind: "sentinel", Addrs: o.SentinelAddrs, User: o.Username, Pass: o.Password, Master: o.MasterName,
				SentinelUser: o.SentinelUsername, SentinelPass: o.SentinelPassword, DB: o.DB, TLS: o.TLSConfig != nil}
		}
		o := c.Options()
		out := target{Kind: "single", Addrs: []string{o.Addr}, User: o.Username, Pass: o.Password, DB: o.DB}
		if o.TLSConfig != nil {
			out.TLS, out.ServerName = true, o.TLSConfig.ServerName
		}
		return out
	}
	t.Fatalf("%T is no kind of client that is expected", client)
	return target{}
}

func TestURLsAreRead(t *testing.T) {
	for raw, want := range map[string]target{
		"redis://localhost":                       {Kind: "single", Addrs: []string{"localhost:6379"}},
		"redis://:7000":                           {Kind: "single", Addrs: []string{"localhost:7000"}},
		"redis://localhost:7000/3":                {Kind: "single", Addrs: []string{"localhost:7000"}, DB: 3},
		"redis://:p%40ss%2Fw@h:1":                 {Kind: "single", Addrs: []string{"h:1"}, Pass: "p@ss/w"},
		"redis://u:p@[::1]:7000/":                 {Kind: "single", Addrs: []string{"[::1]:7000"}, User: "u", Pass: "p"},
		"rediss://u:p@r.example:6380/1":           {Kind: "single", Addrs: []string{"r.example:6380"}, User: "u", Pass: "p", DB: 1, TLS: true, ServerName: "r.example"},
		"redis-sentinel://a:1,b,[::1]:3?master=m": {Kind: "sentinel", Addrs: []string{"a:1", "b:26379", "[::1]:3"}, Master: "m"},
		"redis-sentinel://:sp@a:1/2?master=my%20m&username=u&password=p%26": {Kind: "sentinel", Addrs: []string{"a:1"},
			Master: "my m", SentinelPass: "sp", User: "u", Pass: "p&", DB: 2},
		"rediss-sentinel://su:sp@a:1?master=m": {Kind: "sentinel", Addrs: []string{"a:1"}, Master: "m", SentinelUser: "su", SentinelPass: "sp", TLS: true},
		"redis-cluster://a:1,b:2,c":            {Kind: "cluster", Addrs: []string{"a:1", "b:2", "c:6379"}},
		"rediss-cluster://u:p%40@a:1,b:2":      {Kind: "cluster", Addrs: []string{"a:1", "b:2"}, User: "u", Pass: "p@", TLS: true},
	} {
		if diff := cmp.Diff(want, targetOf(t, raw)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
}

func TestFaultyURLsAreNamedWithoutShowingThem(t *testing.T) {
	const secret = "hunter2"
	for raw, want := range map[string]string{
		"":                                        "must begin with",
		"localhost:6379":                          "must begin with",
		"http://u:hunter2@localhost":              "must begin with",
		"hunter2":                                 "must begin with",
		"redis://":                                "write it like",
		"redis://:hunter2/x@host:1":               "write it like",
		"redis://u:hunter2@host:99999x":           "write it like",
		"redis://u:hunter2@host:99999":            "write it like",
		"redis://u:hunter2@a..b:6379":             "write it like",
		"redis-cluster://a..b:1":                  "host:port",
		"redis://host/hunter2":                    "database",
		"redis://host/-1":                         "database",
		"redis://u:hunter2@host/1/2":              "database",
		"redis://host?hunter2=1":                  "option",
		"redis://host?pool_size=hunter2":          "option",
		"redis://host/0#hunter2":                  "write it like",
		"redis-sentinel://h:1":                    "?master=name",
		"redis-sentinel://:hunter2@h:1,?master=m": "host:port",
		"redis-sentinel://h:1?master=m&x=hunter2": "option",
		"redis-sentinel://h:1/hunter2?master=m":   "database",
		"redis-sentinel://h:hunter2?master=m":     "host:port",
		"redis-cluster://u:hunter2@":              "host:port",
		"redis-cluster://u:hunter2@a:1,b:0":       "host:port",
		"redis-cluster://u:hunter2@a:1/1":         "numbered",
		"redis-cluster://u:hun%ter2@a:1":          "write it like",
		"redis-cluster://a:1?password=hunter2":    "option",
		"redis-cluster://a b:1":                   "host:port",
	} {
		b, err := Open(Options{URL: raw})
		if err == nil {
			b.Close()
			t.Errorf("%q was taken", raw)
			continue
		}
		var fault *job.OptionError
		if !errors.As(err, &fault) || fault.Name != "redis-url" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want redis-url and %q", raw, err, want)
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error shows the password: %v", raw, err)
		}
	}
}
