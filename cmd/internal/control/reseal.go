package control

import (
	"context"
	"errors"
	"fmt"
	"os"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
)

// reseal seals every secret in a database anew under the first key, whether the
// service runs or not, and prints what came of it. The error says how many could not be opened.
func reseal(ctx context.Context, p *app.Process, database string, secrets app.Secrets) error {
	keys, err := deliver.Keys(secrets)
	if err != nil {
		return err
	}
	if keys == nil {
		return errors.New("--secret-key (SECRET_KEY) is required: the new key, a comma, and the old one")
	}
	s, err := Store(ctx, p, database)
	if err != nil {
		return err
	}
	defer s.Close()
	done, err := s.Reseal(ctx, keys.Reseal)
	fmt.Printf("sealed anew %d, were under the first key already %d, left as they were %d\n", done.Anew, done.Kept, done.Failed)
	for _, fault := range done.Faults {
		fmt.Fprintln(os.Stderr, fault)
	}
	if err == nil && done.Failed > 0 {
		err = fmt.Errorf("%d secrets could not be opened; keep the old key until they are written anew", done.Failed)
	}
	return err
}
