package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// DefaultConnectionAge is how old a connection to PostgreSQL may become: after a
	// switch-over that nobody tells of, it is this long until all lead to the new server.
	DefaultConnectionAge = 30 * time.Minute
	// connectWithin is how long one host may take to answer, unless the URL says otherwise.
	connectWithin = 3 * time.Second
	// renewEvery is the shortest time between two renewals of all connections.
	renewEvery = time.Second
	// poolerTries is how often it is looked whether a pooler is in between.
	poolerTries = 3
	// modeParameter is how the URL says how statements are sent.
	modeParameter = "default_query_exec_mode"
)

// pool makes the connections to PostgreSQL, and gives up all of them when one shows that they lead to a server
// that takes no writes any more, or through a pooler that loses prepared statements.
type pool struct {
	config *pgx.ConnConfig
	log    *slog.Logger
	// generation is that of the connections that may be used; renewed, in milliseconds, is when it began.
	generation, renewed atomic.Int64
	// pooled: statements are prepared on connections of which the next transaction may get another.
	pooled atomic.Bool
}

// generationKey is where a connection keeps its generation.
const generationKey = "schedule.generation"

// newPool makes a pool of connections by a URL.
func newPool(config *pgx.ConnConfig, log *slog.Logger) *pool {
	p := &pool{config: config.Copy(), log: log}
	before := p.config.OnPgError
	p.config.OnPgError = func(c *pgconn.PgConn, e *pgconn.PgError) bool {
		return p.keeps(e) && (before == nil || before(c, e))
	}
	return p
}

// connector opens the connections.
func (p *pool) connector() driver.Connector {
	return stdlib.GetConnector(*p.config,
		stdlib.OptionBeforeConnect(func(_ context.Context, config *pgx.ConnConfig) error {
			if p.pooled.Load() && config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
				config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
			}
			return nil
		}),
		stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
			conn.PgConn().CustomData()[generationKey] = p.generation.Load()
			return nil
		}),
		stdlib.OptionResetSession(func(_ context.Context, conn *pgx.Conn) error {
			if born, _ := conn.PgConn().CustomData()[generationKey].(int64); born != p.generation.Load() {
				return driver.ErrBadConn
			}
			return nil
		}))
}

// keeps reports whether a connection on which an error came may be used again, and renews all where none may.
func (p *pool) keeps(e *pgconn.PgError) bool {
	switch {
	case e.Code == "25006":
		p.renew("the database is read-only; all connections are made anew, for it may have been switched over")
	case strings.HasPrefix(e.Code, "57P0"):
		p.renew("the database ends connections; all are made anew")
	case isLostStatement(e):
		p.usePooler()
	default:
		return true
	}
	return false
}

// renew has no connection used again that is there now, at most once a second.
func (p *pool) renew(why string) {
	now, last := time.Now().UnixMilli(), p.renewed.Load()
	if now-last < renewEvery.Milliseconds() || !p.renewed.CompareAndSwap(last, now) {
		return
	}
	p.generation.Add(1)
	p.log.Warn(why)
}

// usePooler has statements sent in a way that poolers of transactions can serve.
func (p *pool) usePooler() {
	if p.pooled.Swap(true) {
		return
	}
	p.generation.Add(1)
	p.log.Info("a pooler of transactions (pgbouncer) is between this process and the database: no statements are prepared", "as_by_parameter", modeParameter+"=cache_describe")
}

// isLostStatement reports a prepared statement that is not on this connection, or already is: a pooler changed it.
func isLostStatement(e *pgconn.PgError) bool { return e.Code == "26000" || e.Code == "42P05" }

// findPooler looks whether two connections, both open, are served by the same process of PostgreSQL: only a pooler does that.
func (p *pool) findPooler(ctx context.Context) error {
	if p.config.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return nil // somebody chose
	}
	config := p.config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	db := sql.OpenDB(stdlib.GetConnector(*config))
	defer db.Close()
	one, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer one.Close()
	other, err := db.Conn(ctx)
	if err != nil {
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "53300" {
			return nil // a second one is not to be had; if there is a pooler, its errors will say so
		}
		return err
	}
	defer other.Close()
	for range poolerTries {
		var first, second int64
		for conn, pid := range map[*sql.Conn]*int64{one: &first, other: &second} {
			if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(pid); err != nil {
				return err
			}
		}
		if first == second {
			p.usePooler()
			return nil
		}
	}
	return nil
}
