package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// address is a database as its URL names it.
type address struct {
	dialect dialect
	// name is what people are told: the file, or the host and the database.
	name string
	// file is the absolute path of a SQLite file.
	file string
	// config is how PostgreSQL is reached.
	config *pgx.ConnConfig
	// pool makes the connections to PostgreSQL; nil before connect.
	pool *pool
}

// parseAddress reads a database URL. The error never repeats the URL: it may hold a password.
func parseAddress(text string) (*address, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case ok && scheme == "sqlite":
		return sqliteAddress(strings.TrimPrefix(rest, "//"))
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return postgresAddress(text)
	}
	return nil, job.Errorf(job.CodeInvalid, "the database URL must begin with sqlite: or postgres:, as in sqlite:///var/lib/schedule/schedule.db")
}

func sqliteAddress(path string) (*address, error) {
	if path == "" || strings.HasSuffix(path, "/") || strings.ContainsAny(path, "?#\x00") || strings.HasPrefix(path, ":memory:") {
		return nil, job.Errorf(job.CodeInvalid, "the database URL must name a file, as in sqlite:///var/lib/schedule/schedule.db; %q is none", path)
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, &job.Error{Code: job.CodeUnavailable, Detail: fmt.Sprintf("the database file %s cannot be found", path), Err: err}
	}
	return &address{dialect: sqlite, name: "the database file " + file, file: file}, nil
}

func postgresAddress(text string) (*address, error) {
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, job.Errorf(job.CodeInvalid, "the database URL cannot be read; it is written like postgres://user:password@host:5432/name")
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "schedule-server"
	}
	if !strings.Contains(text, "connect_timeout=") && os.Getenv("PGCONNECT_TIMEOUT") == "" {
		config.ConnectTimeout = connectWithin
		config.DialFunc = (&net.Dialer{Timeout: connectWithin}).DialContext
	}
	name := fmt.Sprintf("the database %q at %s:%d", cmp.Or(config.Database, config.User), config.Host, config.Port)
	return &address{dialect: postgres, name: name, config: config}, nil
}

// unavailable tells what could not be opened.
func (a *address) unavailable(err error) error {
	if a.dialect == sqlite && classify(err) == faultAway {
		err = explainFolder(a.file, err)
	}
	return &job.Error{Code: job.CodeUnavailable, Detail: a.name + " cannot be used", Err: err}
}

// connect makes the pool that writes and the pool that reads.
func (a *address) connect(o Options, limits *logLimits) (w, r *sqlx.DB, err error) {
	if a.dialect == postgres {
		a.pool = newPool(a.config, o.Logger)
		db := sqlx.NewDb(sql.OpenDB(a.pool.connector()), "pgx")
		db.SetMaxOpenConns(cmp.Or(o.MaxOpen, 16))
		db.SetMaxIdleConns(cmp.Or(o.MaxOpen, 16))
		db.SetConnMaxLifetime(cmp.Or(o.MaxAge, DefaultConnectionAge))
		return db, db, nil
	}
	if err := prepareFile(a.file, o.Logger); err != nil {
		return nil, nil, err
	}
	w = sqlx.NewDb(sql.OpenDB(a.connector(limits, "&_txlock=immediate&_auto_vacuum=incremental&_cache_size=-16384")), "sqlite3")
	w.SetMaxOpenConns(1)
	r = sqlx.NewDb(sql.OpenDB(a.connector(limits, "&_query_only=1&_cache_size=-16384")), "sqlite3")
	r.SetMaxOpenConns(cmp.Or(o.MaxOpen, 4))
	r.SetMaxIdleConns(cmp.Or(o.MaxOpen, 4))
	return w, r, nil
}

// connectLog makes the connection that looks after the log of a SQLite file. It waits for no lock: it comes again later.
func (a *address) connectLog() *sqlx.DB {
	db := sqlx.NewDb(sql.OpenDB(sqliteConnector{dsn: fileDSN(a.file, "mode=rw&_busy_timeout=0&_synchronous=NORMAL")}), "sqlite3")
	db.SetMaxOpenConns(1)
	return db
}

// connector opens connections to the SQLite file, with parameters beside those that all have.
func (a *address) connector(limits *logLimits, more string) driver.Connector {
	return sqliteConnector{a.dsn(more), limits.pragmas()}
}

// sqliteConnector opens connections to a SQLite file, and runs statements on each.
type sqliteConnector struct{ dsn, statements string }

// Driver is the driver of the connections.
func (sqliteConnector) Driver() driver.Driver { return sqliteDriver() }

// Connect opens a connection.
func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.dsn)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, c.statements, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// foreignConnector opens a SQLite file of somebody else's, which nothing writes meanwhile, to be read only. Nothing
// runs that the file's schema might name.
func foreignConnector(file string) driver.Connector {
	return sqliteConnector{fileDSN(file, "mode=ro&immutable=1&_query_only=1"), "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON"}
}

// dsn names the SQLite file to the driver. Pragmas go here, not into statements:
// those would reach one connection of the pool only.
func (a *address) dsn(more string) string {
	return fileDSN(a.file, "_journal=WAL&_busy_timeout=5000&_synchronous=NORMAL&_fk=1&_stmt_cache_size=64"+more)
}

func fileDSN(file, parameters string) string {
	return "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + parameters
}
