package service

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/mattn/go-sqlite3"
)

// database is the service's, reached past the service: filling in a million jobs
// by its API would take longer than all measurements.
type database struct {
	*sql.DB
	postgres bool
	// url is what --database-url takes.
	url string
}

func openDatabase(b *testing.B, url string) *database {
	b.Helper()
	d := &database{postgres: strings.HasPrefix(url, "postgres"), url: url}
	var err error
	if d.postgres {
		d.DB, err = sql.Open("pgx", url)
	} else {
		d.DB, err = sql.Open("sqlite3", strings.TrimPrefix(url, "sqlite://")+"?_journal=WAL&_busy_timeout=20000&_synchronous=NORMAL")
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	return d
}

func (d *database) must(b *testing.B, text string, values ...any) {
	b.Helper()
	if _, err := d.ExecContext(context.Background(), text, values...); err != nil {
		b.Fatalf("%v in %s", err, text)
	}
}

func (d *database) number(b *testing.B, text string, values ...any) int {
	b.Helper()
	var n int
	if err := d.QueryRowContext(context.Background(), text, values...).Scan(&n); err != nil {
		b.Fatalf("%v in %s", err, text)
	}
	return n
}

// counting is a table c of the numbers n from 0 to the first parameter less one.
func counting(n int) string {
	return fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %d) ", n-1)
}

// multiply replaces a job by n copies of it, which differ in id and in the text of their URLs.
func (d *database) multiply(b *testing.B, template string, n int) {
	b.Helper()
	// In one transaction, as the service would: it clears definitions away that have no job.
	together, err := d.Begin()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = together.Rollback() }()
	must := func(text string) {
		if _, err := together.Exec(text); err != nil {
			b.Fatalf("%v in %s", err, text)
		}
	}
	// SQLite and PostgreSQL both pad by cutting from the right.
	id := fmt.Sprintf("'%s-' || substr('000000000' || CAST(n AS TEXT), length('000000000' || CAST(n AS TEXT)) - 8)", template)
	for _, copied := range []struct {
		table, key string
		changed    map[string]string
	}{
		{"definitions", "job_id", map[string]string{"job_id": id, "request": "replace(request, '" + template + "', " + id + ")"}},
		{"jobs", "id", map[string]string{"id": id, "name": id, "search": id}},
	} {
		columns := d.columns(b, copied.table)
		values := make([]string, len(columns))
		for i, column := range columns {
			values[i] = column
			if text := copied.changed[column]; text != "" {
				values[i] = text
			}
		}
		list := strings.Join(columns, ", ")
		must(fmt.Sprintf("INSERT INTO %s (%s) %s SELECT %s FROM c, %s WHERE %s = '%s'",
			copied.table, list, counting(n), strings.Join(values, ", "), copied.table, copied.key, template))
		must(fmt.Sprintf("DELETE FROM %s WHERE %s = '%s'", copied.table, copied.key, template))
	}
	if err := together.Commit(); err != nil {
		b.Fatal(err)
	}
}

func (d *database) columns(b *testing.B, table string) []string {
	b.Helper()
	rows, err := d.QueryContext(context.Background(), "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		b.Fatal(err)
	}
	return columns
}

// awaitEnded waits until so many runs have ended well, and says how long after a moment that was.
func (d *database) awaitEnded(b *testing.B, n int, since time.Time, most time.Duration) (ended int, took time.Duration) {
	b.Helper()
	for {
		ended = d.number(b, "SELECT count(*) FROM runs WHERE state = 'succeeded'")
		took = time.Since(since)
		if ended >= n || took > most {
			return ended, took
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// newSQLite is the URL of a database file that is not there yet.
func newSQLite(b *testing.B) string {
	return "sqlite://" + filepath.Join(b.TempDir(), "jobs.db")
}
