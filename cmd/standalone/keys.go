package main

import (
	"fmt"
	"path/filepath"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
)

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
