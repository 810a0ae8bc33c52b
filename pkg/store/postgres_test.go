package store

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// server is a PostgreSQL of a test's own.
type server struct {
	*testserver.Postgres
	databases atomic.Int64
}

// startPostgres starts a server, and stops it with the test.
func startPostgres(t testing.TB) *server {
	t.Helper()
	return &server{Postgres: testserver.StartPostgres(t, "-c", "shared_buffers=64MB")}
}

// database makes an empty database and returns its URL, which holds a password.
func (s *server) database(t testing.TB) string {
	t.Helper()
	url := s.CreateDatabase(t, fmt.Sprintf("test_%d", s.databases.Add(1)))
	return strings.Replace(url, "postgres@", "postgres:secret-word@", 1)
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("in 30 seconds it did not come to pass that %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
