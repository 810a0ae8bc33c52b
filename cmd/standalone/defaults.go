package main

import (
	"context"
	"fmt"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
)

// fillIn gives the flags that depend on whether others can reach the API.
func (f *flags) fillIn(p *app.Process) {
	if !f.HTTP.Local() {
		return
	}
	if len(f.AllowTargets) == 0 {
		// Who can call this API can reach these targets anyway.
		f.AllowTargets = []string{"loopback", "private"}
		p.Logger.Info("loopback and private targets are allowed, because only this machine can reach the API; see --allow-targets")
	}
	if f.PublicURL == "" {
		f.PublicURL = "http://" + f.Listen + f.BasePath
	}
}

// greet says where everything is.
func (f *flags) greet(p *app.Process) {
	url := "http://" + f.Listen + f.BasePath
	fmt.Printf("schedule-server %s\n  page        %s/\n  docs        %s/docs\n  monitoring  %s/monitoring\n  database    %s\n",
		p.Version, url, url, url, control.Redacted(f.Database.URL()))
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
			p.Logger.Info("a key for secrets was made; without it they cannot be opened, so keep a copy elsewhere", "file", path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("--secret-key (SECRET_KEY) is not given, and the key file cannot be used: %w", err)
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
