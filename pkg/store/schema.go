package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// Schema is which migrations a database has, by their numbers.
type Schema struct {
	// From is where it stood when this process opened it, Version where it stands.
	From, Version int64
	// Known is the newest that this program knows.
	Known int64
}

// upgrade runs the migrations that a database lacks.
func upgrade(ctx context.Context, provider *goose.Provider) (s Schema, err error) {
	for _, source := range provider.ListSources() {
		s.Known = max(s.Known, source.Version)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return s, err
	}
	if s.Version, err = provider.GetDBVersion(ctx); err != nil {
		return s, err
	}
	if s.From = s.Version; len(done) > 0 {
		s.From = done[0].Source.Version - 1
	}
	return s, nil
}

// log tells operators what became of the schema.
func (s Schema) log(logger *slog.Logger) {
	switch {
	case s.Version > s.Known:
		// It goes on: one version is replaced by another while processes of both run.
		logger.Error("the database's schema is newer than this program; finish the upgrade", "schema", s.Version, "known", s.Known)
	case s.From < s.Version:
		logger.Info("schema migrated", "from", s.From, "to", s.Version)
	}
}

// Schema is where the database's schema stood when it was opened.
func (s *Store) Schema() Schema { return s.schema }

// Address is the database's URL without user, password and options. It is put together from
// these parts, so that nothing else of the URL can be in it.
func (s *Store) Address() string { return s.shown }

// ShownURL is a database URL as Address gives it; empty for one that is none.
func ShownURL(databaseURL string) string {
	a, err := parseAddress(databaseURL)
	if err != nil {
		return ""
	}
	return a.shown()
}

// shown is the URL as people may see it.
func (a *address) shown() string {
	if a.dialect == sqlite {
		return "sqlite://" + a.file
	}
	var hosts []string
	add := func(host string, port uint16) {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if at := fmt.Sprintf("%s:%d", host, port); !slices.Contains(hosts, at) {
			hosts = append(hosts, at)
		}
	}
	add(a.config.Host, a.config.Port)
	for _, f := range a.config.Fallbacks { // the other hosts, and each once more without TLS
		add(f.Host, f.Port)
	}
	return "postgres://" + strings.Join(hosts, ",") + "/" + cmp.Or(a.config.Database, a.config.User)
}
