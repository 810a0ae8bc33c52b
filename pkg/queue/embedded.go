package queue

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// tickEvery is how often the embedded Redis lets its keys grow older.
const tickEvery = time.Second

// Embedded is a Redis inside this process, on a loopback port with a random
// password. It keeps nothing over a restart: the database is the truth, and what
// was under way is delivered again from there.
type Embedded struct {
	redis *miniredis.Miniredis
	url   string
	once  sync.Once
}

// NewEmbedded starts listening at once, so that URL is known. The error is that
// of listening.
func NewEmbedded() (*Embedded, error) {
	password := rand.Text()
	m := miniredis.NewMiniRedis()
	m.RequireAuth(password)
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded redis: %w", err)
	}
	m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		answer := answerEmpty(m, cmd, args)
		if answer != nil {
			answer(c)
		}
		return answer != nil
	})
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: m.Addr(), Path: "/0"}
	return &Embedded{redis: m, url: u.String()}, nil
}

// answerEmpty answers the scripts that an idle worker runs again and again, where
// there is nothing for them to do: the one that takes tasks from a queue, and
// those that look for tasks whose time has come. A Lua interpreter in Go, started
// anew for each, would keep a hundredth of a core busy. Nil: the script must run.
func answerEmpty(m *miniredis.Miniredis, cmd string, args []string) func(*server.Peer) {
	if cmd != "EVALSHA" || len(args) < 4 || m.Exists(args[2]) {
		return nil
	}
	key := args[2]
	switch {
	case args[1] == "4" && strings.HasSuffix(key, ":pending") && strings.HasSuffix(args[3], ":paused"):
		return func(c *server.Peer) { c.WriteLen(0) }
	case args[1] == "2" && strings.HasSuffix(args[3], ":pending") && strings.HasSuffix(key, ":scheduled"):
		return func(c *server.Peer) { c.WriteInt(0) }
	case args[1] == "2" && strings.HasSuffix(args[3], ":pending") && strings.HasSuffix(key, ":retry"):
		return func(c *server.Peer) {
			c.WriteLen(2)
			c.WriteInt(0)
			c.WriteInt(-1)
		}
	}
	return nil
}

// URL is a redis-url for Open; it holds the password.
func (e *Embedded) URL() string { return e.url }

// Run lets time pass for the keys that expire, until the context ends; then it
// stops the server and returns nil.
func (e *Embedded) Run(ctx context.Context) error {
	defer e.Close()
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			e.redis.FastForward(now.Sub(last))
			last = now
		}
	}
}

// Close stops the server. Closing twice does no harm.
func (e *Embedded) Close() { e.once.Do(e.redis.Close) }
