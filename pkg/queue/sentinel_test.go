package queue

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// special is a password with everything that a URL would read as something else.
const special = `p@ss:w/o?r#d%&+ "x`

// startSentinel watches over a server, and asks for a password of its own.
func startSentinel(t *testing.T, s *redisServer, ownPassword, serverPassword string) (port int) {
	t.Helper()
	port = freePort(t)
	quoted := func(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }
	config := fmt.Sprintf("port %d\nbind 127.0.0.1\nrequirepass %s\nsentinel sentinel-pass %s\nsentinel monitor the-master 127.0.0.1 %d 1\nsentinel auth-pass the-master %s\n",
		port, quoted(ownPassword), quoted(ownPassword), s.port, quoted(serverPassword))
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	noError(t, os.WriteFile(file, []byte(config), 0o600))
	sentinel := exec.Command("redis-server", file, "--sentinel")
	noError(t, sentinel.Start())
	t.Cleanup(func() { _ = sentinel.Process.Kill(); _ = sentinel.Wait() })
	eventually(t, "the sentinel answers", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return port
}

func TestSentinelsHaveAPasswordOfTheirOwn(t *testing.T) {
	s := startRedis(t)
	const serverPassword = `s3rv€r &?=%@`
	port := startSentinel(t, s, special, serverPassword)
	s.command("CONFIG", "SET", "requirepass", serverPassword)
	address := func(own, server, master string) string {
		return fmt.Sprintf("redis-sentinel://%s@127.0.0.1:%d?%s", url.UserPassword("", own), port, url.Values{"master": {master}, "password": {server}}.Encode())
	}
	for name, tc := range map[string]struct{ url, want string }{
		"all right":               {address(special, serverPassword, "the-master"), ""},
		"an unknown master":       {address(special, serverPassword, "another"), `the sentinels know no master called "another"; correct ?master=`},
		"wrong for the sentinels": {address("wrong", serverPassword, "the-master"), "the sentinels refuse to answer (WRONGPASS)"},
		"none for the sentinels":  {fmt.Sprintf("redis-sentinel://127.0.0.1:%d?master=the-master", port), "the sentinels refuse to answer (NOAUTH)"},
		"wrong for the server":    {address(special, "wrong", "the-master"), "redis refuses to work (WRONGPASS)"},
		"none for the server":     {address(special, "", "the-master"), "redis refuses to work (NOAUTH)"},
	} {
		b := openBroker(t, tc.url, "host:1", &logBook{})
		err := b.Ping(t.Context())
		if tc.want == "" {
			noError(t, err)
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), serverPassword) || strings.Contains(err.Error(), special) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		var known *job.Error
		if known = unavailable(err).(*job.Error); !strings.Contains(known.Detail, strings.SplitN(tc.want, ";", 2)[0]) {
			t.Errorf("%s: callers are told %q", name, known.Detail)
		}
	}
	// What a reader of a key is told must not look as if the key were not there.
	b := openBroker(t, address(special, serverPassword, "another"), "host:1", &logBook{})
	if _, err := b.client.Get(t.Context(), "x").Result(); err == redis.Nil || job.CodeOf(unavailable(err)) != job.CodeUnavailable {
		t.Errorf("reading a key gives %v", err)
	}
	if found, err := b.Find(t.Context(), []job.OpenRun{{ID: "run", Queue: job.QueueDefault}}, true); err == nil {
		t.Errorf("of a run it is found that %v", found)
	}
}
