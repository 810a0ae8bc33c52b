package control

import (
	"context"
	"fmt"
	"path/filepath"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
)

// Installation is where the flags of a program say that things are.
type Installation struct {
	app.Database
	app.Secrets
	// Standalone says that the program keeps its key in a file when it is given none.
	Standalone bool
	// TimeZone is that of a crontab which names none.
	TimeZone string
	// OwnRedis says that no process shares a Redis with it.
	OwnRedis bool
}

// KeyFile is where a standalone keeps its key.
func KeyFile(d app.Data) string { return filepath.Join(d.DataDir, "secret.key") }

// secretKey is a key for secrets, and where it comes from.
type secretKey struct {
	// text is as it was given; empty when there is no key.
	text string
	// ring is nil when there is no key.
	ring *job.Keyring
	// file holds it; empty when it was given by flag or environment.
	file string
}

// key is the key that was given, or that of the key file.
func (in *Installation) key() (secretKey, error) {
	if in.SecretKey != "" {
		ring, err := deliver.Keys(in.Secrets)
		return secretKey{text: in.SecretKey, ring: ring}, err
	}
	return readKey(KeyFile(in.Data))
}

// readKey reads a key file; one that is not there holds no key.
func readKey(file string) (secretKey, error) {
	text, found, err := app.ReadKey(file)
	if err != nil || !found {
		return secretKey{}, err
	}
	ring, err := job.ParseKeys(text)
	if err != nil {
		return secretKey{}, fmt.Errorf("%s: %w", file, err)
	}
	return secretKey{text, ring, file}, nil
}

// AddSealed adds to the group a look at the sealed texts in the database: a WARN line says when the key does not open
// them. Restored without its key, a database looks sound until a job needs a secret. A standalone names its key file.
func AddSealed(g *app.Group, p *app.Process, s *store.Store, keys *job.Keyring, keyFile string) {
	g.Add("sealed texts", func(ctx context.Context) error {
		found, err := s.CheckSealed(ctx, keys.Open)
		switch {
		case err != nil && ctx.Err() == nil:
			p.Logger.Warn("whether the key opens the secrets in the database could not be checked", "error", err)
		case found.Shut > 0:
			p.Logger.Warn(shutWarning(keys, keyFile), "cannot_be_opened", found.Shut, "of", found.All, "first", found.First)
		}
		<-ctx.Done()
		return nil
	})
}

// shutWarning says what it means that a key does not open what is sealed, and what to do.
func shutWarning(keys *job.Keyring, keyFile string) string {
	const means = "jobs that need them fail with secret_unavailable. "
	switch {
	case keyFile == "" && keys == nil:
		return "the database holds secrets, and this process was given no key: " + means + "Give it --secret-key (SECRET_KEY)"
	case keyFile == "":
		return "the key does not open secrets in the database: " + means +
			"Add the key that sealed them to --secret-key (SECRET_KEY), behind a comma, or set these secrets and credentials again"
	case keys == nil:
		return "the database holds secrets, and their key is missing: " + means + "No new key was made. Put the key back into " + keyFile +
			" (a backup keeps it beside the database, with .key at the end of its name) and start again. To go on without it, write a new key there " +
			"(openssl rand -base64 32) and set every secret and credential again"
	}
	return "the key does not open secrets in the database: " + means + "Add the key that sealed them to " + keyFile +
		", behind a comma, and start again, or set these secrets and credentials again"
}

// WarnBesideServer warns of a server whose Redis is inside it: this process has another one. It calls nothing, so it does no harm.
func WarnBesideServer(ctx context.Context, p *app.Process, database string) {
	if err := store.CheckServer(ctx, database); job.CodeOf(err) == job.CodeConflict {
		p.Logger.Warn("runs that this API starts or cancels are noticed late by the server that calls them", "error", err)
	}
}
