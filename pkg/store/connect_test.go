package store

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
)

// What keeps a process from PostgreSQL is one line that names each address once and no password.
func TestAConnectionThatFailsIsToldOnOneLine(t *testing.T) {
	p := testserver.StartPostgres(t)
	limited := p.CreateDatabase(t, "limited")
	db := sqlx.MustConnect("pgx", limited)
	defer db.Close()
	for _, statement := range []string{"CREATE ROLE guest LOGIN PASSWORD 'hunter2'", "CREATE ROLE nobody NOLOGIN", "ALTER DATABASE limited CONNECTION LIMIT 0"} {
		db.MustExec(statement)
	}
	closed := testserver.FreePort(t)
	for name, tc := range map[string]struct{ url, want string }{
		"closed port": {fmt.Sprintf("postgres://guest:hunter2@127.0.0.1:%d/x", closed), fmt.Sprintf("127.0.0.1:%d: connection refused", closed)},
		"by a name": {fmt.Sprintf("postgres://guest:hunter2@localhost:%d/x?sslmode=disable", closed),
			fmt.Sprintf("localhost (127.0.0.1:%d): connection refused", closed)},
		"no database": {fmt.Sprintf("postgres://guest:hunter2@127.0.0.1:%d/none", p.Port), `database "none" does not exist (SQLSTATE 3D000)`},
		"no login":    {fmt.Sprintf("postgres://nobody:hunter2@127.0.0.1:%d/limited", p.Port), `role "nobody" is not permitted to log in`},
		"no connection left": {fmt.Sprintf("postgres://guest:hunter2@127.0.0.1:%d/limited", p.Port),
			`too many connections for database "limited"`},
	} {
		_, err := Open(t.Context(), tc.url, Options{})
		if err == nil {
			t.Errorf("%s: it was opened", name)
			continue
		}
		text, at, _ := err.Error(), "", 0
		if u, _ := url.Parse(tc.url); u != nil {
			at = u.Port()
		}
		if !strings.Contains(text, tc.want) || strings.ContainsAny(text, "\n\t") || strings.Contains(text, "hunter2") || !strings.Contains(text, "127.0.0.1:"+at) {
			t.Errorf("%s: %q, want %q", name, text, tc.want)
		}
		for _, line := range strings.Split(text, "; ") {
			if strings.Count(line, tc.want) > 1 || strings.Contains(line, "failed to") || strings.Contains(line, "dial tcp") {
				t.Errorf("%s: %q", name, text)
			}
		}
		if strings.Count(text, tc.want) != 1 {
			t.Errorf("%s says it more than once: %q", name, text)
		}
	}
}

// Readers who get no connection are told so.
func TestCallersAreToldOfTooManyConnections(t *testing.T) {
	p := testserver.StartPostgres(t)
	address := p.CreateDatabase(t, "few")
	admin := sqlx.MustConnect("pgx", address)
	defer admin.Close()
	if _, err := Open(t.Context(), strings.Replace(address, "postgres@", "guest@", 1), Options{}); err == nil {
		t.Fatal("a role that is not there was let in")
	}
	admin.MustExec("CREATE ROLE guest LOGIN")
	admin.MustExec("GRANT ALL ON SCHEMA public TO guest")
	admin.MustExec("GRANT CREATE ON DATABASE few TO guest")
	s, err := Open(t.Context(), strings.Replace(address, "postgres@", "guest@", 1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	admin.MustExec("ALTER ROLE guest CONNECTION LIMIT 0")
	admin.MustExec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guest'")
	for doing, call := range map[string]func() error{
		"reading": func() error { _, err := s.GetJob(t.Context(), "a"); return err },
		"pinging": func() error { return s.Ping(t.Context()) },
	} {
		var e *job.Error
		err := call()
		if !errors.As(err, &e) || e.Code != job.CodeUnavailable || !strings.Contains(e.Detail, "has no free connection") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

func TestAddressesAreShownWithoutSecrets(t *testing.T) {
	for raw, want := range map[string]string{
		"postgres://u:hunter2@db.example/jobs":                                      "postgres://db.example:5432/jobs",
		"postgres://db.example:5433/jobs?user=u&password=hunter2&sslmode=require":   "postgres://db.example:5433/jobs",
		"postgres://u:hunter2@b:1,a:2,[::1]:3/jobs?target_session_attrs=read-write": "postgres://b:1,a:2,[::1]:3/jobs",
		"sqlite:///var/lib/x/schedule.db":                                           "sqlite:///var/lib/x/schedule.db",
	} {
		a, err := parseAddress(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.shown(); got != want {
			t.Errorf("%s is shown as %q, want %q", raw, got, want)
		}
	}
}

// The log says what became of the schema, and that a newer one is in use by a program that does not know it.
func TestTheLogSaysWhatBecameOfTheSchema(t *testing.T) {
	address := "sqlite://" + filepath.Join(t.TempDir(), "jobs.db")
	open := func() (*Store, string) {
		t.Helper()
		var log strings.Builder
		s, err := Open(t.Context(), address, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		return s, log.String()
	}
	s, log := open()
	known := s.Schema().Known
	wantEqual(t, "the schema", s.Schema(), Schema{From: 0, Version: known, Known: known})
	wantContains(t, log, fmt.Sprintf(`level=INFO msg="schema migrated" from=0 to=%d`, known))
	s.Close()

	s, log = open()
	wantEqual(t, "the schema at the second start", s.Schema(), Schema{From: known, Version: known, Known: known})
	wantEqual(t, "said", log, "")
	s.w.MustExec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", known+2)
	s.Close()

	s, log = open()
	defer s.Close()
	wantEqual(t, "a newer schema", s.Schema(), Schema{From: known + 2, Version: known + 2, Known: known})
	wantContains(t, log, fmt.Sprintf(`level=ERROR msg="the database's schema is newer than this program; finish the upgrade" schema=%d known=%d`, known+2, known))
}
