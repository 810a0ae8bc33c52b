package service

import (
	"context"

	"schedule-server/pkg/job"
)

// SecretStore keeps sealed secrets.
type SecretStore interface {
	// PutSecret makes or changes a secret and reports whether it is new; job.CodeConflict when there are too many,
	// job.CodeInvalid for a new one without a value.
	PutSecret(ctx context.Context, c *job.SecretChange, now job.Instant) (info *job.SecretInfo, created bool, err error)
	// DeleteSecret deletes a secret; job.CodeConflict as long as a job uses it.
	DeleteSecret(ctx context.Context, name string, now job.Instant) error
	// GetSecret reads what may be known of a secret.
	GetSecret(ctx context.Context, name string) (*job.SecretInfo, error)
	// ListSecrets reads what may be known of all secrets, by name.
	ListSecrets(ctx context.Context) ([]job.SecretInfo, error)
	// Complete adds the sealed secrets that a task of no job uses; job.CodeInvalid names one that does not exist, or may not go to its target.
	Complete(ctx context.Context, task *job.Task) error
}

// SecretChange is what a caller writes of a secret.
type SecretChange struct {
	// Value is nil when it is to stay.
	Value *string `json:"value"`
	// Hosts are nil when they are to stay.
	Hosts *[]string `json:"hosts"`
}

// PutSecret makes a secret, or changes the value or the hosts of the one of that
// name. Calls that are queued already use what was there before.
func (s *Service) PutSecret(ctx context.Context, name string, in *SecretChange) (info *job.SecretInfo, created bool, err error) {
	c := &job.SecretChange{Name: name}
	value := "kept"
	if in.Value != nil {
		value = *in.Value
	}
	if err := job.CheckSecret(name, value); err != nil {
		return nil, false, err
	}
	if in.Hosts != nil {
		hosts, err := job.ReadSecretHosts(*in.Hosts)
		if err != nil {
			return nil, false, err
		}
		c.Hosts = &hosts
	}
	if in.Value != nil {
		if c.Sealed, err = s.keys.Seal(job.SecretPlace(name), value); err != nil {
			return nil, false, err
		}
	}
	return s.store.PutSecret(ctx, c, s.now())
}

// seal takes the credentials that are written out in a job away; those that are to stay are the old job's, nil for none.
func (s *Service) seal(j, old *job.Job) error {
	var stored *job.Request
	if old != nil {
		stored = &old.Request
	}
	return j.Request.Seal(s.keys, j.ID, stored)
}

// Secret reads what may be known of a secret.
func (s *Service) Secret(ctx context.Context, name string) (*job.SecretInfo, error) {
	return s.store.GetSecret(ctx, name)
}

// Secrets reads what may be known of all secrets, by name.
func (s *Service) Secrets(ctx context.Context) ([]job.SecretInfo, error) {
	return s.store.ListSecrets(ctx)
}

// DeleteSecret deletes a secret; job.CodeConflict as long as a job uses it.
func (s *Service) DeleteSecret(ctx context.Context, name string) error {
	return s.store.DeleteSecret(ctx, name, s.now())
}
