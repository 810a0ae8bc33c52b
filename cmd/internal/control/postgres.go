package control

import (
	"net/url"
	"strings"
)

// libpq are the parameters of a URL that pg_dump knows as well, other than a password.
var libpq = map[string]bool{
	"host": true, "hostaddr": true, "port": true, "dbname": true, "user": true, "passfile": true, "service": true,
	"sslmode": true, "sslnegotiation": true, "sslrootcert": true, "sslcert": true, "sslkey": true, "sslcrl": true, "sslsni": true,
	"channel_binding": true, "target_session_attrs": true, "connect_timeout": true, "gssencmode": true, "krbsrvname": true, "options": true,
}

// isPostgres reports whether a database URL leads to PostgreSQL.
func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres:") || strings.HasPrefix(database, "postgresql:")
}

// forLibpq is a database URL as the programs of PostgreSQL take it, without its password.
func forLibpq(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		return "postgres://USER@HOST:5432/NAME"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for name := range query {
		if !libpq[name] {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// quote makes a text one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
