package main

import (
	"fmt"
	"path/filepath"

	"schedule-server/cmd/internal/control"
	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
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

// keys are those given, or one of a file in the data folder, which is made when it is not there.
func (f *flags) keys(p *app.Process) (*job.Keyring, error) {
	if f.SecretKey == "" {
		path := filepath.Join(f.DataDir, "secret.key")
		key, made, err := app.KeyFile(path, job.NewKey)
		if err != nil {
			return nil, fmt.Errorf("--secret-key is not given, and its file cannot be used: %w", err)
		}
		if made {
			p.Logger.Info("a key for secrets was made; without it they cannot be opened, so keep a copy elsewhere", "file", path)
		}
		f.SecretKey = key
	}
	return deliver.Keys(f.Secrets)
}
