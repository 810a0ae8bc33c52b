package store

import (
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// connectError is a connection that PostgreSQL's driver could not make, told on one line and
// each address once: the driver repeats itself, for it tries with TLS and without.
type connectError struct {
	text string
	err  error
}

// Error says for each address what went wrong.
func (e *connectError) Error() string { return e.text }

// Unwrap gives the driver's error.
func (e *connectError) Unwrap() error { return e.err }

// triedAddress is how the driver begins what it says of an address: "127.0.0.1:5432 (localhost): ".
var triedAddress = regexp.MustCompile(`^(\S+:\d+) \(([^)]*)\): (.*)$`)

// plain gives an error the text that people need.
func plain(err error) error {
	var known *connectError
	var failed *pgconn.ConnectError
	if err == nil || errors.As(err, &known) || !errors.As(err, &failed) {
		return err
	}
	_, details, _ := strings.Cut(failed.Error(), "`:")
	var lines []string
	for line := range strings.Lines(details) {
		if line = tried(strings.TrimSpace(line)); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) > 1 { // that a server has no TLS is of no interest beside what it said without
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasSuffix(l, "server refused TLS connection") })
	}
	return &connectError{"cannot connect to " + strings.Join(lines, "; "), err}
}

// tried shortens what the driver says of one address.
func tried(line string) string {
	found := triedAddress.FindStringSubmatch(line)
	if found == nil {
		return line
	}
	address, host, fault := found[1], found[2], found[3]
	for _, said := range []string{"dial error: ", "server error: ", "dial tcp " + address + ": ", "connect: "} {
		fault = strings.TrimPrefix(fault, said)
	}
	if at, _, err := net.SplitHostPort(address); err == nil && at != host {
		address = host + " (" + address + ")"
	}
	return address + ": " + fault
}

// postgresAils says what keeps PostgreSQL from doing its work, by its code.
func postgresAils(code string) string {
	switch code {
	case "53300":
		return "has no free connection: raise its max_connections, or run fewer processes"
	case "28000", "28P01":
		return "refuses the login"
	case "3D000":
		return "does not exist on its server"
	case "26000", "42P05":
		return "is behind a pooler that loses prepared statements: add ?default_query_exec_mode=cache_describe to its URL"
	case "57P01", "57P02", "57P03":
		return "is starting up or shutting down"
	}
	return "does not answer"
}

// CheckURL reports what is wrong with a database URL, as Open does, and opens nothing.
func CheckURL(databaseURL string) error {
	_, err := parseAddress(databaseURL)
	return err
}
