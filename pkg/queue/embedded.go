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
		if !asksEmptyQueue(m, cmd, args) {
			return false
		}
		c.WriteNull()
		return true
	})
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: m.Addr(), Path: "/0"}
	return &Embedded{redis: m, url: u.String()}, nil
}

// asksEmptyQueue reports whether a command is asynq's script that takes a task,
// asked of a queue that holds none: the script would answer nil. An idle worker
// asks hundreds of times a second, and a Lua interpreter in Go, started anew for
// each, would keep a fifth of a core busy.
func asksEmptyQueue(m *miniredis.Miniredis, cmd string, args []string) bool {
	return cmd == "EVALSHA" && len(args) == 8 && args[1] == "4" &&
		strings.HasSuffix(args[2], ":pending") && strings.HasSuffix(args[3], ":paused") &&
		strings.HasSuffix(args[4], ":active") && strings.HasSuffix(args[5], ":lease") &&
		!m.Exists(args[2])
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
