package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/store"
)

// watchKeysEvery is how often it is asked whether there is a key by now.
const watchKeysEvery = time.Second

// ownNetwork lets calls reach this machine and its private network as long as whoever can call the API can reach them
// anyway: it listens on loopback, no proxy is known to be in front, and there is no key. Nil where that is not so, or
// where --allow-targets says what is allowed.
type ownNetwork struct{ open atomic.Bool }

func newOwnNetwork(f *flags, hasKeys bool) *ownNetwork {
	if hasKeys || !f.HTTP.Local() || len(f.AllowTargets)+len(f.TrustedProxies) > 0 || f.PublicURL != "" {
		return nil
	}
	n := new(ownNetwork)
	n.open.Store(true)
	return n
}

// run closes the network to calls as soon as there is a key. It stays closed if the key is deleted again.
func (n *ownNetwork) run(ctx context.Context, s *store.Store, logger *slog.Logger) error {
	tick := time.NewTicker(watchKeysEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if has, err := s.HasKeys(ctx); err == nil && has {
			n.open.Store(false)
			logger.Warn("there is a key now, so calls to this machine and its private network are refused from now on; " +
				"to allow them, start with --allow-targets loopback,private")
			<-ctx.Done()
			return nil
		}
	}
}

// fillIn gives the flags that depend on whether others can reach the API.
func (f *flags) fillIn() {
	if !f.HTTP.Local() {
		return
	}
	if f.PublicURL == "" && !strings.HasSuffix(f.Listen, ":0") { // which port is free shows too late
		f.PublicURL = "http://" + f.Listen + f.BasePath
	}
}

// check reports the first faulty flag, before anything is opened or made.
func (f *flags) check(p *app.Process) error {
	if err := control.Check(p, f.HTTP); err != nil {
		return err
	}
	if err := deliver.Check(f.Delivery); err != nil {
		return err
	}
	if f.RedisURL != "" {
		if err := queue.CheckURL(f.RedisURL); err != nil {
			return err
		}
	}
	if err := store.CheckURL(f.Database.URL()); err != nil {
		return &app.FlagError{Name: "database-url", Err: err}
	}
	return nil
}

// greet says to a person where everything is. Others read it in the log.
func (f *flags) greet(p *app.Process) {
	if p.LogFormat != "text" || !isatty.IsTerminal(os.Stdout.Fd()) {
		return
	}
	url := "http://" + f.Listen + f.BasePath
	fmt.Printf("schedule-server %s\n  page        %s/\n  docs        %s/docs\n  monitoring  %s/monitoring\n", p.Version, url, url, url)
}

// keys are those given, or those of a file in the data folder. It is made when it is not there, unless the database
// holds what was sealed with another key: that one is missing then, and a new one would hide it. Nil: there is none.
func (f *flags) keys(ctx context.Context, p *app.Process, s *store.Store) (*job.Keyring, error) {
	if f.SecretKey != "" {
		return deliver.Keys(f.Secrets)
	}
	path := control.KeyFile(f.Data)
	key, found, err := app.ReadKey(path)
	if err == nil && !found {
		sealed, failed := s.CheckSealed(ctx, (*job.Keyring)(nil).Open)
		if failed != nil || sealed.All > 0 {
			return nil, failed
		}
		if key, _, err = app.KeyFile(path, job.NewKey); err == nil {
			p.Logger.Info("generated a new secret key; back it up, secrets cannot be read without it", "file", path)
		}
	}
	if err != nil {
		return nil, &app.FlagError{Name: "data-dir", Usable: true,
			Err: fmt.Errorf("the file of the secret key cannot be used: %w; make it usable for this user, or pass --secret-key", err)}
	}
	keys, err := job.ParseKeys(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// keyFile is the key file, where the key is not given otherwise.
func (f *flags) keyFile() string {
	if f.SecretKey != "" {
		return ""
	}
	return control.KeyFile(f.Data)
}
